import BackupModel
import BackupPipeline
import Foundation

/// A file under `Fixtures`.
func fixture(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
}

/// Keeps all that is written; `failingAfter` bytes it throws.
final class CollectingSink: ByteSink {
    private(set) var bytes: [UInt8] = []
    private(set) var isFinished = false
    private let failingAfter: Int

    init(failingAfter: Int = .max) { self.failingAfter = failingAfter }

    func write(_ piece: UnsafeRawBufferPointer) throws {
        guard bytes.count + piece.count <= failingAfter else { throw TestFailure() }
        bytes.append(contentsOf: piece)
    }

    func finish() throws { isFinished = true }
}

struct TestFailure: Error, Equatable {}

/// Gives bytes in pieces of the given sizes, over and over; then ends, or fails.
final class PiecewiseSource: ByteSource {
    private var rest: ArraySlice<UInt8>
    private let sizes: [Int]
    private var turn = 0
    private let failure: (any Error)?

    init(_ bytes: [UInt8], sizes: [Int] = [.max], failure: (any Error)? = nil) {
        rest = bytes[...]
        self.sizes = sizes
        self.failure = failure
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if rest.isEmpty, let failure { throw failure }
        let piece = rest.prefix(min(buffer.count, max(1, sizes[turn % sizes.count])))
        turn += 1
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
}

/// Bytes in memory that can be read from any place, and a count of those that were.
final class MemoryFile: StoredFile {
    let bytes: [UInt8]
    let name = "memory"
    private(set) var readBytes = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var size: UInt64 { UInt64(bytes.count) }

    func source(_ range: Range<UInt64>) -> any ByteSource {
        readBytes += range.count
        return PiecewiseSource(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
    }
}

/// A small generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Bytes of which about half can be compressed away.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
        let word = generator.next()
        bytes.append(UInt8(truncatingIfNeeded: word & 15))
        if word & 64 != 0 { bytes += Array(bytes.suffix(Int(word >> 60))) }
    }
    return Array(bytes.prefix(count))
}

func gzipped(
    _ bytes: [UInt8], memberSize: Int = GzipStage.memberSize, workers: Int = 2, compression: Compression = .balanced
) throws -> [UInt8] {
    let sink = CollectingSink()
    let stage = try GzipStage(into: sink, compression: compression, workers: workers, memberSize: memberSize)
    try stage.write(bytes)
    try stage.finish()
    return sink.bytes
}

func gunzipped(_ bytes: [UInt8], sizes: [Int] = [.max], limit: UInt64 = .max) throws -> [UInt8] {
    try GunzipSource(PiecewiseSource(bytes, sizes: sizes), limit: limit, workers: 2).collect(limit: .max)
}

/// Members made by hand, with the data stored and not compressed, so that every field can be set.
struct MemberBuilder {
    var data: [UInt8]
    var flags: UInt8 = 0
    var method: UInt8 = 8
    var extra: [UInt8]?
    var name: String?
    var comment: String?
    var headerChecksum: UInt16?
    var hasHeaderChecksum = false
    var checksum: UInt32?
    var length: UInt32?

    init(_ data: [UInt8]) { self.data = data }

    /// Stored blocks (RFC 1951, section 3.2.4).
    var deflate: [UInt8] {
        var result: [UInt8] = []
        var rest = data[...]
        repeat {
            let piece = rest.prefix(0xFFFF)
            rest = rest.dropFirst(piece.count)
            let count = UInt16(piece.count)
            result += [rest.isEmpty ? 1 : 0] + count.bytes + (~count).bytes + piece
        } while !rest.isEmpty
        return result
    }

    static func sizeField(_ length: Int) -> [UInt8] { [77, 90, 4, 0] + UInt32(truncatingIfNeeded: length).bytes }

    var bytes: [UInt8] {
        var all = flags
        if extra != nil { all |= 4 }
        if name != nil { all |= 8 }
        if comment != nil { all |= 16 }
        if hasHeaderChecksum { all |= 2 }
        var header: [UInt8] = [0x1F, 0x8B, method, all, 1, 2, 3, 4, 0, 3]
        if let extra { header += UInt16(extra.count).bytes + extra }
        if let name { header += Array(name.utf8) + [0] }
        if let comment { header += Array(comment.utf8) + [0] }
        if hasHeaderChecksum { header += (headerChecksum ?? UInt16(truncatingIfNeeded: crc32(header))).bytes }
        return header + deflate + (checksum ?? crc32(data)).bytes + (length ?? UInt32(data.count)).bytes
    }
}

extension FixedWidthInteger {
    var bytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}

/// Bit by bit, and so independent of the library that is tested.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
}

/// Runs a program with bytes as its input; its exit status and output.
func run(_ program: String, _ arguments: [String], input: [UInt8]) throws -> (status: Int32, output: [UInt8]) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("input")
    try Data(input).write(to: file)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, Array(data))
}

/// Peak of the process's resident memory, in KiB.
func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}
