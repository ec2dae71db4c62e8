import CZlib

/// Inflates one member after the other, piece by piece, with zlib.
final class StreamInflater {
    // zlib keeps a pointer to the structure, which therefore must not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init() throws {
        stream.initialize(to: z_stream())
        // A negative window size means deflate data without a zlib header (zlib.h).
        let result = inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            stream.deallocate()
            throw CompressorUnavailable()
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Gets ready for the next member's deflate data.
    func begin() throws {
        guard inflateReset(stream) == Z_OK else { throw CompressorUnavailable() }
    }

    /// Inflates until the buffer is full or the deflate data has ended; whether it has.
    func fill(_ output: ByteBuffer, from input: StoredReader, memberOffset: UInt64) throws -> Bool {
        while output.count < output.capacity {
            let bytes = try input.available()
            guard !bytes.isEmpty else { throw input.truncated() }
            let room = output.room
            // zlib does not write through next_in; its type only predates const.
            stream.pointee.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?
                .assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_in = uInt(clamping: bytes.count)
            stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_out = uInt(clamping: room.count)
            let offered = (input: stream.pointee.avail_in, output: stream.pointee.avail_out)
            let result = inflate(stream, Z_NO_FLUSH)
            input.skip(Int(offered.input - stream.pointee.avail_in))
            output.count += Int(offered.output - stream.pointee.avail_out)
            switch result {
            case Z_STREAM_END: return true
            case Z_OK: continue
            default: throw GzipError.wrongData(at: memberOffset)
            }
        }
        return false
    }
}
