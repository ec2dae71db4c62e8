import Foundation
import Synchronization
import Testing

@testable import BackupEngines
import BackupModel
import BackupPipeline
import MongoArchive

/// A dump never says more than it has read.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct DumpTruthTests {
    let server: TestServer

    init() throws {
        server = try TestServer.shared.get()
    }

    /// Documents of a little more than 1 MiB: each is a piece of its own on the way from the reader.
    func fill(_ namespace: Namespace, megabytes: Int) throws {
        let text = BSONValue.string(String(repeating: "z", count: (1 << 20) + 100))
        for start in stride(from: 0, to: megabytes, by: 10) {
            let ids = start..<min(start + 10, megabytes)
            try server.insert(ids.map { ["_id": .int32(Int32($0)), "t": text] }, into: namespace)
        }
    }

    /// Dumps while `action` happens at the first documents; the reader is as far ahead then as it may be.
    func dump(_ database: String, during action: @escaping @Sendable () throws -> Void) throws -> DumpReport {
        let hasActed = Mutex(false)
        let failure = Mutex<String?>(nil)
        let monitor = RecordingMonitor { _, _ in
            guard
                hasActed.withLock({ acted in
                    defer { acted = true }; return !acted
                })
            else { return }
            Thread.sleep(forTimeInterval: 0.8)
            do { try action() } catch { failure.withLock { $0 = "\(error)" } }
        }
        defer { #expect(failure.withLock { $0 } == nil) }
        // One collection after the other: what happens to a later one happens before its turn.
        return try server.dump(
            .database(database), options: DumpOptions(parallelCollections: 1), monitor: monitor
        ).report
    }

    @Test(arguments: [19, 60]) func aCollectionDroppedWhileItIsReadIsAnError(_ megabytes: Int) throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try fill(namespace, megabytes: megabytes)
        let error = try #require(throws: BackupError.self) {
            try dump(database) { [server] in try server.deployment().drop(namespace) }
        }
        #expect(error.code == .sourceChanged && error.message.contains("'\(namespace)'"))
        try server.deployment().dropDatabase(database)
    }

    @Test(arguments: [19, 60]) func aCollectionRenamedWhileItIsReadIsAnError(_ megabytes: Int) throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "c"), megabytes: megabytes)
        let error = try #require(throws: BackupError.self) {
            try dump(database) { [server] in
                try server.run("admin", ["renameCollection": .string("\(database).c"), "to": .string("\(database).d")])
            }
        }
        #expect(error.code == .sourceChanged)
        try server.deployment().dropDatabase(database)
    }

    @Test func aCollectionReplacedWhileItIsReadIsAnError() throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try fill(namespace, megabytes: 19)
        let error = try #require(throws: BackupError.self) {
            try dump(database) { [server] in
                try server.deployment().drop(namespace)
                try server.insert([["_id": 1]], into: namespace)
            }
        }
        #expect(error.code == .sourceChanged)
        try server.deployment().dropDatabase(database)
    }

    @Test func aCollectionThatVanishedBeforeItsTurnIsAWarning() throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "a"), megabytes: 60)
        for name in ["b", "c", "d"] {
            try server.insert([["_id": 1]], into: Namespace(database: database, collection: name))
        }
        let report = try dump(database) { [server] in
            try server.deployment().drop(Namespace(database: database, collection: "b"))
            try server.deployment().drop(Namespace(database: database, collection: "c"))
            try server.insert([["_id": 1], ["_id": 2]], into: Namespace(database: database, collection: "c"))
        }
        #expect(report.namespaces.map(\.documents) == [60, 0, 2, 1])
        #expect(report.warnings.count == 2)
        #expect(report.warnings.contains { $0.contains("'\(database).b' was dropped") })
        #expect(report.warnings.contains { $0.contains("'\(database).c' was replaced") })
        try server.deployment().dropDatabase(database)
    }

    @Test func aKilledCursorIsAnError() throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "c"), megabytes: 60)
        let error = try #require(throws: BackupError.self) {
            try dump(database) { [server] in
                let deployment = try server.deployment()
                let pipeline: BSONValue = .array([
                    ["$currentOp": ["idleCursors": true]], ["$match": ["ns": .string("\(database).c")]],
                ])
                let cursors = try deployment.runCursorCommand(
                    "admin", ["aggregate": 1, "pipeline": pipeline, "cursor": [:]]
                ).compactMap { $0["cursor"]?.documentValue?["cursorId"] }
                #expect(cursors.count == 1)
                _ = try deployment.runCommand(database, ["killCursors": "c", "cursors": .array(cursors)])
            }
        }
        #expect(error.code == .serverFailed)
        try server.deployment().dropDatabase(database)
    }

    @Test func whatIsNotThereIsAnErrorAndNotAnEmptyArchive() throws {
        let database = scratchDatabase()
        var error = try #require(throws: BackupError.self) { try server.dump(.database(database)) }
        #expect(error.code == .sourceNotFound && error.message.contains(database))
        let namespace = Namespace(database: database, collection: "c")
        error = try #require(throws: BackupError.self) { try server.dump(.collection(namespace)) }
        #expect(error.code == .sourceNotFound && error.message.contains("\(namespace)"))
        try server.insert([["_id": 1]], into: namespace)
        let nothing = try NamespaceSelection(include: ["no.*"], exclude: [])
        error = try #require(throws: BackupError.self) { try server.dump(.database(database), selection: nothing) }
        #expect(error.code == .emptySource)
        error = try #require(throws: BackupError.self) {
            try server.dump(.collection(Namespace(database: database, collection: "C")))
        }
        #expect(error.code == .sourceNotFound)
        try server.deployment().dropDatabase(database)
    }

    @Test func anEmptyDumpIsMadeWhenItIsAllowed() throws {
        let (bytes, report) = try server.dump(.database(scratchDatabase()), allowEmpty: true)
        #expect(report.namespaces.isEmpty && !bytes.isEmpty)
        let reader = ArchiveReader(handler: ArchiveIndexer())
        try bytes.withUnsafeBytes { try reader.feed($0) }
        try reader.finish()
    }

    @Test func metadataThatDoesNotReadBackTheSameIsRefusedByName() throws {
        let database = scratchDatabase()
        try server.run(
            database,
            [
                "create": "odd", "viewOn": "base",
                "pipeline": .array([["$project": ["x": ["$literal": ["$oid": "0123456789abcdef01234567"]]]]]),
            ])
        let error = try #require(throws: BackupError.self) { try server.dump(.database(database)) }
        #expect(error.code == .unsupported && error.message.contains("'\(database).odd'"))
        #expect(
            try server.dump(
                .database(database), selection: NamespaceSelection(include: [], exclude: ["*.odd"]), allowEmpty: true
            ).report.namespaces.isEmpty)
        try server.deployment().dropDatabase(database)
    }

    @Test func aCancelledDumpEndsAtOnce() throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "c"), megabytes: 60)
        let cancellation = Mutex<Cancellation?>(nil)
        let monitor = RecordingMonitor { _, _ in
            cancellation.withLock { $0?.cancel(BackupError(.cancelled, "stopped by the test")) }
        }
        cancellation.withLock { $0 = monitor.cancellation }
        let start = Date()
        let error = try #require(throws: BackupError.self) { try server.dump(.database(database), monitor: monitor) }
        #expect(error.code == .cancelled && Date().timeIntervalSince(start) < 3)
        try server.deployment().dropDatabase(database)
    }

    @Test func aServerThatHangsDoesNotHoldUpACancellation() throws {
        let hung = try TestServer()
        defer { hung.kill() }
        let text = BSONValue.string(String(repeating: "z", count: (1 << 20) + 100))
        for id in 0..<60 {
            try hung.insert([["_id": .int32(Int32(id)), "t": text]], into: Namespace(database: "d", collection: "c"))
        }
        let monitor = RecordingMonitor { _, documents in if documents == 1 { hung.stop() } }
        let cancelled = Mutex(Date.distantPast)
        let timer = WorkThread("timer") {
            Thread.sleep(forTimeInterval: 3)
            cancelled.withLock { $0 = .now }
            monitor.cancellation.cancel(BackupError(.cancelled, "stopped by the test"))
        }
        let error = try #require(throws: BackupError.self) { try hung.dump(.database("d"), monitor: monitor) }
        #expect(error.code == .cancelled && Date().timeIntervalSince(cancelled.withLock { $0 }) < 2)
        timer.join()
    }

    @Test func aSinkThatFailsEndsTheDumpWithItsError() throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "c"), megabytes: 40)
        let sink = ProbeSink { bytes in
            if bytes.count > 1 << 20 { throw BackupError(.storageFull, "no room") }
        }
        let error = try #require(throws: BackupError.self) {
            try engine.dump(
                DumpRequest(uri: server.uri, scope: .database(database)), into: sink, monitor: RecordingMonitor())
        }
        #expect(error.code == .storageFull)
        try server.deployment().dropDatabase(database)
    }

    @Test func aTimeSeriesIsWatchedThroughItsBuckets() throws {
        let database = scratchDatabase()
        try fill(Namespace(database: database, collection: "a"), megabytes: 60)
        try server.run(database, ["create": "ts", "timeseries": ["timeField": "t"]])
        let report = try dump(database) { [server] in
            try server.deployment().drop(Namespace(database: database, collection: "ts"))
        }
        #expect(report.warnings.contains { $0.contains("'\(database).ts' was dropped") })
        try server.deployment().dropDatabase(database)
    }
}
