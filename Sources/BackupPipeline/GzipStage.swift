package import BackupModel
internal import CDeflate
internal import CIgzip

/// Compresses what passes into independent gzip members, on several threads, and hands them on in order.
///
/// Every member but the last holds exactly `memberSize` bytes and states its own stored size (`GzipFormat`), so the file
/// can be read in parallel and from the middle; for everyone else it is a plain gzip file. Where the members begin
/// depends on the bytes alone, and with libdeflate so does the file; with ISA-L it can differ (`CIgzip.h`). A failure of
/// the receiver or of a thread comes out of the next `write` or `finish`. The receiver is called on a thread of the stage
/// until `finish`, and finished by the caller's.
package final class GzipStage: ByteSink {
    package static let memberSize = 1 << 20

    private let core: Core
    private var writer: WorkerThread?
    private var current: Member?
    private var taken: UInt64 = 0
    private var hasMembers = false
    private var isAbandoned = false

    /// Threads: `workers` that compress, and one that writes. About 2 MiB of memory for each of `2 * workers + 2`.
    package init(
        into sink: any ByteSink, compression: Compression = .balanced, workers: Int? = nil,
        memberSize: Int = GzipStage.memberSize
    ) throws {
        let workers = max(1, workers ?? min(16, processorCount()))
        core = try Core(sink: sink, compression: compression, workers: workers, memberSize: max(1, memberSize))
        let core = core
        writer = try WorkerThread { core.writeMembers() }
    }

    deinit { abandon() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let member = try currentMember()
            let count = member.plain.append(UnsafeRawBufferPointer(rebasing: rest))
            rest = rest.dropFirst(count)
            taken += UInt64(count)
            if member.plain.count == member.plain.capacity { try submitCurrent() }
        }
    }

    /// Compresses what is left, waits until all is handed on, and finishes the receiver.
    package func finish() throws {
        // Zero bytes of input are one empty member: an empty file would not be a gzip file.
        if current != nil || !hasMembers {
            _ = try currentMember()
            try submitCurrent()
        }
        core.members.close()
        writer?.join()
        try core.throwFailure()
        guard !isAbandoned, uncompressedBytes == taken else { throw StageAbandoned() }
        try core.sink.finish()
    }

    /// Gives up: ends all threads, after the call to the receiver that is under way, and passes nothing more on.
    package func abandon() {
        core.members.abandon()
        core.free.abandon()
        writer?.join()
        writer = nil
        isAbandoned = true
    }

    /// Where each member lies; complete after `finish`.
    package var members: MemberTable { core.result.read { $0.table } }
    package var uncompressedBytes: UInt64 { core.result.read { $0.table.uncompressedBytes } }
    package var storedBytes: UInt64 { core.result.read { $0.table.storedBytes } }

    private func currentMember() throws -> Member {
        if let current { return current }
        guard let member = core.free.take() else {
            try core.throwFailure()
            throw StageAbandoned()
        }
        current = member
        return member
    }

    private func submitCurrent() throws {
        guard let member = current else { return }
        current = nil
        hasMembers = true
        guard core.members.submit(member) else {
            try core.throwFailure()
            throw StageAbandoned()
        }
    }
}

/// Thrown by a stage that is used after it failed or was abandoned.
package struct StageAbandoned: Error, CustomStringConvertible {
    package var description: String { "the stream was given up" }
}

extension GzipStage {
    /// One member on its way: filled by the caller, compressed by a worker, written by the writer, then used again.
    fileprivate final class Member {
        let plain: ByteBuffer
        let stored: ByteBuffer

        init(plainCapacity: Int, storedCapacity: Int) {
            plain = ByteBuffer(capacity: plainCapacity)
            stored = ByteBuffer(capacity: storedCapacity)
        }
    }

    /// What the threads share. It does not know the stage, so that dropping the stage ends them.
    fileprivate final class Core: @unchecked Sendable {
        // `sink` is used by the writer thread alone until that has been joined.
        let sink: any ByteSink
        let members: OrderedWorkers<Member>
        let free: BoundedQueue<Member>
        let result = Monitor((table: MemberTable(), failure: (any Error)?.none))

        init(sink: any ByteSink, compression: Compression, workers: Int, memberSize: Int) throws {
            self.sink = sink
            let count = 2 * workers + 2
            members = try OrderedWorkers(workers: workers, depth: count) {
                let compressor = try Compressor(compression)
                return { try compressor.compress($0) }
            }
            free = BoundedQueue(capacity: count)
            let bound = try Compressor(compression).storedBound(memberSize)
            for _ in 0..<count { free.put(Member(plainCapacity: memberSize, storedCapacity: bound)) }
        }

        func writeMembers() {
            do {
                while let member = try members.next() {
                    try sink.write(member.stored.bytes)
                    result.change { $0.table.append(uncompressed: member.plain.count, stored: member.stored.count) }
                    member.plain.reset()
                    free.put(member)
                }
            } catch {
                result.change { $0.failure = error }
                // The other way round, the caller could see the end before the reason.
                members.close(failure: error)
                free.abandon()
            }
        }

        func throwFailure() throws {
            if let failure = result.read({ $0.failure }) { throw failure }
        }
    }

    /// Makes members on one thread.
    fileprivate final class Compressor {
        private let encoder: any DeflateEncoder
        /// For what cannot be compressed.
        private let copier: LibdeflateEncoder

        init(_ compression: Compression) throws {
            copier = try LibdeflateEncoder(level: 0)
            encoder =
                switch compression {
                case .fast: try IgzipEncoder()
                case .balanced: try LibdeflateEncoder(level: 6)
                case .small: try LibdeflateEncoder(level: 10)
                }
        }

        func storedBound(_ count: Int) -> Int {
            GzipFormat.sizedHeaderLength + max(encoder.bound(count), copier.bound(count)) + GzipFormat.trailerLength
        }

        func compress(_ member: Member) throws {
            let stored = member.stored
            stored.reset()
            let room = UnsafeMutableRawBufferPointer(
                rebasing: stored.memory[GzipFormat.sizedHeaderLength..<(stored.capacity - GzipFormat.trailerLength)])
            let encoder = isWorthEncoding(member.plain.bytes, room) ? encoder : copier
            let length = encoder.encode(member.plain.bytes, into: room)
            guard length > 0, let size = UInt32(exactly: length) else { throw CompressorUnavailable() }
            stored.append(GzipFormat.sizedHeader(deflateLength: size))
            stored.count += length
            stored.append(GzipFormat.checksum(member.plain.bytes).littleEndianBytes)
            stored.append(UInt32(truncatingIfNeeded: member.plain.count).littleEndianBytes)
        }

        /// `room` is written to, and as large as all of `bytes` takes.
        private func isWorthEncoding(_ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Bool {
            guard Compressibility.isEven(bytes) else { return true }
            let trial = Compressibility.trial(of: bytes)
            let length = encoder.encode(trial, into: room)
            return length > 0 && Double(length) <= Double(trial.count) * (1 - Compressibility.leastGain)
        }
    }
}

/// Makes deflate data (RFC 1951) of a block of memory; for one thread.
private protocol DeflateEncoder {
    /// The most bytes that so many can become.
    func bound(_ count: Int) -> Int
    /// The number of bytes written; 0 when they do not fit, or the encoder failed.
    func encode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int
}

/// libdeflate, at one of its levels.
private final class LibdeflateEncoder: DeflateEncoder {
    private let handle: OpaquePointer

    init(level: Int32) throws {
        guard let handle = libdeflate_alloc_compressor(level) else { throw CompressorUnavailable() }
        self.handle = handle
    }

    deinit { libdeflate_free_compressor(handle) }

    func bound(_ count: Int) -> Int { libdeflate_deflate_compress_bound(handle, count) }

    func encode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int {
        libdeflate_deflate_compress(handle, bytes.baseAddress, bytes.count, output.baseAddress, output.count)
    }
}

/// ISA-L's encoder: seven times as fast as libdeflate's level 6, for some 10 % more bytes.
private final class IgzipEncoder: DeflateEncoder {
    private let handle: UnsafeMutableRawPointer

    init() throws {
        guard let handle = cigzip_make() else { throw CompressorUnavailable() }
        self.handle = handle
    }

    deinit { cigzip_free(handle) }

    func bound(_ count: Int) -> Int { cigzip_bound(count) }

    func encode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int {
        cigzip_deflate(handle, bytes.baseAddress, bytes.count, output.baseAddress, output.count)
    }
}

/// Thrown when an encoder has no memory for its tables, or does not take a block that must fit.
package struct CompressorUnavailable: Error, CustomStringConvertible {
    package var description: String { "the compressor could not be started" }
}
