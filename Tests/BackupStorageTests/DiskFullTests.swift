import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Glibc
import Testing

/// Against a real file system that is full or read-only.
@Suite(.serialized, .enabled(if: SmallDisk.isPossible, "needs root, to mount a small tmpfs"))
struct DiskFullTests {
    @Test func aFullDiskFailsTheRunAndKeepsTheRest() throws {
        for size in stride(from: 32, through: 96, by: 4) {
            let disk = try SmallDisk(kilobytes: size)
            let repository = try DirectoryRepository.create(path: disk.path + "/r", id: UUID())
            try Example.publish(Example.location("good"), in: repository)
            try expectFull(repository)
            let good = try repository.manifest(of: Example.location("good")).manifest
            #expect(try SnapshotChecker.problems(of: repository.openArchive(Example.location("good")), good) == [])
            _ = try repository.sweepIncoming { _ in false }
            try repository.delete(Example.location("good"))
            try Example.publish(Example.location("next"), in: repository)
        }
    }

    /// Publishes until there is no room; every one but the last is there.
    private func expectFull(_ repository: DirectoryRepository) throws {
        for number in 0..<200 {
            let location = try Example.location(String(format: "%04d", number))
            do {
                try Example.publish(location, in: repository)
            } catch let error as BackupError {
                #expect(error.code == .storageFull)
                #expect(
                    error.message.contains("cannot write to repository '\(repository.name)': no space left on device"))
                #expect(try repository.snapshots().filter(\.hasManifest).count == number + 1)
                return
            }
        }
        Issue.record("the disk never became full")
    }

    @Test func noInodesLeftIsFullToo() throws {
        let disk = try SmallDisk(options: "size=1m,nr_inodes=12")
        let repository = try DirectoryRepository.create(path: disk.path + "/r", id: UUID())
        try Example.publish(Example.location("good"), in: repository)
        try expectFull(repository)
    }

    @Test func aReadOnlyDiskIsNamed() throws {
        let disk = try SmallDisk(kilobytes: 256)
        let path = disk.path + "/r"
        let repository = try DirectoryRepository.create(path: path, id: UUID())
        try Example.publish(Example.location(), in: repository)
        let incoming = try repository.createIncoming(for: Example.run("aaaa"))
        try incoming.discard()
        #expect(disk.remount("ro") == 0)
        for work in [
            { _ = try repository.createIncoming(for: Example.run("bbbb")) },
            { try repository.delete(Example.location()) },
        ] {
            let error = #expect(throws: BackupError.self) { try work() }
            #expect(error?.code == .storageReadOnly)
            #expect(error?.message.contains(path) == true)
        }
        #expect(try repository.snapshots().count == 1)
    }

    @Test func anUnmountedDiskIsNotWrittenTo() throws {
        let disk = try SmallDisk(kilobytes: 256)
        let repository = try DirectoryRepository.create(path: disk.path, id: UUID())
        disk.unmount()
        let error = #expect(throws: BackupError.self) { try repository.createIncoming(for: Example.run()) }
        #expect(error?.code == .noRepository)
        #expect(throws: BackupError.self) { try DirectoryRepository(path: disk.path) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
    }
}

/// A tmpfs of its own; unmounted when this object is gone.
final class SmallDisk {
    let folder: TemporaryFolder
    var path: String { folder.path }

    static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        return (try? SmallDisk(kilobytes: 64)) != nil
    }()

    convenience init(kilobytes: Int) throws { try self.init(options: "size=\(kilobytes)k") }

    init(options: String) throws {
        folder = try TemporaryFolder()
        guard Self.run("mount", ["-t", "tmpfs", "-o", options + ",mode=700", "tmpfs", folder.path]) == 0 else {
            throw TestFailure()
        }
    }

    deinit { unmount() }

    func remount(_ option: String) -> Int32 { Self.run("mount", ["-o", "remount,\(option)", path]) }
    func unmount() { _ = Self.run("umount", ["-l", path]) }

    private static func run(_ program: String, _ arguments: [String]) -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return -1 }
        process.waitUntilExit()
        return process.terminationStatus
    }
}
