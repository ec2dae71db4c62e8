import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import BackupTestSupport
import MongoArchive

/// What every engine does alike. Those that are not here to be tested are named by the tests at the end.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct EngineConformanceTests {
    let server: TestServer
    let scratch: ToolScratch

    init() throws {
        server = try TestServer.shared.get()
        scratch = ToolScratch()
    }

    static let archives = [
        "01-types.archive.gz", "01b-big.archive.gz", "02-many.archive.gz", "03-features.archive.gz",
        "05-gridfs.archive.gz", "07-empty-collections.archive.gz",
    ]

    @Test(arguments: EngineUnderTest.available, archives)
    func whatItDumpsItRestoresUnderAnotherName(_ kind: EngineUnderTest, _ name: String) throws {
        let tag = "_c\(UInt16.random(in: 0...UInt16.max))"
        let loaded = try server.restore(
            try Golden(name).bytes, rename: suffixed(tag), select: { !["admin", "config"].contains($0.database) })
        let dumping = try kind.make(for: .dump, scratch)
        let restoring = try kind.make(for: .restore, scratch)
        for database in Set(loaded.namespaces.map(\.namespace.database)) {
            let (bytes, report) = try server.dump(.database(database), by: dumping)
            #expect(report.server?.topology == .replicaSet && report.consistency == .perCollection)
            let index = try Self.index(bytes)
            let passed = Dictionary(index.namespaces.map { ($0.namespace, $0.documents) }, uniquingKeysWith: +)
            for dumped in report.namespaces { #expect(passed[dumped.namespace] == dumped.documents) }
            for expected in report.expected { #expect(passed[expected] != nil) }
            let copy = String(database.prefix(55)) + "_d"
            let back = try server.restore(
                bytes, rename: { Namespace(database: copy, collection: $0.collection) }, by: restoring)
            #expect(back.namespaces.allSatisfy { !$0.isIncomplete }, "\(back.namespaces.filter(\.isIncomplete))")
            for restored in back.namespaces {
                let source = Namespace(database: database, collection: restored.namespace.collection)
                #expect(passed[source] == restored.restored, "\(source)")
            }
            #expect(try server.state(of: copy) == server.state(of: database))
            try server.deployment().dropDatabase(copy)
            try server.deployment().dropDatabase(database)
        }
    }

    static func index(_ archive: [UInt8]) throws -> ArchiveIndex {
        let reader = ArchiveReader(handler: ArchiveIndexer())
        try archive.withUnsafeBytes { try reader.feed($0) }
        try reader.finish()
        return reader.handler.index
    }

    private func fill(_ database: String, _ names: [String], count: Int32 = 100) throws {
        for name in names {
            try server.insert(
                (0..<count).map { ["_id": .int32($0), "even": .bool($0 % 2 == 0)] },
                into: Namespace(database: database, collection: name))
        }
    }

    @Test(arguments: EngineUnderTest.available) func itTakesWhatIsSelected(_ kind: EngineUnderTest) throws {
        let database = scratchDatabase()
        try fill(database, ["a", "b", "sessions"])
        defer { try? server.deployment().dropDatabase(database) }
        let engine = try kind.make(for: .dump, scratch)
        let selection = try NamespaceSelection(include: ["\(database).*"], exclude: ["*.sessions"])
        let (bytes, report) = try server.dump(.database(database), selection: selection, by: engine)
        #expect(try Self.index(bytes).namespaces.map(\.namespace.collection).sorted() == ["a", "b"])
        #expect(report.namespaces.map(\.namespace.collection).sorted() == ["a", "b"])
        let one = DumpScope.collection(Namespace(database: database, collection: "a"))
        let (single, _) = try server.dump(one, by: engine)
        #expect(try Self.index(single).namespaces.map(\.namespace.collection) == ["a"])
        let (part, _) = try server.dump(one, options: DumpOptions(query: #"{"even": true}"#), by: engine)
        #expect(try Self.index(part).namespaces.map(\.documents) == [50])
    }

    @Test(arguments: EngineUnderTest.available) func whatIsNotThereIsAnError(_ kind: EngineUnderTest) throws {
        let database = scratchDatabase()
        try fill(database, ["a"])
        defer { try? server.deployment().dropDatabase(database) }
        let engine = try kind.make(for: .dump, scratch)
        func code(_ scope: DumpScope, _ selection: NamespaceSelection = .everything) -> BackupError.Code? {
            do {
                _ = try server.dump(scope, selection: selection, by: engine)
                return nil
            } catch {
                return (error as? BackupError)?.code
            }
        }
        #expect(code(.database(database + "x")) == .sourceNotFound)
        #expect(code(.collection(Namespace(database: database, collection: "A"))) == .sourceNotFound)
        #expect(code(.database(database), try NamespaceSelection(include: ["no.*"], exclude: [])) == .emptySource)
        let (empty, _) = try server.dump(.database(database + "x"), allowEmpty: true, by: engine)
        #expect(try Self.index(empty).namespaces.isEmpty)
    }

    @Test(arguments: EngineUnderTest.available) func aDuplicateIsAFailedDocument(_ kind: EngineUnderTest) throws {
        let database = scratchDatabase()
        try fill(database, ["a", "b"], count: 10)
        defer { try? server.deployment().dropDatabase(database) }
        let (bytes, _) = try server.dump(.database(database))
        try server.run(
            database, ["delete": "a", "deletes": [["q": ["even": true], "limit": 0]]])
        let engine = try kind.make(for: .restore, scratch)
        let report = try server.restore(bytes, action: .merge, by: engine)
        let counts = report.namespaces.map { [$0.restored, $0.failed] }
        #expect(counts == [[5, 5], [0, 10]])
        #expect(report.namespaces.allSatisfy { $0.errors.contains { $0.contains("E11000") } })
    }

    @Test(arguments: EngineUnderTest.available) func whatExistsIsNotWrittenToUnlessAsked(_ kind: EngineUnderTest) throws
    {
        let database = scratchDatabase()
        try fill(database, ["a", "b"], count: 10)
        defer { try? server.deployment().dropDatabase(database) }
        let (bytes, _) = try server.dump(.database(database))
        try server.run(database, ["drop": "b"])
        let engine = try kind.make(for: .restore, scratch)
        let error = #expect(throws: BackupError.self) { try server.restore(bytes, by: engine) }
        #expect(error?.code == .targetExists)
        #expect(try server.deployment().collections(in: database).map(\.namespace.collection) == ["a"])
        try fill(database, ["b"], count: 3)
        let report = try server.restore(bytes, action: .drop, by: engine)
        #expect(report.namespaces.map(\.restored) == [10, 10] && report.namespaces.allSatisfy { !$0.isIncomplete })
    }

    @Test(arguments: EngineUnderTest.available) func itEndsWhenItIsCancelled(_ kind: EngineUnderTest) throws {
        let database = scratchDatabase()
        try fill(database, ["a", "b"], count: 20_000)
        defer { try? server.deployment().dropDatabase(database) }
        let engine = try kind.make(for: .dump, scratch)
        let monitor = RecordingMonitor()
        monitor.cancellation.cancel(BackupError(.cancelled, "interrupted"))
        let began = Date()
        let error = #expect(throws: BackupError.self) {
            try server.dump(.database(database), monitor: monitor, by: engine)
        }
        #expect(error?.code == .cancelled && Date().timeIntervalSince(began) < 8)
    }

    @Test(arguments: EngineUnderTest.available) func aWrongPasswordIsSaidAndNotShown(_ kind: EngineUnderTest) throws {
        let guarded = try TestServer.guarded.get()
        let uri = guarded.uri(user: "admin", password: "CANARY-9f3a")
        let monitor = RecordingMonitor()
        let dumping = try kind.make(for: .dump, scratch)
        let error = #expect(throws: BackupError.self) {
            try guarded.dump(.deployment, monitor: monitor, uri: uri, by: dumping)
        }
        #expect(error?.code == .authenticationFailed && error?.message.contains("CANARY") == false)
        #expect(!monitor.seen.notes.contains { $0.contains("CANARY") })
    }

    @Test(arguments: EngineUnderTest.available) func usersOfADatabaseComeBack(_ kind: EngineUnderTest) throws {
        let guarded = try TestServer.guarded.get()
        let database = scratchDatabase()
        try guarded.run(
            database, ["createUser": "anna", "pwd": "p", "roles": [["role": "readWrite", "db": .string(database)]]])
        try guarded.run(database, ["createRole": "clerk", "privileges": [], "roles": []])
        try guarded.insert([["_id": 1]], into: Namespace(database: database, collection: "a"))
        let dumping = try kind.make(for: .dump, scratch)
        let (bytes, _) = try guarded.dump(.database(database), withUsers: true, by: dumping)
        try guarded.run(database, ["dropUser": "anna"])
        try guarded.run(database, ["dropRole": "clerk"])
        try guarded.deployment().dropDatabase(database)
        let restoring = try kind.make(for: .restore, scratch)
        let report = try guarded.restore(bytes, withUsers: true, by: restoring)
        #expect(report.namespaces.allSatisfy { !$0.isIncomplete }, "\(report.namespaces)")
        let users = try guarded.deployment().runCommand(database, ["usersInfo": "anna"])
        #expect(users["users"]?.arrayValues?.count == 1)
        let roles = try guarded.deployment().runCommand(database, ["rolesInfo": "clerk"])
        #expect(roles["roles"]?.arrayValues?.count == 1)
        try guarded.run(database, ["dropUser": "anna"])
        try guarded.run(database, ["dropRole": "clerk"])
        try guarded.deployment().dropDatabase(database)
    }

    @Test(.enabled(if: EngineUnderTest.standIn.isAvailable, "\(FakeTools.skipReason)")) func theStandInsAreTested() {
        #expect(EngineUnderTest.available.contains(.standIn))
    }

    @Test(.enabled(if: EngineUnderTest.tools.isAvailable, TestServer.toolsSkipReason)) func theToolsAreTested() {
        #expect(EngineUnderTest.available.contains(.tools))
    }

    @Test(.enabled(if: EngineUnderTest.container.isAvailable, EngineUnderTest.imageSkipReason))
    func theToolsInAContainerAreTested() {
        #expect(EngineUnderTest.available.contains(.container))
    }
}
