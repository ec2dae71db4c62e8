import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

/// Dump, rename, restore: what comes back is what was there.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct RoundTripTests {
    static let sources = [
        "01-types.archive.gz", "01b-big.archive.gz", "02-many.archive.gz", "03-features.archive.gz",
        "05-gridfs.archive.gz", "07-empty-collections.archive.gz",
    ]

    /// The golden archives bring every type, name, kind of collection, and kind of index into the server.
    @Test(arguments: sources) func aDumpRestoresToTheSameUnderAnotherName(_ name: String) throws {
        let server = try TestServer.shared.get()
        let tag = UInt16.random(in: 0...UInt16.max)
        let golden = try Golden(name)
        let isOurs = { (namespace: Namespace) in !["admin", "config"].contains(namespace.database) }
        let loaded = try server.restore(golden.bytes, rename: suffixed("_a\(tag)"), select: isOurs)
        for database in Set(loaded.namespaces.map(\.namespace.database)) {
            let monitor = RecordingMonitor()
            let (bytes, report) = try server.dump(.database(database), monitor: monitor)
            #expect(report.warnings.isEmpty && report.consistency == .perCollection)
            for dumped in report.namespaces {
                #expect(monitor.seen.finished[dumped.namespace] == dumped.documents)
            }
            let rename = { (namespace: Namespace) in
                Namespace(database: String(namespace.database.prefix(55)) + "_b", collection: namespace.collection)
            }
            let restoring = RecordingMonitor()
            let back = try server.restore(bytes, rename: rename, monitor: restoring)
            for restored in back.namespaces {
                #expect(restoring.seen.finished[restored.namespace] == restored.restored)
                #expect(restoring.seen.timesFinished[restored.namespace] == 1)
            }
            #expect(back.namespaces.allSatisfy { !$0.isIncomplete })
            let counts = report.namespaces.map { (rename($0.namespace), $0.documents) }
            #expect(
                Dictionary(counts, uniquingKeysWith: +)
                    == Dictionary(back.namespaces.map { ($0.namespace, $0.restored) }, uniquingKeysWith: +))
            let copy = String(database.prefix(55)) + "_b"
            #expect(try server.state(of: copy) == server.state(of: database))
            try server.deployment().dropDatabase(copy)
            try server.deployment().dropDatabase(database)
        }
    }

    @Test func theIndexAgreesWithTheReport() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.insert(
            (0..<2500).map { ["_id": .int32($0), "s": .string(String(repeating: "x", count: 900))] }, into: namespace)
        let (bytes, report) = try server.dump(.database(database))
        let reader = ArchiveReader(handler: ArchiveIndexer())
        try bytes.withUnsafeBytes { try reader.feed($0) }
        try reader.finish()
        let index = reader.handler.index
        #expect(index.namespaces.map(\.documents) == [2500])
        #expect(
            report.namespaces == [
                DumpedNamespace(namespace: namespace, documents: 2500, bytes: index.namespaces[0].bytes)
            ])
        #expect(report.server?.version.hasPrefix("6.") == true && report.server?.topology == .replicaSet)
        #expect(report.server?.replicaSet == "rs0" && report.server?.fcv != nil)
        try server.deployment().dropDatabase(database)
    }

    @Test func oneCollectionIsDumpedAlone() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        for name in ["a", "b"] {
            try server.insert([["_id": 1]], into: Namespace(database: database, collection: name))
        }
        let (_, report) = try server.dump(.collection(Namespace(database: database, collection: "a")))
        #expect(report.namespaces.map(\.namespace.collection) == ["a"])
        try server.deployment().dropDatabase(database)
    }

    @Test func theSelectionIsAppliedBeforeReading() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        for name in ["a", "a.sessions", "b"] {
            try server.insert([["_id": 1]], into: Namespace(database: database, collection: name))
        }
        let selection = try NamespaceSelection(include: ["\(database).a*"], exclude: ["*.sessions"])
        let monitor = RecordingMonitor()
        let (_, report) = try server.dump(.deployment, selection: selection, monitor: monitor)
        #expect(report.namespaces.map(\.namespace.collection) == ["a"])
        #expect(monitor.seen.expected?.namespaces == 1 && monitor.seen.expected?.documents == 1)
        try server.deployment().dropDatabase(database)
    }

    @Test func aSecondRestoreMergesOrReplaces() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.insert((0..<10).map { ["_id": .int32($0)] }, into: namespace)
        let (bytes, _) = try server.dump(.database(database))
        try server.insert([["_id": 99]], into: namespace)

        let error = try #require(throws: BackupError.self) { try server.restore(bytes, action: .create) }
        #expect(error.code == .targetExists)
        #expect(try server.count(namespace) == 11)

        let merged = try server.restore(bytes, action: .merge).namespaces[0]
        #expect(merged.restored == 0 && merged.failed == 10 && merged.isIncomplete)
        #expect(merged.errors.count == 5 && merged.errors.allSatisfy { $0.contains("E11000") && $0.count <= 303 })
        #expect(try server.count(namespace) == 11)

        let replaced = try server.restore(bytes, action: .drop).namespaces[0]
        #expect(replaced.restored == 10 && !replaced.isIncomplete)
        #expect(try server.count(namespace) == 10)
        try server.deployment().dropDatabase(database)
    }

    @Test func storedFunctionsAreReplacedWhereTheServerAllowsNoDrop() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let functions = Namespace(database: database, collection: "system.js")
        try server.insert([["_id": "f", "value": .code("function () {}")]], into: functions)
        let (bytes, report) = try server.dump(.database(database))
        #expect(report.namespaces.map(\.namespace) == [functions])
        try server.insert([["_id": "g", "value": .code("function () {}")]], into: functions)
        let replaced = try server.restore(bytes, action: .drop).namespaces[0]
        #expect(replaced.restored == 1 && !replaced.isIncomplete)
        #expect(try server.count(functions) == 1)
        try server.deployment().dropDatabase(database)
    }

    @Test func documentsThatBreakTheirValidatorAreKept() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.insert([["_id": 1, "n": "no number"], ["_id": 2, "n": 5]], into: namespace)
        try server.run(database, ["collMod": "c", "validator": ["n": ["$type": "int"]]])
        let (bytes, _) = try server.dump(.database(database))
        let restored = try server.restore(bytes, action: .drop).namespaces[0]
        #expect(restored.restored == 2 && restored.failed == 0)
        try server.deployment().dropDatabase(database)
    }

    @Test func cappedCollectionsKeepTheirOrder() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.run(database, ["create": "c", "capped": true, "size": 20_000_000])
        // Several batches, so that connections could overtake each other.
        let numbers = (0..<6000).map { Int32(($0 * 7919) % 6000) }
        try server.insert(
            numbers.map { ["_id": .int32($0), "s": .string(String(repeating: "y", count: 500))] }, into: namespace)
        let (bytes, _) = try server.dump(.database(database))
        try server.restore(bytes, action: .drop)
        let found = try server.deployment().runCursorCommand(
            database, ["find": "c", "projection": ["_id": 1], "hint": ["$natural": 1], "batchSize": 10_000])
        #expect(found.map { $0["_id"]?.asInt64 } == numbers.map { Int64($0) })
        try server.deployment().dropDatabase(database)
    }

    @Test func anIndexThatCannotBeBuiltIsReportedAndTheOthersAreBuilt() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let collection = ArchiveCollection(
            namespace: Namespace(database: database, collection: "c"), kind: .collection,
            metadataJSON: try CollectionMetadata(
                indexes: [
                    ["key": ["_id": 1], "name": "_id_"], ["key": ["u": 1], "name": "u_1", "unique": true],
                    ["key": ["a": 1], "name": "a_1"],
                ]
            ).json())
        let bytes = try archive([(collection, [["_id": 1, "u": 1], ["_id": 2, "u": 1]])])
        let report = try server.restore(bytes).namespaces[0]
        #expect(report.restored == 2 && report.failed == 0 && report.indexes == 1 && report.isIncomplete)
        #expect(report.errors.first?.contains("'u_1'") == true)
        let names = try server.deployment().indexes(of: collection.namespace)?.compactMap { $0["name"]?.stringValue }
        #expect(names == ["_id_", "a_1"])
        try server.deployment().dropDatabase(database)
    }

    @Test func aCollectionThatCannotBeMadeCostsOnlyItself() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let good = ArchiveCollection(
            namespace: Namespace(database: database, collection: "good"), kind: .collection, metadataJSON: "")
        let bad = ArchiveCollection(
            namespace: Namespace(database: database, collection: "bad"), kind: .collection,
            metadataJSON: try CollectionMetadata(options: ["noSuchOption": 1]).json())
        let bytes = try archive([(bad, [["_id": 1], ["_id": 2]]), (good, [["_id": 1]])])
        let report = try server.restore(bytes)
        let byName = Dictionary(
            report.namespaces.map { ($0.namespace.collection, $0) }, uniquingKeysWith: { a, _ in a })
        #expect(byName["bad"]?.failed == 2 && byName["bad"]?.errors.first?.contains("noSuchOption") == true)
        #expect(byName["good"]?.restored == 1 && byName["good"]?.isIncomplete == false)
        try server.deployment().dropDatabase(database)
    }

    @Test func indexesCanBeLeftOut() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        try server.insert([["_id": 1]], into: Namespace(database: database, collection: "c"))
        try server.run(database, ["createIndexes": "c", "indexes": [["key": ["a": 1], "name": "a_1"]]])
        let (bytes, _) = try server.dump(.database(database))
        let report = try server.restore(bytes, action: .drop, withIndexes: false)
        #expect(report.namespaces[0].indexes == 0)
        #expect(try server.state(of: database)["c"]?.indexes.count == 1)
        try server.deployment().dropDatabase(database)
    }

    @Test func timestampsOfZeroAreKeptAndExistingDocumentsAreNot() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        let collection = ArchiveCollection(namespace: namespace, kind: .collection, metadataJSON: "")
        let documents: [BSONDocument] = [
            ["_id": 1, "t": .timestamp(0)], ["_id": ["a": 1], "x": .timestamp(0), "y": .timestamp(0)],
            ["_id": 3, "t": ["t": .timestamp(0)]],
        ]
        let bytes = try archive([(collection, documents)])
        try server.insert([["_id": 1, "t": "mine"]], into: namespace)
        let report = try server.restore(bytes, action: .merge).namespaces[0]
        #expect(report.restored == 2 && report.failed == 1)
        let found = try server.deployment().runCursorCommand(database, ["find": "c", "sort": ["$natural": 1]])
        #expect(found == [["_id": 1, "t": "mine"], documents[1], documents[2]])
        try server.deployment().dropDatabase(database)
    }
}
