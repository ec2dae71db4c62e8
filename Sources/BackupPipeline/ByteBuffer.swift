import Glibc

/// Raw memory with a fill mark, kept and used again.
///
/// Owned by one thread at a time; growing drops the contents.
final class ByteBuffer {
    private(set) var memory: UnsafeMutableRawBufferPointer
    var count = 0

    private let alignment: Int
    private let isForDevice: Bool

    /// Memory for a device to write into, past the page cache, is not given to children: with `fork`, which would make it
    /// copied on write, what the device writes could end up in the other copy (open(2), O_DIRECT). It must be whole pages.
    init(capacity: Int, alignment: Int = 64, isForDevice: Bool = false) {
        self.alignment = alignment
        self.isForDevice = isForDevice
        memory = .allocate(byteCount: max(1, capacity), alignment: alignment)
        keepFromChildren(true)
    }

    deinit { release() }

    var capacity: Int { memory.count }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count...]) }

    /// Empties the buffer and makes it hold at least `capacity` bytes.
    func reset(capacity needed: Int = 0) {
        count = 0
        guard needed > memory.count else { return }
        release()
        memory = .allocate(byteCount: needed, alignment: alignment)
        keepFromChildren(true)
    }

    private func release() {
        keepFromChildren(false)
        memory.deallocate()
    }

    private func keepFromChildren(_ isKept: Bool) {
        guard isForDevice else { return }
        madvise(memory.baseAddress, memory.count, isKept ? MADV_DONTFORK : MADV_DOFORK)
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
