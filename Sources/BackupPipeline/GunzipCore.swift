import CDeflate
import Synchronization

/// The threads' part of `GunzipSource`: one that reads members, several that inflate.
final class GunzipCore: @unchecked Sendable {
    // `input`, `inflater` and `produced` belong to the thread that calls `run`.
    private let input: StoredReader
    private let inflater: StreamInflater
    private let limit: UInt64
    private let acceptsForeign: Bool
    private var produced: UInt64 = 0
    private let complete = Atomic<Bool>(false)
    let chunks: OrderedWorkers<Chunk>
    let free: BoundedQueue<Chunk>

    private static let streamedChunk = 1 << 18

    /// Uncompressed bytes on their way to the reader; before that, when `member` is set, one member to inflate.
    final class Chunk {
        let stored = ByteBuffer(capacity: 0)
        let plain = ByteBuffer(capacity: 0)
        var member: SizedMember?
    }

    struct SizedMember {
        var offset: UInt64
        var deflateLength: Int
        var plainLength: Int
        var checksum: UInt32
    }

    init(source: any ByteSource, limit: UInt64, acceptsForeign: Bool, workers: Int) throws {
        input = StoredReader(source)
        inflater = try StreamInflater()
        self.limit = limit
        self.acceptsForeign = acceptsForeign
        let count = 2 * workers + 2
        chunks = try OrderedWorkers(workers: workers, depth: count) {
            let decompressor = try Decompressor()
            return { try decompressor.inflate($0) }
        }
        free = BoundedQueue(capacity: count)
        for _ in 0..<count { free.put(Chunk()) }
    }

    /// Whether the source was read to an end that is legal.
    var isComplete: Bool { complete.load(ordering: .acquiring) }

    func abandon() {
        free.abandon()
        chunks.abandon()
    }

    /// Reads members until the end, an error, or until nobody wants more.
    func run() {
        do {
            try readMembers()
            complete.store(true, ordering: .releasing)
            chunks.close()
        } catch {
            chunks.close(failure: error)
        }
    }

    private func readMembers() throws {
        guard try !input.isAtEnd() else { throw GzipError(.truncated, at: 0, "the file is empty") }
        var isFirst = true
        while try !input.isAtEnd() {
            let header = try GzipHeader(reading: input, isFirst: isFirst)
            isFirst = false
            guard acceptsForeign || header.isOurs else {
                throw GzipError(
                    .damaged, at: header.offset, "the header of the member that begins here is not as it was written")
            }
            if let length = header.deflateLength, length <= UInt32(GunzipSource.largestSizedMember) {
                try readSizedMember(header, length: Int(length))
            } else {
                try streamMember(header, input)
            }
        }
    }

    /// Reads one member whole and leaves it to a worker, unless it claims to be too large for that when inflated.
    private func readSizedMember(_ header: GzipHeader, length: Int) throws {
        let chunk = try freeChunk()
        let whole = length + GzipFormat.trailerLength
        chunk.stored.reset(capacity: whole)
        let start = input.offset
        try input.read(whole, into: chunk.stored)
        let plainLength = UInt32(littleEndianIn: chunk.stored.bytes, at: length + 4)
        guard plainLength <= UInt32(GunzipSource.largestSizedMember) else {
            let held = StoredReader(HeldBytes(chunk.stored), capacity: 1 << 16, offset: start)
            try streamMember(header, held)
            guard try held.isAtEnd() else { throw GzipError.wrongSizeField(at: header.offset) }
            free.put(chunk)
            return
        }
        try produce(Int(plainLength))
        chunk.member = SizedMember(
            offset: header.offset, deflateLength: length, plainLength: Int(plainLength),
            checksum: UInt32(littleEndianIn: chunk.stored.bytes, at: length))
        try submit(chunk, isDone: false)
    }

    private func streamMember(_ header: GzipHeader, _ input: StoredReader) throws {
        let start = input.offset
        var checksum: UInt32 = 0
        var length: UInt32 = 0
        try inflater.begin()
        var ended = false
        while !ended {
            let chunk = try freeChunk()
            chunk.plain.reset(capacity: Self.streamedChunk)
            ended = try inflater.fill(chunk.plain, from: input, memberOffset: header.offset)
            checksum = Decompressor.checksum(chunk.plain.bytes, after: checksum)
            length &+= UInt32(truncatingIfNeeded: chunk.plain.count)
            try produce(chunk.plain.count)
            if chunk.plain.count > 0 { try submit(chunk, isDone: true) } else { free.put(chunk) }
        }
        if let stated = header.deflateLength, UInt64(stated) != input.offset - start {
            throw GzipError.wrongSizeField(at: header.offset)
        }
        try checkTrailer(input, header, checksum: checksum, length: length)
    }

    private func checkTrailer(_ input: StoredReader, _ header: GzipHeader, checksum: UInt32, length: UInt32) throws {
        let trailer = ByteBuffer(capacity: GzipFormat.trailerLength)
        try input.read(GzipFormat.trailerLength, into: trailer)
        guard UInt32(littleEndianIn: trailer.bytes, at: 0) == checksum else {
            throw GzipError.wrongChecksum(at: header.offset)
        }
        guard UInt32(littleEndianIn: trailer.bytes, at: 4) == length else {
            throw GzipError.wrongLength(at: header.offset)
        }
    }

    private func produce(_ count: Int) throws {
        guard UInt64(count) <= limit - produced else {
            throw GzipError(.tooLong, at: input.offset, "it holds more than the \(limit) bytes that are expected")
        }
        produced += UInt64(count)
    }

    private func freeChunk() throws -> Chunk {
        guard let chunk = free.take() else { throw StageAbandoned() }
        chunk.member = nil
        return chunk
    }

    private func submit(_ chunk: Chunk, isDone: Bool) throws {
        guard chunks.submit(chunk, isDone: isDone) else { throw StageAbandoned() }
    }
}

/// One thread's libdeflate decompressor.
private final class Decompressor {
    private let handle: OpaquePointer

    init() throws {
        guard let handle = libdeflate_alloc_decompressor() else { throw CompressorUnavailable() }
        self.handle = handle
    }

    deinit { libdeflate_free_decompressor(handle) }

    /// Inflates the chunk's member and checks that it is what its trailer and size field say.
    func inflate(_ chunk: GunzipCore.Chunk) throws {
        guard let member = chunk.member else { return }
        chunk.plain.reset(capacity: member.plainLength)
        var consumed = 0
        var produced = 0
        let result = libdeflate_deflate_decompress_ex(
            handle, chunk.stored.memory.baseAddress, member.deflateLength, chunk.plain.memory.baseAddress,
            member.plainLength, &consumed, &produced)
        guard result == LIBDEFLATE_SUCCESS || result == LIBDEFLATE_INSUFFICIENT_SPACE else {
            throw GzipError.wrongData(at: member.offset)
        }
        guard result == LIBDEFLATE_SUCCESS, produced == member.plainLength else {
            throw GzipError.wrongLength(at: member.offset)
        }
        guard consumed == member.deflateLength else { throw GzipError.wrongSizeField(at: member.offset) }
        chunk.plain.count = produced
        guard Self.checksum(chunk.plain.bytes) == member.checksum else {
            throw GzipError.wrongChecksum(at: member.offset)
        }
    }

    /// Not by the library that wrote it (`GzipFormat.checksum`): other readers of gzip do not have that one either.
    static func checksum(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return previous }
        return libdeflate_crc32(previous, base, bytes.count)
    }
}

/// A member that is in memory already, as a source of its bytes.
private final class HeldBytes: ByteSource {
    private let buffer: ByteBuffer
    private var position = 0

    init(_ buffer: ByteBuffer) { self.buffer = buffer }

    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(target.count, buffer.count - position)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer.bytes[position..<(position + count)]))
        position += count
        return count
    }
}

extension GzipError {
    static func wrongData(at offset: UInt64) -> GzipError {
        GzipError(.damaged, at: offset, "the compressed data of the member that begins here is damaged")
    }

    static func wrongChecksum(at offset: UInt64) -> GzipError {
        GzipError(.damaged, at: offset, "the checksum of the member that begins here does not match")
    }

    static func wrongLength(at offset: UInt64) -> GzipError {
        GzipError(.damaged, at: offset, "the member that begins here does not have the length it states")
    }

    static func wrongSizeField(at offset: UInt64) -> GzipError {
        GzipError(.damaged, at: offset, "the member that begins here does not have the stored size it states")
    }
}
