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
    /// Passes on what is left, in pieces that are valid during the call. A source that has its bytes in memory gives
    /// those, and none is copied.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws
}

extension ByteSink {
    package func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }
}

extension ByteSource {
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

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

    /// Passes everything to the sink without finishing it; the number of bytes.
    @discardableResult
    package func copy(to sink: any ByteSink, check: () throws -> Void = {}) throws -> UInt64 {
        var total: UInt64 = 0
        try forEachPiece { piece in
            try check()
            try sink.write(piece)
            total += UInt64(piece.count)
        }
        return total
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
