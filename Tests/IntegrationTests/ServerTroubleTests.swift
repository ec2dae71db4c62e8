import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Servers that are not there, do not answer, or do not have what is asked for.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct ServerTroubleTests {
    private let fixture = Fixture()
    private let server: TestServer
    private let backupctl: Backupctl

    init() throws {
        server = try TestServer.shared.get()
        backupctl = Backupctl(fixture)
    }

    /// For a backup and for a restore into it: within ten seconds, and the load of a busy machine on top.
    private func expectUnreachable(_ uri: String, _ host: String) throws {
        try backupctl.must("job", "create", "away", "--uri", uri, "--database", "shop")
        let run = try backupctl("run", "away", within: 60)
        expectRefusal(run, status: 1, "'\(host)'", hint: "check that the server runs")
        #expect(run.seconds < 12, "\(run)")
        try backupctl.expectNothingPublished("failed")
        #expect(try backupctl.newestRun()["error"]["code"].string == "server-unreachable")
        let restore = try backupctl("restore", GoldenArchives.path("10-base.archive"), "--to", uri, within: 60)
        expectRefusal(restore, status: 1, "'\(host)'")
        #expect(restore.seconds < 12, "\(restore)")
    }

    @Test func aPortWithoutAServerFailsWithinTenSeconds() throws {
        let port = try LoopbackSocket.freePort()
        try expectUnreachable("mongodb://127.0.0.1:\(port)/", "127.0.0.1:\(port)")
    }

    @Test func aPortThatNeverAnswersFailsWithinTenSeconds() throws {
        let proxy = try FaultyProxy(to: server.port, .silent)
        fixture.onEnd { proxy.stop() }
        try expectUnreachable(proxy.uri, "127.0.0.1:\(proxy.port)")
    }

    @Test func aHostThatDoesNotExistFailsWithinTenSeconds() throws {
        try expectUnreachable("mongodb://db.invalid:27017/", "db.invalid:27017")
    }

    @Test func aReplicaSetOfAnotherNameIsSaidToBeThat() throws {
        let uri = "mongodb://127.0.0.1:\(server.port)/?replicaSet=other"
        try backupctl.must("job", "create", "other", "--uri", uri, "--database", "shop")
        let run = try backupctl("run", "other", within: 60)
        expectRefusal(run, status: 1, "127.0.0.1:\(server.port)")
        #expect(run.seconds < 12)
    }

    @Test func theTimeToWaitCanBeGivenInTheURI() throws {
        let port = try LoopbackSocket.freePort()
        let uri = "mongodb://127.0.0.1:\(port)/?serverSelectionTimeoutMS=500"
        try backupctl.must("job", "create", "away", "--uri", uri, "--database", "shop")
        let run = try backupctl("run", "away", within: 60)
        expectRefusal(run, status: 1)
        #expect(run.seconds < 5)
    }

    /// What a wrong name looks like must not look like a good backup.
    @Test(arguments: [
        ["--database", "t_there_is_none"], ["--collection", "t_there_is_none.orders"],
        ["--database", "DB", "--collection", "ordres"], ["--database", "DB", "--include", "nothing.*"],
        ["--database", "DB", "--exclude", "*"],
    ])
    func aDumpOfNothingIsAFailureUnlessItIsMeant(options: [String]) throws {
        let database = SampleData.databaseName("none")
        try SampleData.makeSmall(database, on: server.deployment())
        fixture.onEnd { [server] in try? server.deployment().dropDatabase(database) }
        let options = options.map { $0 == "DB" ? database : $0 }
        #expect(try backupctl.run(["job", "create", "none", "--uri", server.uri] + options).status == 0)
        expectRefusal(try backupctl("run", "none"), status: 1)
        try backupctl.expectNothingPublished("failed")
        // A collection that was named is a mistake even then.
        guard !options.contains("--collection") else { return }
        try backupctl.must("job", "edit", "none", "--allow-empty")
        let run = try backupctl.json("run", "none")
        #expect(run["state"].string == "succeeded")
        #expect(run["documents"].int == 0)
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        #expect(try ChildProcess.run("/bin/gzip", "-t", file) == 0)
        #expect(try backupctl.json("show", file)["namespaceCount"].int == 0)
    }

    @Test func anEmptyCollectionIsSomethingToBackUp() throws {
        let database = SampleData.databaseName("empty")
        try server.deployment().perform(database, ["create": "empty"])
        fixture.onEnd { [server] in
            for name in [database, "copy_\(database)"] { try? server.deployment().dropDatabase(name) }
        }
        try backupctl.must("job", "create", "empty", "--uri", server.uri, "--database", database)
        let run = try backupctl.json("run", "empty")
        #expect(run["namespaces"].int == 1)
        #expect(run["documents"].int == 0)
        try backupctl.must("restore", "empty@latest", "--to", server.uri, "--rename", "\(database)=copy_\(database)")
        #expect(try server.deployment().state(of: "copy_\(database)").keys.sorted() == ["empty"])
    }
}
