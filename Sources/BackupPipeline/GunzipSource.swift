/// Gives the uncompressed bytes of any valid gzip stream, and an error for every other.
///
/// Members that state their size are inflated in parallel; the others one after the other, one thread ahead of the
/// reader. Checked are the CRC and the length of every member and that nothing follows the last. Memory is bounded
/// whatever the data claims: a member that states more than `largestSizedMember` is inflated piece by piece. Bytes of
/// a member may come out before its end has been checked, so what is read counts only once `read` has returned 0.
package final class GunzipSource: ByteSource {
    /// Above this size, compressed or not, a member is not held in memory as a whole.
    package static let largestSizedMember = 2 << 20

    private let core: GunzipCore
    private var parser: WorkerThread?
    private var current: GunzipCore.Chunk?
    private var position = 0
    private var outcome: Result<Void, any Error>?

    /// `limit`: the number of uncompressed bytes that are accepted. `acceptsForeign`: whether members may have headers
    /// that `GzipStage` does not write. The source is read on a thread of our own until this object is gone.
    package init(
        _ source: any ByteSource, limit: UInt64 = .max, acceptsForeign: Bool = true, workers: Int? = nil
    ) throws {
        let workers = max(1, workers ?? min(16, processorCount()))
        let core = try GunzipCore(source: source, limit: limit, acceptsForeign: acceptsForeign, workers: workers)
        self.core = core
        parser = try WorkerThread { core.run() }
    }

    deinit { abandon() }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !buffer.isEmpty, let chunk = try nextChunk() else { return 0 }
        let count = min(buffer.count, chunk.plain.count - position)
        let piece = UnsafeRawBufferPointer(rebasing: chunk.plain.bytes[position..<(position + count)])
        buffer.copyMemory(from: piece)
        position += count
        return count
    }

    package func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        while let chunk = try nextChunk() {
            let piece = UnsafeRawBufferPointer(rebasing: chunk.plain.bytes[position...])
            position = chunk.plain.count
            try body(piece)
        }
    }

    /// Ends the threads, after the read of the source that is under way.
    package func abandon() {
        core.abandon()
        parser?.join()
        parser = nil
    }

    /// The chunk with bytes left to read; nil at the end.
    private func nextChunk() throws -> GunzipCore.Chunk? {
        if let outcome {
            try outcome.get()
            return nil
        }
        do {
            while true {
                if let current, position < current.plain.count { return current }
                if let current { core.free.put(current) }
                position = 0
                current = try core.chunks.next()
                guard current != nil else { break }
            }
            guard core.isComplete else { throw StageAbandoned() }
            outcome = .success(())
            return nil
        } catch {
            current = nil
            outcome = .failure(error)
            throw error
        }
    }
}
