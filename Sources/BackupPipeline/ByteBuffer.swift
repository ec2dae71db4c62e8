/// Raw memory with a fill mark, kept and used again.
///
/// Owned by one thread at a time; growing drops the contents.
final class ByteBuffer {
    private(set) var memory: UnsafeMutableRawBufferPointer
    var count = 0

    private let alignment: Int

    init(capacity: Int, alignment: Int = 64) {
        self.alignment = alignment
        memory = .allocate(byteCount: max(1, capacity), alignment: alignment)
    }

    deinit { memory.deallocate() }

    var capacity: Int { memory.count }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count...]) }

    /// Empties the buffer and makes it hold at least `capacity` bytes.
    func reset(capacity needed: Int = 0) {
        count = 0
        guard needed > memory.count else { return }
        memory.deallocate()
        memory = .allocate(byteCount: needed, alignment: alignment)
    }

    /// Takes as many of the bytes as there is room for; that number.
    func append(_ source: UnsafeRawBufferPointer) -> Int {
        let taken = min(source.count, memory.count - count)
        guard taken > 0 else { return 0 }
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<(count + taken)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<taken]))
        count += taken
        return taken
    }

    func append(_ source: [UInt8]) { _ = source.withUnsafeBytes { append($0) } }
}
