import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

/// Users, roles and rights, against a server that asks for credentials.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct UsersAndRolesTests {
    let server: TestServer
    let password = "pw-for-tests"

    init() throws {
        server = try TestServer.guarded.get()
    }

    func create(user: String, in database: String, roles: [BSONValue]) throws {
        try server.run(database, ["createUser": .string(user), "pwd": .string(password), "roles": .array(roles)])
    }

    func canLogIn(_ user: String, _ database: String) throws -> Bool {
        let uri = "mongodb://\(user):\(password)@127.0.0.1:\(server.port)/?authSource=\(database)&directConnection=true"
        do {
            try MongoDeployment(uri: uri).ping()
            return true
        } catch let error as BackupError where error.code == .authenticationFailed {
            return false
        }
    }

    func special(_ name: String, of database: String) -> ArchiveCollection {
        ArchiveCollection(
            namespace: Namespace(database: database, collection: "$admin.system." + name), kind: .special,
            metadataJSON: "")
    }

    func makeDatabase(_ database: String) throws {
        try server.insert([["_id": 1]], into: Namespace(database: database, collection: "c"))
        try server.run(
            database,
            [
                "createRole": "own", "roles": .array([]),
                "privileges": .array([
                    ["resource": ["db": .string(database), "collection": "c"], "actions": .array(["find"])]
                ]),
            ])
        try create(user: "ann", in: database, roles: ["own", "read"])
    }

    func dropUsers(_ database: String) throws {
        try server.run(database, ["dropAllUsersFromDatabase": 1])
        try server.run(database, ["dropAllRolesFromDatabase": 1])
    }

    @Test func usersAndRolesOfOneDatabaseComeBack() throws {
        let database = scratchDatabase("users_one")
        try makeDatabase(database)
        let (bytes, report) = try server.dump(.database(database), withUsers: true)
        #expect(
            report.namespaces.prefix(2).map(\.namespace.collection) == ["$admin.system.users", "$admin.system.roles"])
        #expect(report.namespaces.prefix(2).map(\.documents) == [1, 1])
        try dropUsers(database)
        #expect(try !canLogIn("ann", database))

        let without = try server.restore(bytes, action: .drop)
        #expect(without.namespaces.map(\.namespace.collection) == ["c"])
        #expect(try !canLogIn("ann", database))

        let restored = try server.restore(bytes, action: .drop, withUsers: true)
        #expect(restored.namespaces.prefix(2).map(\.restored) == [1, 1])
        #expect(restored.namespaces.allSatisfy { !$0.isIncomplete })
        #expect(try canLogIn("ann", database))
        try expectNoTemporaries()
        try dropUsers(database)
        try server.deployment().dropDatabase(database)
    }

    @Test func usersAndRolesOfTheDeploymentComeBackAndExistingOnesStay() throws {
        let database = scratchDatabase("users_all")
        try makeDatabase(database)
        let selection = try NamespaceSelection(include: ["admin.*", "\(database).*"], exclude: [])
        let (bytes, report) = try server.dump(.deployment, selection: selection)
        #expect(
            report.namespaces.prefix(3).map(\.namespace.description) == [
                "admin.system.users", "admin.system.roles", "admin.system.version",
            ])
        try dropUsers(database)
        try create(user: "bob", in: database, roles: ["read"])
        let isWanted = { (namespace: Namespace) in namespace.database == database }
        let restored = try server.restore(bytes, action: .drop, withUsers: true, select: isWanted)
        let users = restored.namespaces[0]
        #expect(users.restored == 1 && users.kept == report.namespaces[0].documents - 1 && !users.isIncomplete)
        #expect(restored.warnings.contains { $0.contains("'admin.admin'") })
        #expect(try canLogIn("ann", database) && canLogIn("bob", database))
        try expectNoTemporaries()
        try dropUsers(database)
        try server.deployment().dropDatabase(database)
    }

    /// What a careless renaming of the specials would give.
    @Test func usersOfAnotherDatabaseAreNotMerged() throws {
        let database = scratchDatabase("users_other")
        let bytes = try archive([
            (
                special("users", of: database),
                [
                    ["_id": "elsewhere.x", "user": "x", "db": "elsewhere", "credentials": [:], "roles": .array([])]
                ]
            ),
            (special("version", of: database), [["_id": "authSchema", "currentVersion": 5]]),
        ])
        let users = try server.restore(bytes, withUsers: true).namespaces[0]
        #expect(users.failed == 1 && users.restored == 0 && users.isIncomplete)
        #expect(users.errors.first?.contains("'elsewhere'") == true)
    }

    @Test func theArchivesOfMongodumpBringTheirUsers() throws {
        for name in ["04-users-db.archive.gz", "04b-users-cluster.archive.gz", "04c-users-admin-only.archive.gz"] {
            let golden = try Golden(name)
            let report = try server.restore(
                golden.bytes, action: .drop, withUsers: true, select: { $0.database.hasPrefix("gold") })
            #expect(report.namespaces.allSatisfy { !$0.isIncomplete }, "\(name)")
            let users = report.namespaces.filter { $0.namespace.collection.hasSuffix("system.users") }
            #expect(users.count == 1 && users[0].restored > 0, "\(name)")
            for user in try server.deployment().runCommand("admin", ["usersInfo": ["forAllDBs": true]])["users"]?
                .arrayValues ?? []
            {
                guard let user = user.documentValue, let name = user["user"]?.stringValue, name.hasPrefix("gold"),
                    let database = user["db"]?.stringValue
                else { continue }
                try server.run(database, ["dropUser": .string(name)])
            }
        }
        try expectNoTemporaries()
    }

    @Test func usersOfAnotherSchemaAreRefused() throws {
        let database = scratchDatabase("users_schema")
        let bytes = try archive([
            (
                special("users", of: database),
                [["_id": .string("\(database).x"), "user": "x", "db": .string(database)]]
            ),
            (special("version", of: database), [["_id": "authSchema", "currentVersion": 1]]),
        ])
        let report = try server.restore(bytes, withUsers: true)
        #expect(report.namespaces[0].failed == 1 && report.namespaces[0].errors.first?.contains("schema 1") == true)
        try expectNoTemporaries()
    }

    @Test func theBuiltInRolesSuffice() throws {
        let database = scratchDatabase("users_roles")
        try makeDatabase(database)
        try create(user: "reader", in: "admin", roles: ["backup"])
        try create(user: "writer", in: "admin", roles: ["restore"])
        let (bytes, _) = try server.dump(.deployment, uri: server.uri(user: "reader", password: password))
        try dropUsers(database)
        let report = try server.restore(
            bytes, action: .drop, withUsers: true, select: { $0.database == database },
            uri: server.uri(user: "writer", password: password))
        #expect(report.namespaces.allSatisfy { !$0.isIncomplete })
        #expect(try canLogIn("ann", database))
        for name in ["reader", "writer"] { try server.run("admin", ["dropUser": .string(name)]) }
        try dropUsers(database)
        try server.deployment().dropDatabase(database)
    }

    @Test func missingRightsAndWrongPasswordsAreToldApart() throws {
        let database = scratchDatabase("users_rights")
        try makeDatabase(database)
        try create(user: "narrow", in: "admin", roles: [["role": "read", "db": .string(database)]])
        let narrow = server.uri(user: "narrow", password: password)
        let (bytes, _) = try server.dump(.database(database), uri: narrow)
        var error = try #require(throws: BackupError.self) { try server.dump(.database("admin"), uri: narrow) }
        #expect(
            error.code == .notAuthorized && error.message.contains("'admin'")
                && error.hint?.contains("'backup'") == true)
        error = try #require(throws: BackupError.self) { try server.restore(bytes, action: .merge, uri: narrow) }
        #expect(error.code == .notAuthorized && error.message.contains("'\(database).c'"))
        #expect(!error.message.contains("documents"))
        error = try #require(throws: BackupError.self) { try server.dump(.deployment, uri: server.uri) }
        #expect(error.code == .notAuthorized && error.hint?.contains("user and password") == true)
        let wrong = server.uri(user: "narrow", password: "CANARY-9f3a")
        error = try #require(throws: BackupError.self) { try server.dump(.deployment, uri: wrong) }
        #expect(error.code == .authenticationFailed && !"\(error.message)\(error.hint ?? "")".contains("CANARY"))
        try server.run("admin", ["dropUser": "narrow"])
        try dropUsers(database)
        try server.deployment().dropDatabase(database)
    }

    private func expectNoTemporaries() throws {
        let names = try server.deployment().collections(in: "admin").map(\.namespace.collection)
        #expect(!names.contains { $0.hasPrefix("temp") })
    }
}
