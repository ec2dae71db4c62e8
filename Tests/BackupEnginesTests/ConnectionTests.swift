import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

@Suite struct UnreachableServerTests {
    @Test func anUnreachableServerFailsWithinTenSecondsAndIsNamed() throws {
        let start = Date()
        let error = try #require(throws: BackupError.self) {
            try MongoDeployment(uri: "mongodb://u:CANARY-9f3a@127.0.0.1:1/d").describe()
        }
        #expect(error.code == .serverUnreachable && error.message.contains("127.0.0.1:1"))
        #expect(error.message.lowercased().contains("refused"))
        #expect(!"\(error.message)\(error.hint ?? "")".contains("CANARY"))
        #expect(Date().timeIntervalSince(start) < 10)
    }

    @Test func aServerThatNeverAnswersFailsWithinTenSeconds() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(listener, address, length)
                _ = listen(listener, 16)
                _ = getsockname(listener, address, &length)
            }
        }
        let start = Date()
        let error = try #require(throws: BackupError.self) {
            try MongoDeployment(uri: "mongodb://127.0.0.1:\(UInt16(bigEndian: address.sin_port))").describe()
        }
        #expect(error.code == .serverUnreachable)
        #expect(Date().timeIntervalSince(start) < 10)
    }

    @Test func aTimeLimitInTheURIIsHeard() throws {
        let start = Date()
        #expect(throws: BackupError.self) {
            try MongoDeployment(uri: "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500").describe()
        }
        #expect(Date().timeIntervalSince(start) < 3)
    }

    @Test func anUnknownNameIsSaidToBeUnknown() throws {
        let error = try #require(throws: BackupError.self) {
            try MongoDeployment(uri: "mongodb://no-such-host.invalid/?serverSelectionTimeoutMS=500").describe()
        }
        #expect(error.code == .serverUnreachable && error.message.contains("no-such-host.invalid"))
    }
}

@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct DeploymentTests {
    @Test func aDeploymentSaysWhatItHolds() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        try server.insert([["_id": 1], ["_id": 2]], into: Namespace(database: database, collection: "c"))
        try server.run(database, ["create": "v", "viewOn": "c", "pipeline": .array([])])
        try server.run(database, ["create": "ts", "timeseries": ["timeField": "t"]])
        let deployment = try server.deployment()
        try deployment.ping()
        #expect(try deployment.databases().contains(database))
        let found = try deployment.collections(in: database)
        #expect(found.map(\.namespace.collection) == ["c", "ts", "v"])
        #expect(found.map(\.kind) == [.collection, .timeseries, .view])
        #expect(found.map { deployment.estimatedCount($0) } == [2, 0, 0])
        #expect(try deployment.collection(Namespace(database: database, collection: "x")) == nil)
        #expect(try deployment.indexes(of: Namespace(database: database, collection: "x")) == nil)
        try deployment.dropDatabase(database)
    }

    /// More names than one batch of the listing holds.
    @Test func aListingIsReadToItsEnd() throws {
        let server = try TestServer.shared.get()
        let connection = try server.connect()
        let database = scratchDatabase()
        for number in 0..<130 {
            _ = try connection.run(
                ["create": .string("c\(number)"), "writeConcern": ["w": 1]], on: database, as: .read)
        }
        let listed = try connection.list(["listCollections": 1, "cursor": ["batchSize": 7]], on: database)
        #expect(listed.count == 130)
        try server.deployment().dropDatabase(database)
    }

    @Test func aReadConcernInTheURIDoesNotBreakListings() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        try server.insert([["_id": 1]], into: Namespace(database: database, collection: "c"))
        let report = try server.dump(.database(database), uri: server.uri + "&readConcernLevel=majority&w=1").report
        #expect(report.namespaces.map(\.documents) == [1])
        try server.deployment().dropDatabase(database)
    }

    @Test func unacknowledgedWritesAreStillCounted() throws {
        let server = try TestServer.shared.get()
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.insert([["_id": 1]], into: namespace)
        let (bytes, _) = try server.dump(.database(database))
        let report = try server.restore(bytes, action: .drop, uri: server.uri + "&w=0")
        #expect(report.namespaces.map(\.restored) == [1])
        try server.deployment().dropDatabase(database)
    }
}
