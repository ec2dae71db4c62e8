import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Against a server that asks who is there: credentials, privileges, users and roles, a whole deployment.
@Suite(.serialized, .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct CredentialTests {
    private let fixture = Fixture()
    private let server: TestServer
    private let deployment: MongoDeployment
    private let backupctl: Backupctl
    private let database = SampleData.databaseName("users")

    init() throws {
        server = try TestServer.guarded.get()
        deployment = try server.deployment()
        backupctl = Backupctl(fixture)
        try SampleData.makeSmall(database, on: deployment)
        fixture.onEnd { [server, database] in
            let deployment = try? server.deployment()
            for name in [database, "copy_\(database)", "other_\(database)", "new_\(database)"] {
                try? deployment?.perform(name, ["dropAllUsersFromDatabase": 1])
                try? deployment?.perform(name, ["dropAllRolesFromDatabase": 1])
                try? deployment?.dropDatabase(name)
            }
        }
    }

    private func makeUser(_ name: String, password: String, on database: String, role: String, of target: String) throws
    {
        try deployment.perform(
            database,
            [
                "createUser": .string(name), "pwd": .string(password),
                "roles": [["role": .string(role), "db": .string(target)]],
            ])
        fixture.onEnd { [server] in try? server.deployment().perform(database, ["dropUser": .string(name)]) }
    }

    private func users(of database: String) throws -> [String] {
        try deployment.runCommand(database, ["usersInfo": 1])["users"]?.arrayValues?
            .compactMap { $0.documentValue?["user"]?.stringValue } ?? []
    }

    @Test func aWrongPasswordIsSaidToBeThat() throws {
        let uri = server.uri(user: "admin", password: "wrong")
        try backupctl.must("job", "create", "wrong", "--uri", uri, "--database", database)
        let run = try backupctl("run", "wrong", within: 60)
        expectRefusal(run, status: 1, "refused the credentials", "127.0.0.1:\(server.port)", hint: "authSource")
        #expect(run.seconds < 12)
        #expect(try backupctl.newestRun()["error"]["code"].string == "authentication-failed")
        try backupctl.expectNothingPublished("failed")
        let restore = try backupctl("restore", GoldenArchives.path("10-base.archive"), "--to", uri, within: 60)
        expectRefusal(restore, status: 1, "refused the credentials")
    }

    @Test func noCredentialsAtAllAreSaidToBeMissing() throws {
        try backupctl.must("job", "create", "anonymous", "--uri", server.uri, "--database", database)
        let run = try backupctl("run", "anonymous", within: 60)
        expectRefusal(run, status: 1, "not authorized", hint: "user and password")
        try backupctl.expectNothingPublished("failed")
    }

    /// A user who may see other databases only: a dump of what it can see would be a dump of nothing.
    @Test func aMissingPrivilegeIsAFailureThatNamesTheUser() throws {
        try makeUser("elsewhere", password: "pw", on: "admin", role: "read", of: "other_\(database)")
        let uri = server.uri(user: "elsewhere", password: "pw")
        try backupctl.must("job", "create", "elsewhere", "--uri", uri, "--database", database)
        let run = try backupctl("run", "elsewhere", within: 60)
        expectRefusal(run, status: 1, "'elsewhere'", "not authorized", hint: "role")
        #expect(try backupctl.newestRun()["error"]["code"].string == "not-authorized")
        try backupctl.expectNothingPublished("failed")
    }

    @Test func aReaderCannotBeRestoredInto() throws {
        try makeUser("reader", password: "pw", on: "admin", role: "read", of: database)
        let reader = server.uri(user: "reader", password: "pw")
        try backupctl.must("job", "create", "read", "--uri", reader, "--database", database)
        try backupctl.must("run", "read")
        let before = try deployment.state(of: database)
        let restore = try backupctl("restore", "read@latest", "--to", reader, "--existing", "drop", "--yes", within: 60)
        expectRefusal(restore, status: 1, "'reader'", "not authorized")
        expectEqual(before, try deployment.state(of: database))
    }

    /// A user who sees some databases only must not get a snapshot that claims to be the whole deployment.
    @Test func aWholeDeploymentNeedsTheRightsForAllOfIt() throws {
        try makeUser("partly", password: "pw", on: "admin", role: "read", of: database)
        let uri = server.uri(user: "partly", password: "pw")
        try backupctl.must("job", "create", "partly", "--uri", uri)
        let run = try backupctl("run", "partly", within: 60)
        expectRefusal(run, status: 1, "'partly'")
        try backupctl.expectNothingPublished("failed")
    }

    @Test func usersAndRolesOfADatabaseGoAlongWhenAsked() throws {
        try deployment.perform(
            database,
            [
                "createRole": "auditor", "roles": [],
                "privileges": [["resource": ["db": .string(database), "collection": "orders"], "actions": ["find"]]],
            ])
        try makeUser("clerk", password: "pw", on: database, role: "auditor", of: database)
        let before = try deployment.state(of: database)
        try backupctl.must("job", "create", "users", "--uri", server.adminURI, "--database", database, "--with-users")
        try backupctl.must("run", "users")

        try deployment.perform(database, ["dropAllUsersFromDatabase": 1])
        try deployment.perform(database, ["dropAllRolesFromDatabase": 1])
        try deployment.dropDatabase(database)
        let plain = try backupctl.json("restore", "users@latest", "--to", server.adminURI)
        #expect(plain["state"].string == "succeeded")
        #expect(plain["skipped"].items.contains { $0["namespace"].string?.contains("system.users") == true })
        #expect(try users(of: database) == [])

        let restored = try backupctl.json(
            "restore", "users@latest", "--to", server.adminURI, "--with-users", "--existing", "drop", "--yes")
        #expect(restored["state"].string == "succeeded")
        #expect(try users(of: database) == ["clerk"])
        expectEqual(before, try deployment.state(of: database))
        let clerk = "mongodb://clerk:pw@127.0.0.1:\(server.port)/?authSource=\(database)&directConnection=true"
        #expect(try MongoDeployment(uri: clerk).count(database, "orders") == 200)

        let renamed = try backupctl(
            "restore", "users@latest", "--to", server.adminURI, "--with-users", "--rename",
            "\(database)=copy_\(database)")
        expectRefusal(renamed, status: 1, "users", database, hint: "--with-users")
        #expect(try !deployment.databases().contains("copy_\(database)"))
    }

    @Test func aWholeDeploymentComesBackWithItsUsers() throws {
        let other = "other_\(database)"
        try SampleData.makeSmall(other, on: deployment)
        try makeUser("keeper", password: "pw", on: "admin", role: "read", of: database)
        try backupctl.must("job", "create", "all", "--uri", server.adminURI)
        try backupctl.must("run", "all")
        let names = try backupctl.json("show", "all@latest")["namespaces"].items.compactMap { $0["namespace"].string }
        #expect(names.contains("\(database).orders") && names.contains("\(other).users"))
        #expect(names.contains("admin.system.users"))
        #expect(!names.contains { $0.hasPrefix("local.") || $0.hasPrefix("config.system.") })

        let before = try (deployment.state(of: database), deployment.state(of: other))
        for name in [database, other] { try deployment.dropDatabase(name) }
        try deployment.perform("admin", ["dropUser": "keeper"])
        let result = try backupctl.json("restore", "all@latest", "--to", server.adminURI, "--with-users")
        #expect(result["state"].string == "succeeded")
        expectEqual(before.0, try deployment.state(of: database))
        expectEqual(before.1, try deployment.state(of: other))
        #expect(try users(of: "admin").contains("keeper"))
        // The restore must not have taken its own user away.
        #expect(try users(of: "admin").contains("admin"))
    }

    /// The case that mongorestore gets wrong: it swaps the two parts.
    @Test func everyDatabaseCanGetAPrefix() throws {
        try backupctl.must("job", "create", "all", "--uri", server.adminURI)
        try backupctl.must("run", "all")
        let before = try deployment.state(of: database)
        let result = try backupctl.json(
            "restore", "all@latest", "--to", server.adminURI, "--ns-from", "*.*", "--ns-to", "new_*.*")
        fixture.onEnd { [server] in
            guard let deployment = try? server.deployment(), let all = try? deployment.databases() else { return }
            for name in all where name.hasPrefix("new_") { try? deployment.dropDatabase(name) }
        }
        #expect(result["state"].string == "succeeded")
        #expect(result["namespaces"].items.allSatisfy { $0["to"].string == "new_\($0["from"].string ?? "")" })
        expectEqual(before, try deployment.state(of: "new_\(database)"))
    }
}
