import Testing

@testable import BackupEngines
import BackupModel
import BackupPipeline
import MongoArchive

/// Archives of real mongodump through our restore: the server must say of the data what it said of the original.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct GoldenRestoreTests {
    static let complete = [
        "01-types.archive.gz", "01b-big.archive.gz", "02-many.archive.gz", "03-features.archive.gz",
        "03b-features-plain.archive", "05-gridfs.archive.gz", "07-empty-collections.archive.gz",
        "07d-one-empty.archive", "08-old/100.5.4-base-plain.archive", "08-old/100.5.4-features.archive.gz",
        "08-old/r3.4.24-base-plain.archive", "08-old/r3.4.24-features.archive.gz",
        "08-old/r3.6.23-base-plain.archive", "08-old/r3.6.23-features.archive.gz",
        "08-old/r4.0.28-base-plain.archive", "08-old/r4.0.28-features.archive.gz",
        "08-old/r4.2.25-base-plain.archive",
    ]

    @Test(arguments: complete) func everythingThatMongodumpWroteComesBack(_ name: String) throws {
        let server = try TestServer.shared.get()
        let golden = try Golden(name)
        let suffix = "_g\(UInt16.random(in: 0...UInt16.max))"
        let isOurs = { (namespace: Namespace) in !["admin", "config"].contains(namespace.database) }
        let rename = suffixed(suffix)
        let report = try server.restore(golden.bytes, rename: rename, select: isOurs)
        for namespace in report.namespaces {
            #expect(namespace.failed == 0 && namespace.errors.isEmpty, "\(namespace)")
        }
        var states: [String: [String: CollectionState]] = [:]
        for expected in golden.expectations where isOurs(expected.namespace) {
            let database = rename(expected.namespace).database
            if states[database] == nil { states[database] = try server.state(of: database) }
            let bucketed = expected.namespace.timeSeriesOfBuckets
            let state = try #require(
                states[database]?[(bucketed ?? expected.namespace).collection], "\(expected.namespace) is missing")
            if let hash = expected.hash { #expect(state.hash == hash, "\(expected.namespace)") }
            guard bucketed == nil else { continue }
            // The tool itself sorted the fields of views (TOOLS-3411).
            if name.contains("100.5.4"), state.kind == .view { continue }
            #expect(state.options == expected.options, "\(expected.namespace)")
            #expect(state.indexes == expected.indexes, "\(expected.namespace)")
        }
        for database in states.keys { try server.deployment().dropDatabase(database) }
    }

    @Test func unpackedMeasurementsOfOldToolsBecomeATimeSeriesAgain() throws {
        let server = try TestServer.shared.get()
        let golden = try Golden("08-old/r4.2.25-features.archive.gz")
        let suffix = "_m\(UInt16.random(in: 0...UInt16.max))"
        let report = try server.restore(golden.bytes, rename: suffixed(suffix))
        let series = try #require(report.namespaces.first { $0.namespace.collection == "ts" })
        #expect(series.failed == 0 && series.errors.isEmpty && series.restored > 0)
        let found = try server.deployment().runCursorCommand(
            series.namespace.database,
            ["aggregate": "ts", "pipeline": .array([["$count": "n"]]), "cursor": [:]])
        #expect(found.first?["n"]?.asInt64 == series.restored)
        #expect(try server.state(of: series.namespace.database)["ts"]?.kind == .timeseries)
    }

    @Test func viewsDumpedAsCollectionsAreCollections() throws {
        let server = try TestServer.shared.get()
        let golden = try Golden("03c-views-as-collections.archive.gz")
        let suffix = "_v\(UInt16.random(in: 0...UInt16.max))"
        let report = try server.restore(golden.bytes, rename: suffixed(suffix))
        #expect(report.namespaces.allSatisfy { !$0.isIncomplete })
        #expect(report.namespaces.contains { $0.restored > 0 })
        #expect(
            try server.state(of: report.namespaces[0].namespace.database).values.allSatisfy { $0.kind == .collection })
    }

    @Test func anOplogIsSkippedWithAWarning() throws {
        let server = try TestServer.shared.get()
        let golden = try Golden("06-oplog.archive.gz")
        // As it is: the rewriting stage would leave the oplog out already.
        let names = try rewrite(golden.bytes).namespaces
        let databases = Set(names.map(\.database))
        let request = RestoreRequest(
            uri: server.uri, namespaces: names.map { RestoreNamespace(namespace: $0, action: .drop) })
        let report = try engine.restore(request, monitor: RecordingMonitor()) { try feed(golden.bytes, into: $0) }
        #expect(report.warnings.contains { $0.contains("oplog") })
        #expect(!report.namespaces.contains { $0.namespace == .oplog })
        for database in databases where database != "admin" { try server.deployment().dropDatabase(database) }
    }

    @Test func aDamagedArchiveIsAnError() throws {
        let server = try TestServer.shared.get()
        let golden = try Golden("10-base.archive")
        let suffix = "_d\(UInt16.random(in: 0...UInt16.max))"
        let (whole, names) = try rewrite(golden.bytes, rename: suffixed(suffix))
        let request = RestoreRequest(
            uri: server.uri, namespaces: names.map { RestoreNamespace(namespace: $0, action: .drop) })
        var flipped = whole
        flipped[whole.count - 100] ^= 1
        for bytes in [Array(whole.dropLast(10)), flipped] {
            let error = try #require(throws: BackupError.self) {
                try engine.restore(request, monitor: RecordingMonitor()) { try feed(bytes, into: $0) }
            }
            #expect(error.code == .archiveDamaged)
        }
        let error = try #require(throws: BackupError.self) {
            try engine.restore(request, monitor: RecordingMonitor()) { sink in
                try whole.withUnsafeBytes { try sink.write($0) }
            }
        }
        #expect(error.code == .archiveDamaged)
    }
}
