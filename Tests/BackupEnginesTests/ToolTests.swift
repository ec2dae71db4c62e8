import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

/// The real tools read what we write, and we read what they write.
@Suite(.serialized, .enabled(if: TestServer.hasTools, TestServer.toolsSkipReason))
struct ToolTests {
    let source: TestServer
    let target: TestServer

    init() throws {
        source = try TestServer.shared.get()
        target = try TestServer.second.get()
    }

    /// Runs a tool to its end; what it printed.
    func run(_ tool: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(TestServer.toolsFolder)).appending(path: tool)
        process.arguments = arguments
        let output = Pipe()
        process.standardError = output
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text.suffix(2000))")
        return text
    }

    func load(_ name: String) throws -> Set<String> {
        let golden = try Golden(name)
        let tag = "_t\(UInt16.random(in: 0...UInt16.max))"
        let report = try source.restore(
            golden.bytes, rename: suffixed(tag), select: { !["admin", "config"].contains($0.database) })
        return Set(report.namespaces.map(\.namespace.database))
    }

    static let archives = [
        "01-types.archive.gz", "01b-big.archive.gz", "02-many.archive.gz", "03-features.archive.gz",
        "05-gridfs.archive.gz", "07-empty-collections.archive.gz",
    ]

    @Test(arguments: archives) func mongorestoreReadsWhatWeWrite(_ name: String) throws {
        for database in try load(name) {
            let file = source.folder.appending(path: "ours.archive")
            let (bytes, report) = try source.dump(.database(database))
            try Data(bytes).write(to: file)
            let text = try run(
                "mongorestore", ["--uri=\(target.uri)", "--archive=\(file.path)", "--bypassDocumentValidation"])
            let documents = report.namespaces.reduce(0) { $0 + $1.documents }
            #expect(
                text.contains("\(documents) document(s) restored successfully. 0 document(s) failed"),
                "\(text.suffix(500))")
            #expect(try target.state(of: database) == source.state(of: database))
            try source.deployment().dropDatabase(database)
            try target.deployment().dropDatabase(database)
        }
    }

    @Test(arguments: archives) func weReadWhatMongodumpWrites(_ name: String) throws {
        for database in try load(name) {
            let file = source.folder.appending(path: "theirs.archive")
            _ = try run("mongodump", ["--uri=\(source.uri)", "--db=\(database)", "--archive=\(file.path)"])
            let report = try target.restore([UInt8](try Data(contentsOf: file)))
            #expect(report.namespaces.allSatisfy { !$0.isIncomplete })
            #expect(try target.state(of: database) == source.state(of: database))
            try source.deployment().dropDatabase(database)
            try target.deployment().dropDatabase(database)
        }
    }

    @Test func weTakeTheNamespacesThatMongodumpTakes() throws {
        // A server of its own: whole deployments must hold still.
        let server = try TestServer()
        defer { server.kill() }
        for name in ["03-features.archive.gz", "04b-users-cluster.archive.gz", "05-gridfs.archive.gz"] {
            try server.restore(
                try Golden(name).bytes, action: .drop, withUsers: true, select: { $0.database.hasPrefix("gold") })
        }
        let file = server.folder.appending(path: "all.archive")
        for arguments in [[], ["--db=admin"], ["--db=config"], ["--db=gold_feat"]] {
            _ = try run("mongodump", ["--uri=\(server.uri)", "--archive=\(file.path)"] + arguments)
            let theirs = try Self.namespaces([UInt8](try Data(contentsOf: file)))
            let scope = arguments.first.map { DumpScope.database(String($0.dropFirst(5))) } ?? .deployment
            let ours = try Self.namespaces(try server.dump(scope).bytes)
            // The server's own, which mongodump takes of this database only, and which nobody restores.
            let known = theirs.filter { !$0.0.hasPrefix("config.system.") }
            #expect(Dictionary(ours, uniquingKeysWith: +) == Dictionary(known, uniquingKeysWith: +), "\(arguments)")
        }
    }

    static func namespaces(_ archive: [UInt8]) throws -> [(String, Int64)] {
        let reader = ArchiveReader(handler: ArchiveIndexer())
        try archive.withUnsafeBytes { try reader.feed($0) }
        try reader.finish()
        return reader.handler.index.namespaces.map { ("\($0.namespace)", $0.documents) }
    }

    @Test func mongorestoreBringsBackTheUsersWeDumped() throws {
        let guarded = try TestServer.guarded.get()
        let database = scratchDatabase("tools_users")
        try guarded.insert([["_id": 1]], into: Namespace(database: database, collection: "c"))
        try guarded.run(database, ["createUser": "ann", "pwd": "pw-for-tests", "roles": .array(["read"])])
        let file = source.folder.appending(path: "users.archive")
        try Data(try guarded.dump(.database(database), withUsers: true).bytes).write(to: file)
        _ = try run(
            "mongorestore",
            ["--uri=\(target.uri)", "--archive=\(file.path)", "--db=\(database)", "--restoreDbUsersAndRoles"])
        let users = try target.deployment().runCommand(database, ["usersInfo": 1])["users"]?.arrayValues ?? []
        #expect(users.map { $0.documentValue?["user"]?.stringValue } == ["ann"])
        try target.run(database, ["dropAllUsersFromDatabase": 1])
        try guarded.run(database, ["dropAllUsersFromDatabase": 1])
        try target.deployment().dropDatabase(database)
        try guarded.deployment().dropDatabase(database)
    }
}
