import BackupCatalog
import BackupEngines
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import GRDB
import MongoArchive
import Synchronization
import Testing

@testable import BackupOperations

/// A directory of a test's own, gone with this object.
final class Scratch: Sendable {
    let path: String
    private let isOwner: Bool

    init() throws {
        isOwner = true
        path = FileManager.default.temporaryDirectory.path + "/backupctl-operations-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// One that another process made and removes.
    init(at path: String) {
        self.path = path
        isOwner = false
    }

    deinit { if isOwner { try? FileManager.default.removeItem(atPath: path) } }

    var statePath: String { path + "/state" }

    func path(of name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: path(of: name)))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(of: name))
        return path(of: name)
    }
}

extension Scratch {
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(of: name)))
        return path(of: name)
    }
}

/// Another file, and how many bytes of it were read.
final class CountingFile: StoredFile, @unchecked Sendable {
    // Threads of a source read it while the test waits for them.
    private let file: any StoredFile
    private let count = Mutex<UInt64>(0)

    init(_ file: any StoredFile) { self.file = file }

    var size: UInt64 { file.size }
    var name: String { file.name }
    var readBytes: UInt64 { count.withLock { $0 } }

    func source(_ range: Range<UInt64>) -> any ByteSource { Source(file.source(range), self) }

    private final class Source: ByteSource {
        private let source: any ByteSource
        private let file: CountingFile

        init(_ source: any ByteSource, _ file: CountingFile) { (self.source, self.file) = (source, file) }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            let count = try source.read(into: buffer)
            file.count.withLock { $0 += UInt64(count) }
            return count
        }
    }
}

/// Bytes in memory as a stored file.
final class BytesFile: StoredFile {
    private let bytes: [UInt8]
    let name = "memory"

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var size: UInt64 { UInt64(bytes.count) }

    func source(_ range: Range<UInt64>) -> any ByteSource {
        PrefixedSource(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]), Nothing())
    }

    private final class Nothing: ByteSource {
        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }
    }
}

enum GzipStageOutput {
    static func bytes(_ data: [UInt8], memberSize: Int) throws -> [UInt8] {
        let sink = CollectingSink()
        let stage = try GzipStage(into: sink, workers: 1, memberSize: memberSize)
        try stage.write(data)
        try stage.finish()
        return sink.bytes
    }
}

/// The mode bits of a file, without following a link.
func mode(_ path: String) throws -> UInt32 {
    var status = stat()
    try #require(lstat(path, &status) == 0, "there is no '\(path)'")
    return status.st_mode & 0o7777
}

func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

func fixture(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    return Array(try Data(contentsOf: folder.appending(path: name)))
}

/// A clock that goes on by a second each time it is looked at, so that runs and snapshots have an order.
final class TickingClock: Sendable {
    static let start = Date(timeIntervalSince1970: 1_768_356_000)

    private let readings = Mutex(0)
    private let start: Date
    private let onReading: @Sendable (Int) -> Void

    init(start: Date = TickingClock.start, onReading: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.start = start
        self.onReading = onReading
    }

    /// How often it was looked at.
    var count: Int { readings.withLock { $0 } }

    var now: @Sendable () -> Date {
        { [self] in
            let number = readings.withLock {
                $0 += 1
                return $0
            }
            onReading(number)
            return start + TimeInterval(number)
        }
    }
}

/// A workspace with the job `orders`, whose connection string holds a password.
struct Site {
    static let password = "S3cr3tCanary"
    static let uri = "mongodb://alice:\(password)@db.example:27017/?authSource=admin"

    let scratch: Scratch
    var workspace: Workspace
    var job: BackupModel.Job
    let clock: TickingClock

    init(
        _ scratch: Scratch? = nil, policy: RunPolicy = RunPolicy(), clock: TickingClock = TickingClock()
    ) throws {
        self.scratch = try scratch ?? Scratch()
        self.clock = clock
        workspace = try Workspace.open(statePath: self.scratch.statePath, now: clock.now())
        job = try JobEditing(workspace: workspace).create(
            name: JobName("orders"), connection: .literal(Self.uri),
            source: JobSource(connection: .literal(""), scope: .deployment), engine: .auto, policy: policy,
            now: clock.now())
    }

    var repositoryPath: String { workspace.state.defaultRepository }

    func run(
        _ engine: FakeEngine, calls: (any FileCalls)? = nil, cancellation: Cancellation = Cancellation(),
        watch: (RunProgress) -> Void = { _ in }
    ) throws -> Run {
        var workspace = workspace
        workspace.engine = { _ in engine }
        if let calls { workspace.fileCalls = calls }
        return try RunBackup(workspace: workspace, cancellation: cancellation, now: clock.now).run(
            job: job, trigger: .manual, watch: watch)
    }

    /// Snapshots of which a file is in the repository, whatever the catalog says.
    func entries() throws -> [SnapshotEntry] { try workspace.repository("default").snapshots() }

    func incoming() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: repositoryPath + "/.incoming")
    }

    /// Runs SQL beside the catalog, without its rules but those in the file.
    func execute(_ sql: String) throws { try Self.execute(sql, state: scratch.statePath) }

    static func execute(_ sql: String, state: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        try DatabaseQueue(path: state + "/catalog.sqlite", configuration: configuration).write {
            try $0.execute(sql: sql)
        }
    }

    /// Files below the state directory, other than those in `secrets/`, in which the bytes occur.
    func files(with text: String) throws -> [String] {
        let names = FileManager.default.enumerator(atPath: scratch.statePath)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            guard !name.hasPrefix("secrets/") else { return false }
            let data = FileManager.default.contents(atPath: scratch.statePath + "/" + name)
            return data?.range(of: Data(text.utf8)) != nil
        }
    }
}

extension Site {
    /// What must hold whatever was done: one row and one whole pair of files for each snapshot, nothing unfinished.
    func expectConsistent(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let listed = try workspace.catalog.snapshots(job: nil)
        let repository = try workspace.repository("default")
        for snapshot in listed {
            let location = try SnapshotLocation(id: snapshot.id)
            let read = try repository.manifest(of: location)
            #expect(read.sha256 == snapshot.manifestSHA256, sourceLocation: sourceLocation)
            let problems = try SnapshotChecker.problems(of: repository.openArchive(location), read.manifest)
            #expect(problems == [], sourceLocation: sourceLocation)
            #expect(snapshot.state == .good, sourceLocation: sourceLocation)
            // A snapshot that the catalog refused at first is entered later on; its run has failed by then.
            let run = try workspace.catalog.run(snapshot.run)
            let isSuccess = run.state == .succeeded && run.snapshot == snapshot.id
            #expect(isSuccess || run.error?.code == .snapshotUnlisted, sourceLocation: sourceLocation)
        }
        let ids = try repository.snapshots().map(\.location.id)
        #expect(Set(ids) == Set(listed.map(\.id)), sourceLocation: sourceLocation)
        #expect(try incoming().isEmpty, sourceLocation: sourceLocation)
        for run in try workspace.catalog.runs(job: nil, limit: nil) where run.kind == .backup {
            #expect(run.state.isTerminal, sourceLocation: sourceLocation)
            #expect((run.state == .succeeded) == (run.snapshot != nil), sourceLocation: sourceLocation)
        }
        #expect(try workspace.catalog.check().isSound, sourceLocation: sourceLocation)
    }
}

/// The error that `body` throws, if it is one of ours.
func failure(of body: () throws -> Void) -> BackupError? {
    do {
        try body()
        return nil
    } catch {
        return error as? BackupError
    }
}

struct TestFailure: Error, Equatable {}
