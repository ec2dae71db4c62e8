internal import Synchronization

/// Documents one after the other in raw memory, on their way from a reader to the writer; then used again.
///
/// One thread at a time has it. Growing keeps what is in it.
final class DocumentBuffer: @unchecked Sendable {
    private var memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var documents = 0

    init(capacity: Int) {
        memory = .allocate(byteCount: max(1, capacity), alignment: 64)
    }

    deinit { memory.deallocate() }

    var capacity: Int { memory.count }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// Appends whole documents, `documents` of them.
    func append(_ bytes: UnsafeRawBufferPointer, documents more: Int = 1) {
        if bytes.count > memory.count - count { grow(to: max(count + bytes.count, min(2 * memory.count, 1 << 20))) }
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<(count + bytes.count)]).copyMemory(from: bytes)
        count += bytes.count
        documents += more
    }

    /// Calls with each document and its number, in order; `documents` must be what the bytes are.
    func forEachDocument(_ body: (Int, UnsafeRawBufferPointer) throws -> Void) rethrows {
        var start = 0
        var number = 0
        while count - start >= 5 {
            let length = Int(Int32(littleEndian: memory.loadUnaligned(fromByteOffset: start, as: Int32.self)))
            guard length >= 5, length <= count - start else { break }
            try body(number, UnsafeRawBufferPointer(rebasing: memory[start..<(start + length)]))
            start += length
            number += 1
        }
    }

    func reset() {
        count = 0
        documents = 0
    }

    private func grow(to needed: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: needed, alignment: 64)
        larger.copyMemory(from: bytes)
        memory.deallocate()
        memory = larger
    }
}

/// Buffers that nobody uses at the moment. One that had to grow is not kept.
final class DocumentBufferPool: Sendable {
    private let free = Mutex<[DocumentBuffer]>([])
    let size: Int

    init(size: Int) { self.size = size }

    func take() -> DocumentBuffer { free.withLock { $0.popLast() } ?? DocumentBuffer(capacity: size) }

    func give(_ buffer: DocumentBuffer) {
        guard buffer.capacity == size else { return }
        buffer.reset()
        free.withLock { $0.append(buffer) }
    }
}
