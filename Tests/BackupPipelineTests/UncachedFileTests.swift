import BackupModel
import CLinux
import Foundation
import Testing

@testable import BackupPipeline

/// What is read past the cache is what is in the file, wherever one begins and however much one asks for.
@Suite struct UncachedFileTests {
    private static let size = (3 << 20) + 4096 + 77

    /// A folder that is removed with the value.
    private final class Folder {
        let path: String

        init(in parent: String = NSTemporaryDirectory()) throws {
            path = "\(parent)/backupctl-uncached-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func file(_ bytes: [UInt8]) throws -> String {
            try Data(bytes).write(to: URL(filePath: path + "/file"))
            return path + "/file"
        }
    }

    private func noise() -> [UInt8] {
        var generator = SeededGenerator(seed: 3)
        return (0..<(Self.size / 8 + 1)).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
            .dropLast(8 - Self.size % 8)
    }

    /// Memory file systems may know no reading past the cache: there it is read as usual.
    @Test(arguments: [NSTemporaryDirectory(), "/dev/shm"]) func everyRangeIsThatOfTheFile(place: String) throws {
        let folder = try Folder(in: place)
        let bytes = noise()
        #expect(bytes.count == Self.size)
        let path = try folder.file(bytes)
        let file = UncachedFile(try DiskFile(path: path))
        #expect(file.size == UInt64(Self.size) && file.name == path)
        let edges = [0, 1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 3 << 20, Self.size - 1, Self.size]
        for start in edges {
            for end in edges where start <= end {
                let source = file.source(UInt64(start)..<UInt64(end))
                #expect(try source.collect(limit: .max) == Array(bytes[start..<end]), "\(start)..<\(end)")
            }
        }
        // Two sources at once, in small steps, one of which is dropped before its end.
        let first = file.source()
        var second: (any ByteSource)? = file.source(5..<UInt64(Self.size))
        var collected: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 70_001)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try first.read(into: $0) }
            guard count > 0 else { break }
            collected += buffer[..<count]
            _ = try buffer.withUnsafeMutableBytes { try second?.read(into: $0) }
            if collected.count > 1 << 20 { second = nil }
        }
        #expect(collected == bytes)
    }

    @Test(arguments: [0, 1, 4096, 1 << 20]) func aFileThatHasBecomeShorterIsAnErrorNotTheEnd(length: Int) throws {
        let folder = try Folder()
        let path = try folder.file(noise())
        let file = UncachedFile(try DiskFile(path: path))
        #expect(truncate(path, length) == 0)
        for start: UInt64 in [0, 7] {
            let error = #expect(throws: BackupError.self) {
                try file.source(start..<UInt64(Self.size)).collect(limit: .max)
            }
            #expect(error?.code == .archiveDamaged && error?.message.contains("ends at byte") == true)
        }
    }

    /// A disk of larger blocks refuses what is made for smaller ones: here, a read that begins nowhere near one.
    @Test func whatADiskRefusesIsReadThroughTheCache() throws {
        let folder = try Folder()
        let bytes = noise()
        let file = try DiskFile(path: folder.file(bytes))
        try #require(csystem_read_past_cache(file.descriptor, 1) == 0)
        var buffer = [UInt8](repeating: 0, count: 100)
        func read(recovering: Bool) throws -> Int {
            try buffer.withUnsafeMutableBytes { buffer in
                try file.read(buffer, at: 7) { recovering && csystem_read_past_cache(file.descriptor, 0) == 0 }
            }
        }
        #expect(throws: BackupError.self) { try read(recovering: false) }
        #expect(try read(recovering: true) == 100)
        #expect(buffer == Array(bytes[7..<107]))
        #expect(try read(recovering: false) == 100)
    }

    @Test func whatIsReadTakesNoPlaceInTheCache() throws {
        let folder = try Folder()
        let path = try folder.file(noise())
        let file = try DiskFile(path: path)
        #expect(fsync(file.descriptor) == 0 && posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
        func cachedPages() throws -> Int {
            let memory = try #require(mmap(nil, Self.size, PROT_READ, MAP_SHARED, file.descriptor, 0))
            defer { munmap(memory, Self.size) }
            var pages = [UInt8](repeating: 0, count: Self.size / 4096 + 1)
            try #require(mincore(memory, Self.size, &pages) == 0)
            return pages.count { $0 & 1 == 1 }
        }
        let before = try cachedPages()
        #expect(try UncachedFile(file).source().collect(limit: .max).count == Self.size)
        #expect(try cachedPages() <= before)
        _ = try DiskFile(path: path).source().collect(limit: .max)
        #expect(try cachedPages() == Self.size / 4096 + 1)
    }

    /// What a device writes into must not be copied on write because a child is being started (open(2)).
    @Test func childrenDoNotGetTheMemoryThatADeviceWritesInto() throws {
        let buffer = ByteBuffer(capacity: 1 << 20, alignment: 4096, isForDevice: true)
        let usual = ByteBuffer(capacity: 1 << 20, alignment: 4096)
        let edges = [0, (1 << 20) - 4096]
        #expect(try edges.allSatisfy { try isKeptFromChildren(buffer.memory.baseAddress! + $0) })
        #expect(try edges.allSatisfy { try !isKeptFromChildren(usual.memory.baseAddress! + $0) })
        buffer.reset(capacity: 3 << 20)
        #expect(try isKeptFromChildren(buffer.memory.baseAddress! + (2 << 20)))
        withExtendedLifetime(usual) {}
    }

    /// Flag `dc` of the mapping (proc_pid_smaps(5)).
    private func isKeptFromChildren(_ address: UnsafeMutableRawPointer) throws -> Bool {
        let place = UInt(bitPattern: address)
        var isInside = false
        let maps = try #require(try FileHandle(forReadingFrom: URL(filePath: "/proc/self/smaps")).readToEnd())
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            let edges = line.prefix { $0 != " " }.split(separator: "-").map { UInt($0, radix: 16) }
            if edges.count == 2, let start = edges[0], let end = edges[1] { isInside = (start..<end).contains(place) }
            if isInside, line.hasPrefix("VmFlags:") { return line.split(separator: " ").contains("dc") }
        }
        Issue.record("no mapping holds the memory")
        return false
    }

    @Test func aReaderAheadGivesWhatItsSourceGivesAndItsFailure() throws {
        let bytes = Array(noise().prefix(100_000))
        for size in [1, 4096, 70_000, 200_000] {
            let source = try ReadAheadSource(PiecewiseSource(bytes, sizes: [3000])) { ByteBuffer(capacity: size) }
            #expect(try source.collect(limit: .max) == bytes)
            var byte: UInt8 = 0
            #expect(try withUnsafeMutableBytes(of: &byte) { try source.read(into: $0) } == 0)
        }
        let failing = try ReadAheadSource(FailingSource(after: bytes)) { ByteBuffer(capacity: 4096) }
        let sink = CollectingSink()
        #expect(throws: TestFailure.self) { try failing.copy(to: sink) }
        #expect(sink.bytes == bytes)
    }
}

/// Gives some bytes, and then fails.
private final class FailingSource: ByteSource {
    private var rest: ArraySlice<UInt8>

    init(after bytes: [UInt8]) { rest = bytes[...] }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !rest.isEmpty else { throw TestFailure() }
        let count = min(buffer.count, rest.count)
        buffer.copyBytes(from: rest.prefix(count))
        rest = rest.dropFirst(count)
        return count
    }
}
