import Foundation
import Synchronization
import Testing

@testable import BackupEngines
import BackupModel
import BackupPipeline
import MongoArchive

/// What a restore must not do, whatever the archive or the plan says.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct RestoreSafetyTests {
    let server: TestServer

    init() throws {
        server = try TestServer.shared.get()
    }

    func plain(_ database: String, _ collection: String) -> ArchiveCollection {
        ArchiveCollection(
            namespace: Namespace(database: database, collection: collection), kind: .collection, metadataJSON: "")
    }

    /// A set of one member can never have the answers of two: whoever ignores the write concern succeeds here.
    @Test func theWriteConcernIsAskedFor() throws {
        let database = scratchDatabase()
        let bytes = try archive([(plain(database, "c"), [["_id": 1]])])
        let error = try #require(throws: BackupError.self) {
            try server.restore(bytes, options: LoadOptions(writeConcern: "{w: 2, wtimeout: 500}"))
        }
        #expect(error.message.contains("restore '\(database).c'"), "\(error.message)")
        #expect(throws: BackupError.self) {
            try server.restore(bytes, action: .drop, options: LoadOptions(writeConcern: "0"))
        }
        let options = LoadOptions(insertionWorkers: 2, writeConcern: "{w: 1, j: true}")
        let report = try server.restore(bytes, action: .drop, options: options)
        #expect(report.namespaces.map(\.restored) == [1])
        try server.deployment().dropDatabase(database)
    }

    @Test(arguments: [
        "local.x", "t_safety.system.profile", "t_safety.system.views", "admin.system.keys", "$external.x",
        "t_safety.a$b",
        "admin.system.new_users", "config.system.sessions",
    ])
    func theServersOwnNamespacesAreRefusedBeforeAnyWrite(_ name: String) throws {
        let hostile = try #require(Namespace(parsing: name))
        let good = plain("t_safety_good", "c")
        let bytes = try archive([
            (good, [["_id": 1]]),
            (ArchiveCollection(namespace: hostile, kind: .collection, metadataJSON: ""), [["_id": 1]]),
        ])
        let error = try #require(throws: BackupError.self) { try server.restore(bytes, action: .drop) }
        #expect(error.code == .refused && error.message.contains(name))
        #expect(try server.deployment().collection(good.namespace) == nil)
    }

    @Test func usersAreNeverDroppedNorWrittenDirectly() throws {
        let users = ArchiveCollection(
            namespace: Namespace(database: "admin", collection: "system.users"), kind: .collection, metadataJSON: "")
        let bytes = try archive([(users, [["_id": "x.y", "user": "y", "db": "x"]])])
        let request = RestoreRequest(
            uri: server.uri, namespaces: [RestoreNamespace(namespace: users.namespace, action: .drop)])
        let report = try engine.restore(request, monitor: RecordingMonitor()) { try feed(bytes, into: $0) }
        #expect(report.namespaces.isEmpty)
        #expect(try server.count(users.namespace) == 0)
    }

    @Test func aNamespaceOutsideThePlanStopsTheRestoreBeforeAnyWrite() throws {
        let database = scratchDatabase()
        let bytes = try archive([(plain(database, "a"), [["_id": 1]]), (plain(database, "b"), [["_id": 1]])])
        let request = RestoreRequest(
            uri: server.uri,
            namespaces: [RestoreNamespace(namespace: Namespace(database: database, collection: "a"), action: .create)])
        let error = try #require(throws: BackupError.self) {
            try engine.restore(request, monitor: RecordingMonitor()) { try feed(bytes, into: $0) }
        }
        #expect(error.code == .refused)
        #expect(try server.deployment().collections(in: database).isEmpty)
    }

    @Test func anotherKindInTheWayIsNotMergedWith() throws {
        let database = scratchDatabase()
        try server.run(database, ["create": "c", "viewOn": "x", "pipeline": .array([])])
        let bytes = try archive([(plain(database, "c"), [["_id": 1]])])
        let error = try #require(throws: BackupError.self) { try server.restore(bytes, action: .merge) }
        #expect(error.code == .targetExists && error.message.contains("view"))
        let report = try server.restore(bytes, action: .drop).namespaces[0]
        #expect(report.restored == 1 && !report.isIncomplete)
        #expect(try server.state(of: database)["c"]?.kind == .collection)
        try server.deployment().dropDatabase(database)
    }

    @Test func everyKindCanBeReplaced() throws {
        let database = scratchDatabase()
        try server.run(database, ["create": "ts", "timeseries": ["timeField": "t"]])
        try server.insert([["t": .dateTime(1_000), "v": 1]], into: Namespace(database: database, collection: "ts"))
        try server.run(database, ["create": "v", "viewOn": "ts", "pipeline": .array([])])
        let (bytes, _) = try server.dump(.database(database))
        let before = try server.state(of: database)
        let report = try server.restore(bytes, action: .drop)
        #expect(report.namespaces.allSatisfy { !$0.isIncomplete })
        #expect(try server.state(of: database) == before)
        try server.deployment().dropDatabase(database)
    }

    @Test func aCancelledRestoreEndsAtOnce() throws {
        let database = scratchDatabase()
        let text = BSONValue.string(String(repeating: "x", count: 1000))
        let documents: [BSONDocument] = (0..<20_000).map { ["_id": .int32($0), "t": text] }
        let bytes = try archive([(plain(database, "c"), documents)])
        let monitor = RecordingMonitor()
        let start = Mutex(Date())
        let request = RestoreRequest(
            uri: server.uri,
            namespaces: [RestoreNamespace(namespace: Namespace(database: database, collection: "c"), action: .create)])
        let error = try #require(throws: BackupError.self) {
            try engine.restore(request, monitor: monitor) { sink in
                try bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[..<10_000_000])) }
                start.withLock { $0 = Date() }
                monitor.cancellation.cancel(BackupError(.cancelled, "stopped by the test"))
                try bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[10_000_000...])) }
                try sink.finish()
            }
        }
        #expect(error.code == .cancelled && Date().timeIntervalSince(start.withLock { $0 }) < 6)
        try server.deployment().dropDatabase(database)
    }

    @Test func aServerThatHangsDoesNotHoldUpACancellation() throws {
        let hung = try TestServer()
        defer { hung.kill() }
        let text = BSONValue.string(String(repeating: "x", count: 1000))
        let bytes = try archive([(plain("d", "c"), (0..<60_000).map { ["_id": .int32($0), "t": text] })])
        let monitor = RecordingMonitor { _, _ in hung.stop() }
        let cancelled = Mutex(Date.distantPast)
        let timer = WorkThread("timer") {
            Thread.sleep(forTimeInterval: 4)
            cancelled.withLock { $0 = .now }
            monitor.cancellation.cancel(BackupError(.cancelled, "stopped by the test"))
        }
        let error = try #require(throws: BackupError.self) { try hung.restore(bytes, monitor: monitor) }
        #expect(error.code == .cancelled && Date().timeIntervalSince(cancelled.withLock { $0 }) < 7)
        timer.join()
    }

    @Test func aServerThatIsGoneStopsTheRestore() throws {
        let gone = try TestServer()
        let database = scratchDatabase()
        let text = BSONValue.string(String(repeating: "x", count: 1000))
        let bytes = try archive([(plain(database, "c"), (0..<20_000).map { ["_id": .int32($0), "t": text] })])
        let request = RestoreRequest(
            uri: gone.uri + "&serverSelectionTimeoutMS=2000",
            namespaces: [RestoreNamespace(namespace: Namespace(database: database, collection: "c"), action: .create)])
        let error = try #require(throws: BackupError.self) {
            try engine.restore(request, monitor: RecordingMonitor()) { sink in
                try bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[..<10_000_000])) }
                gone.kill()
                try bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[10_000_000...])) }
                try sink.finish()
            }
        }
        #expect(error.code == .serverUnreachable, "\(error)")
    }

    @Test func whatTheFeedThrowsIsPassedOn() throws {
        let request = RestoreRequest(uri: server.uri, namespaces: [])
        let error = try #require(throws: BackupError.self) {
            try engine.restore(request, monitor: RecordingMonitor()) { _ in
                throw BackupError(.snapshotDamaged, "not what the manifest says")
            }
        }
        #expect(error.code == .snapshotDamaged)
    }
}
