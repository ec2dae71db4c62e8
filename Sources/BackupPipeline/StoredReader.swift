/// Buffered reading of stored bytes that knows its offset, for the gzip parser.
final class StoredReader {
    private let source: any ByteSource
    private let buffer: ByteBuffer
    private var position = 0
    /// The stored offset of the next byte.
    private(set) var offset: UInt64

    init(_ source: any ByteSource, capacity: Int = 1 << 16, offset: UInt64 = 0) {
        self.source = source
        self.offset = offset
        buffer = ByteBuffer(capacity: capacity)
    }

    func isAtEnd() throws -> Bool { try available().isEmpty }

    /// The bytes at hand, after reading some when there are none; empty at the end only.
    func available() throws -> UnsafeRawBufferPointer {
        if position == buffer.count {
            position = 0
            buffer.reset()
            buffer.count = try source.read(into: buffer.room)
        }
        return UnsafeRawBufferPointer(rebasing: buffer.bytes[position...])
    }

    func skip(_ count: Int) {
        position += count
        offset += UInt64(count)
    }

    func byte() throws -> UInt8 {
        guard let first = try available().first else { throw truncated() }
        skip(1)
        return first
    }

    /// Appends exactly `count` bytes to the target, which has room for them.
    func read(_ count: Int, into target: ByteBuffer) throws {
        let end = target.count + count
        while target.count < end {
            if position == buffer.count, end - target.count >= buffer.capacity {
                let room = UnsafeMutableRawBufferPointer(rebasing: target.room[..<(end - target.count)])
                let count = try source.read(into: room)
                guard count > 0 else { throw truncated() }
                target.count += count
                offset += UInt64(count)
                continue
            }
            let bytes = try available()
            guard !bytes.isEmpty else { throw truncated() }
            let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(end - target.count))
            skip(target.append(piece))
        }
    }

    func truncated() -> GzipError { GzipError(.truncated, at: offset, "the file ends inside a gzip member") }
}
