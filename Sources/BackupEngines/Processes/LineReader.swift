internal import Foundation
internal import Glibc

/// Cuts a stream into lines, whatever it is: long lines are cut short, and nothing is kept but the line that has begun.
struct LineReader {
    /// Bytes of one line; the rest of a longer one is dropped.
    static let limit = 8192

    private var line: [UInt8] = []
    private var isCut = false

    /// `take` gets each line without its end; the bytes are valid during the call.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Void) {
        var rest = bytes
        while let end = rest.offset(of: UInt8(ascii: "\n")) {
            let whole = UnsafeRawBufferPointer(rebasing: rest[..<end])
            if line.isEmpty, whole.count <= Self.limit {
                take(whole)
            } else {
                append(whole)
                flush(take)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
        }
        append(rest)
    }

    /// A last line without an end of its own.
    mutating func finish(_ take: (UnsafeRawBufferPointer) -> Void) {
        if !line.isEmpty { flush(take) }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let room = max(0, Self.limit - line.count)
        line.append(contentsOf: bytes.prefix(room))
        if bytes.count > room { isCut = true }
    }

    private mutating func flush(_ take: (UnsafeRawBufferPointer) -> Void) {
        if isCut { line.append(contentsOf: "...".utf8) }
        line.withUnsafeBytes(take)
        line.removeAll(keepingCapacity: true)
        isCut = false
    }
}

extension UnsafeRawBufferPointer {
    /// `firstIndex(of:)`, as fast as the C library has it.
    fileprivate func offset(of byte: UInt8) -> Int? {
        guard let start = baseAddress, let found = memchr(start, Int32(byte), count) else { return nil }
        return UnsafeRawPointer(found) - start
    }
}

extension FileHandle {
    /// Reads to the end, or until `take` throws; waits as long as `check` does not throw.
    func readAll(
        chunk: Int = 1 << 18, check: () throws -> Void, _ take: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            try check()
            var wanted = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, 100) > 0 else { continue }
            let count = Glibc.read(fileDescriptor, buffer.baseAddress, buffer.count)
            if count > 0 {
                try take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            } else if count == 0 {
                return
            } else if errno != EINTR {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
        }
    }
}
