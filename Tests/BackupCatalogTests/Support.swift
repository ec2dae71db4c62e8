import BackupModel
import Foundation
import GRDB
import Migrations
import Testing

@testable import BackupCatalog

/// A folder for one test, gone with it.
final class Scratch: Sendable {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/backupctl-catalog-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var path: String { folder + "/catalog.sqlite" }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

    /// A catalog with the repository `default` and the job `orders`.
    func catalog() throws -> Catalog {
        let catalog = try Catalog.open(at: path)
        try catalog.insert(Sample.repository, Sample.act())
        try catalog.insert(Sample.job("orders"), Sample.act())
        return catalog
    }

    /// A plain connection that knows none of the catalog's rules but those in the file.
    func raw() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}

enum Sample {
    static let start = Date(timeIntervalSince1970: 1_768_356_000)
    static let owner = ProcessIdentity(processID: 4711, startTicks: 815, bootID: "7a1e-boot")
    static let engine = EngineIdentity(name: "builtin", version: "0.1.0")
    static let repository = RepositoryRecord(
        name: "default", location: "/var/lib/backupctl/repository", id: "r-1", createdAt: start, updatedAt: start)

    static func act(_ seconds: TimeInterval = 0, by actor: String = "alice (1000)") -> Act {
        Act(by: actor, at: start + seconds)
    }

    static func job(_ name: String, connection: ConnectionReference = .literal("mongodb://localhost")) throws -> Job {
        Job(
            name: try JobName(name), source: JobSource(connection: connection, scope: .deployment), createdAt: start,
            updatedAt: start)
    }

    static func runID(_ number: Int) throws -> RunID {
        let digits = String(number, radix: 36)
        let id = Timestamp.compact(start) + "-" + String(repeating: "0", count: 4 - digits.count) + digits
        return try #require(RunID(id))
    }

    static func run(_ number: Int, job: String? = "orders", kind: RunKind = .backup) throws -> Run {
        Run(
            id: try runID(number), kind: kind, job: job, trigger: .manual,
            queuedAt: start + TimeInterval(number))
    }

    static func found(_ snapshot: Snapshot, _ run: Run) -> FoundSnapshot {
        FoundSnapshot(snapshot: snapshot, namespaces: namespaces(), run: run)
    }

    static func snapshot(of run: Run, namespaces: Int = 2) -> Snapshot {
        let job = run.job ?? ""
        return Snapshot(
            id: "\(job)-\(run.id)", job: job, run: run.id, repository: "default", createdAt: run.queuedAt,
            state: .good, engine: engine, serverVersion: "6.0.5", consistency: .perCollection,
            file: "\(job)/2026/\(job)-\(run.id).archive.gz", storedBytes: 512, uncompressedBytes: 2048,
            sha256: String(repeating: "0a", count: 32), manifestSHA256: String(repeating: "f9", count: 32),
            documents: 7,
            namespaceCount: namespaces)
    }

    static func namespaces(_ count: Int = 2) -> [SnapshotNamespace] {
        (0..<count).map { number in
            SnapshotNamespace(
                namespace: Namespace(database: "shop", collection: "c\(number)"), type: "collection",
                documents: Int64(number), bytes: 100, crc64: UInt64.max - UInt64(number), indexes: 1)
        }
    }
}

extension Catalog {
    /// A backup from its start to its snapshot.
    @discardableResult
    func backUp(_ number: Int, job: String = "orders", namespaces: Int = 2) throws -> Snapshot {
        let run = try start(Sample.run(number, job: job), owner: Sample.owner, Sample.act(TimeInterval(number)))
        let snapshot = Sample.snapshot(of: run, namespaces: namespaces)
        try publish(
            snapshot, namespaces: Sample.namespaces(namespaces), run: run, Sample.act(TimeInterval(number) + 0.5))
        return snapshot
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
