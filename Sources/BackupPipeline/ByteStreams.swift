/// Where bytes go: the receiving end of a stage or of a file.
///
/// One thread at a time calls it. `write` takes all of the bytes or throws; it does not keep the pointer. `finish`
/// says that the stream ended as it was meant to: without it, whatever was written counts for nothing. After a throw
/// neither is called again.
package protocol ByteSink: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer) throws
    func finish() throws
}

/// Where bytes come from.
///
/// `read` fills at least one byte of a buffer that is not empty, blocks until it can, and returns 0 at the end only.
/// The end is a promise: a stream that is cut short throws instead.
package protocol ByteSource: AnyObject {
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

extension ByteSink {
    package func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }
}

extension ByteSource {
    /// Fills the buffer unless the stream ends before; the number of bytes read.
    package func readFully(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard count > 0 else { break }
            filled += count
        }
        return filled
    }

    /// Passes everything to the sink, in pieces of `chunk` bytes at most, without finishing it; the number of bytes.
    @discardableResult
    package func copy(to sink: any ByteSink, chunk: Int = 1 << 18, check: () throws -> Void = {}) throws -> UInt64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
        defer { buffer.deallocate() }
        var total: UInt64 = 0
        while true {
            try check()
            let count = try read(into: buffer)
            guard count > 0 else { return total }
            try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += UInt64(count)
        }
    }

    /// Everything, for small streams; throws once there is more than `limit`.
    package func collect(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limit else { throw StreamTooLong(limit: limit) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}

/// Thrown by `ByteSource.collect` for a stream that is longer than its caller can use.
package struct StreamTooLong: Error, CustomStringConvertible {
    package let limit: Int
    package var description: String { "more than \(limit) bytes" }
}
