/// What another source gives, read by a thread of its own some pieces ahead of the reader.
final class ReadAheadSource: ByteSource {
    private let core: Core
    private var reader: WorkerThread?
    private var current: ByteBuffer?
    private var position = 0

    /// The source is read on that thread until this object is gone, into so many pieces of memory.
    init(_ source: any ByteSource, pieces: Int = 3, makePiece: () -> ByteBuffer) throws {
        let core = try Core(source)
        for _ in 0..<pieces { core.free.put(makePiece()) }
        self.core = core
        reader = try WorkerThread { core.run() }
    }

    deinit {
        core.abandon()
        reader?.join()
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty, let piece = try piece() else { return 0 }
        let count = min(target.count, piece.count - position)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.bytes[position..<(position + count)]))
        position += count
        return count
    }

    /// The piece with bytes left to read; nil at the end.
    private func piece() throws -> ByteBuffer? {
        if let current, position < current.count { return current }
        if let current { core.free.put(current) }
        position = 0
        current = nil
        current = try core.filled.next()
        return current
    }

    /// What both threads use. It does not know the object that is read, so that dropping that one ends the thread.
    private final class Core: @unchecked Sendable {
        // `source` is used by the reading thread alone; the two queues have locks of their own.
        private let source: any ByteSource
        let filled: OrderedWorkers<ByteBuffer>
        let free = BoundedQueue<ByteBuffer>(capacity: .max)

        init(_ source: any ByteSource) throws {
            self.source = source
            filled = try OrderedWorkers(workers: 0, depth: .max) { { _ in } }
        }

        func run() {
            do {
                while let piece = free.take() {
                    piece.reset()
                    piece.count = try source.read(into: piece.room)
                    guard piece.count > 0, filled.submit(piece, isDone: true) else { break }
                }
                filled.close()
            } catch {
                filled.close(failure: error)
            }
        }

        func abandon() {
            free.abandon()
            filled.abandon()
        }
    }
}
