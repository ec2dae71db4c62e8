import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Glibc
import Synchronization

func fixture(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
}

/// A directory of the test's own, gone with this object.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("backupctl-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Every name below, folders too, sorted.
    var tree: [String] { (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted() }

    func write(_ name: String, _ bytes: [UInt8] = []) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path(of: name)))
    }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path(of: name)))) }
}

/// What all tests agree on.
enum Example {
    static func run(_ suffix: String = "k3f9") throws -> RunID {
        guard let run = RunID("20260114T020000Z-\(suffix)") else { throw TestFailure() }
        return run
    }

    static func location(_ suffix: String = "k3f9", job: String = "orders") throws -> SnapshotLocation {
        try SnapshotLocation(job: JobName(job), run: run(suffix))
    }

    static func manifest(
        _ location: SnapshotLocation, in repository: any Repository, _ content: SnapshotContent
    ) -> SnapshotManifest {
        SnapshotManifest(
            location: location, repositoryId: repository.repositoryId,
            startedAt: Date(timeIntervalSince1970: 1_768_356_000),
            finishedAt: Date(timeIntervalSince1970: 1_768_356_061.5),
            engine: EngineIdentity(name: "builtin", version: "1"),
            server: .init(
                version: "6.0.5", featureCompatibilityVersion: "6.0", topology: "replica-set", replicaSet: "rs0"),
            consistency: .perCollection, source: .init(hosts: ["db1:27017"], database: "orders", exclude: ["*.tmp"]),
            content: content, compression: .balanced, warnings: ["a 'warning' with \"quotes\" / slashes and ü"])
    }

    /// Writes the archive through all stages.
    static func store(_ archive: [UInt8], into incoming: any IncomingFile) throws -> SnapshotContent {
        let gzip = try GzipStage(into: incoming, workers: 2, memberSize: 1000)
        let index = IndexStage(into: gzip)
        try index.write(archive)
        try index.finish()
        return SnapshotContent(index: index.index, members: gzip.members, storedBytes: gzip.storedBytes)
    }

    /// The whole of a backup, with the read-back.
    @discardableResult
    static func publish(_ location: SnapshotLocation, in repository: any Repository) throws -> PublishedSnapshot {
        let incoming = try repository.createIncoming(for: location.run)
        let content = try store(fixture("10-base.archive"), into: incoming)
        let manifest = manifest(location, in: repository, content)
        return try repository.publish(incoming) { try SnapshotChecker.sealed(manifest, by: $0) }
    }
}

extension Repository {
    /// Sweeps until `count` unfinished files went, and gives their runs. A child that another test starts just then has a copy
    /// of their descriptors, and with them the locks, until it runs its program.
    func swept(_ count: Int, keeping keeps: (RunID) -> Bool = { _ in false }) throws -> [RunID] {
        let deadline = ContinuousClock.now + .seconds(20)
        var runs = try sweepIncoming(keeping: keeps)
        while runs.count < count, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.01)
            runs += try sweepIncoming(keeping: keeps)
        }
        return runs
    }
}

struct TestFailure: Error, Equatable {}

/// Bytes in memory as a stored file.
final class MemoryFile: StoredFile {
    let bytes: [UInt8]
    let name = "memory"

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var size: UInt64 { UInt64(bytes.count) }

    func source(_ range: Range<UInt64>) -> any ByteSource {
        PrefixedSource(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]), NoBytes())
    }
}

final class NoBytes: ByteSource {
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }
}

/// The file system with one fault: the call of that number fails, or is where the process was killed.
final class FaultyFileCalls: FileCalls {
    enum Fault: Sendable {
        case fails(Int32)
        /// From there on nothing happens any more.
        case stops
    }

    private let system = SystemFileCalls()
    private let place: Int
    private let fault: Fault
    private let count = Mutex(0)

    init(_ fault: Fault, at place: Int) {
        self.fault = fault
        self.place = place
    }

    /// How many changes were asked for.
    var calls: Int { count.withLock { $0 } }

    private func step() throws {
        let number = count.withLock { count in
            count += 1
            return count
        }
        switch fault {
        case .fails(let code): if number == place { throw CallFailed(code) }
        case .stops: if number >= place { throw TestFailure() }
        }
    }

    func openDirectory(path: String) throws -> Int32 { try system.openDirectory(path: path) }
    func close(_ descriptor: Int32) { system.close(descriptor) }
    func startWriting(_ descriptor: Int32, from offset: UInt64, count: UInt64) {}
    func dropCache(_ descriptor: Int32) { system.dropCache(descriptor) }
    func status(path: String) throws -> stat { try system.status(path: path) }
    func status(of descriptor: Int32) throws -> stat { try system.status(of: descriptor) }
    func status(_ name: String, in folder: Int32) throws -> stat { try system.status(name, in: folder) }
    func names(in folder: Int32) throws -> [String] { try system.names(in: folder) }
    /// NFS gives exclusive locks to those only who may write (`flock(2)`).
    func lock(_ descriptor: Int32, _ operation: Int32) throws {
        let mode = fcntl(descriptor, F_GETFL) & O_ACCMODE
        if operation & LOCK_EX != 0, mode == O_RDONLY { throw CallFailed(EBADF) }
        try system.lock(descriptor, operation)
    }

    func open(_ name: String, in folder: Int32, flags: Int32, mode: mode_t) throws -> Int32 {
        if flags & O_CREAT != 0 { try step() }
        return try system.open(name, in: folder, flags: flags, mode: mode)
    }

    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws -> Int {
        try step()
        // Short writes are legal at any time.
        return try system.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(max(1, bytes.count / 2))), to: descriptor)
    }

    func sync(_ descriptor: Int32) throws {
        try step()
        try system.sync(descriptor)
    }

    func setMode(_ mode: mode_t, of descriptor: Int32) throws {
        try step()
        try system.setMode(mode, of: descriptor)
    }

    func makeFolder(_ name: String, in folder: Int32) throws {
        try step()
        try system.makeFolder(name, in: folder)
    }

    func renameNew(_ name: String, in folder: Int32, to newName: String, in newFolder: Int32) throws {
        try step()
        try system.renameNew(name, in: folder, to: newName, in: newFolder)
    }

    func remove(_ name: String, in folder: Int32) throws {
        try step()
        try system.remove(name, in: folder)
    }
}
