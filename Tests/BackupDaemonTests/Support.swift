import BackupCatalog
import BackupDaemon
import BackupEngines
import BackupModel
import BackupOperations
import BackupPipeline
import Foundation
import MongoArchive
import Synchronization
import Testing

/// A state directory with jobs, gone with the object; each `open` is another process's view of it.
final class Site: Sendable {
    let folder: String
    let engine: TinyEngine
    let messages = Mutex<[String]>([])

    init(engine: TinyEngine = TinyEngine()) throws {
        self.engine = engine
        folder = FileManager.default.temporaryDirectory.path + "/backupctl-daemon-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var state: String { folder + "/state" }

    func open(now: Date = .now) throws -> Workspace {
        var workspace = try Workspace.open(statePath: state, now: now)
        workspace.engine = { [engine] _ in engine }
        return workspace
    }

    @discardableResult
    func makeJob(
        _ name: String, _ rule: String?, uri: String = "mongodb://127.0.0.1:27017/shop", since: Date, retries: Int = 0,
        in workspace: Workspace
    ) throws -> BackupModel.Job {
        let schedule = try rule.map { JobSchedule(rule: try Schedule($0), setAt: since, retries: retries) }
        return try JobEditing(workspace: workspace).create(
            name: JobName(name), connection: .literal(uri),
            source: JobSource(connection: .literal(""), scope: .deployment), engine: .auto, policy: RunPolicy(),
            schedule: schedule, now: since)
    }

    func service(
        _ workspace: Workspace, _ mode: SchedulerService.Mode, clock: DaemonClock = .system,
        limits: ConcurrencyLimits = ConcurrencyLimits(total: 4, perHost: 4)
    ) -> SchedulerService {
        let log = DaemonLog(format: .text, now: clock.now) { [weak self] line in
            self?.messages.withLock { $0.append(line) }
        }
        return SchedulerService(workspace: workspace, mode: mode, limits: limits, clock: clock, log: log)
    }
}

/// A service on a thread of its own.
final class Running: Sendable {
    let service: SchedulerService
    private let ended = Mutex<Bool>(false)

    init(_ service: SchedulerService) {
        self.service = service
        let thread = Thread { [self] in
            _ = try? service.run()
            ended.withLock { $0 = true }
        }
        thread.start()
    }

    var hasEnded: Bool { ended.withLock { $0 } }

    /// Stops it and waits; gives how long that took.
    @discardableResult
    func stop(within seconds: Double = 20) throws -> Double {
        let begin = ContinuousClock.now
        service.stop(BackupError(.interrupted, "interrupted: the daemon was stopped"))
        try waitUntil(within: seconds, "the service ends") { hasEnded }
        return (ContinuousClock.now - begin) / .seconds(1)
    }
}

func waitUntil(within seconds: Double, _ what: Comment, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
        try #require(ContinuousClock.now < deadline, what)
        Thread.sleep(forTimeInterval: 0.02)
    }
}

/// An engine without a server: one collection of a few documents. It can be told to fail, or to come to no end.
final class TinyEngine: Engine {
    let identity = EngineIdentity(name: "tiny", version: "1")
    let failure = Mutex<BackupError?>(nil)
    let blocks = Mutex<Bool>(false)
    let dumps = Mutex<Int>(0)

    func dump(_ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor) throws -> DumpReport {
        dumps.withLock { $0 += 1 }
        let namespace = Namespace(database: "shop", collection: "orders")
        monitor.expected(documents: 3, bytes: 300, namespaces: 1)
        while blocks.withLock({ $0 }) {
            try monitor.cancellation.check()
            monitor.advanced(namespace, documents: 0, bytes: 0)
            Thread.sleep(forTimeInterval: 0.01)
        }
        if let error = failure.withLock({ $0 }) { throw error }
        var bytes: [UInt8] = []
        var writer = ArchiveWriter(blockBytes: 10_000) { bytes.append(contentsOf: $0) }
        try writer.prelude(
            ArchiveHeader(serverVersion: "6.0.5", toolVersion: "100.18.0"),
            [ArchiveCollection(namespace: namespace, kind: .collection, metadataJSON: #"{"options":{},"indexes":[]}"#)])
        var total: Int64 = 0
        for number in 0..<3 {
            var builder = BSONBuilder()
            builder.append("_id", .int64(Int64(number)))
            let document = builder.build().bytes
            total += Int64(document.count)
            try document.withUnsafeBytes { try writer.append($0, to: namespace) }
        }
        try writer.end(namespace)
        try writer.finish()
        try bytes.withUnsafeBytes { try sink.write($0) }
        return DumpReport(
            server: ServerDescription(
                version: "6.0.5", fcv: "6.0", topology: .replicaSet, replicaSet: "rs0", host: "127.0.0.1:27017"),
            consistency: .perCollection,
            namespaces: [DumpedNamespace(namespace: namespace, documents: 3, bytes: total)], warnings: [])
    }

    func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport {
        throw BackupError(.unsupported, "cannot restore: this engine only dumps")
    }
}
