import Testing

@testable import BackupEngines
import BackupModel

@Suite struct DumpRulesTests {
    static let rows: [(String, DumpScope, Bool)] = [
        ("shop.orders", .deployment, true), ("shop.system.js", .deployment, true),
        ("shop.system.profile", .deployment, false), ("shop.system.views", .deployment, false),
        ("shop.system.buckets.x", .deployment, false), ("shop.system.buckets.x", .database("shop"), false),
        ("shop.a$b", .deployment, false), ("admin.system.users", .deployment, true),
        ("admin.system.roles", .deployment, true), ("admin.system.version", .deployment, true),
        ("admin.system.keys", .deployment, false), ("admin.system.views", .deployment, false),
        ("admin.own", .deployment, true), ("admin.system.users", .database("admin"), true),
        ("shop.system.users", .deployment, false), ("config.chunks", .deployment, true),
        ("config.version", .deployment, true), ("config.transactions", .deployment, false),
        ("config.system.sessions", .deployment, false), ("config.transactions", .database("config"), true),
        ("config.system.sessions", .database("config"), false), ("shop.systemx", .deployment, true),
        ("shop.system.profile", .collection(Namespace(database: "shop", collection: "system.profile")), true),
        ("shop.system.buckets.x", .collection(Namespace(database: "shop", collection: "system.buckets.x")), false),
    ]

    @Test(arguments: rows) func whatMongodumpTakesIsTaken(_ name: String, _ scope: DumpScope, _ taken: Bool) throws {
        let namespace = try #require(Namespace(parsing: name))
        #expect(DumpRules.takes(namespace, in: scope) == taken)
    }

    @Test func databasesOfTheServerItselfAreNotTaken() {
        #expect(!DumpRules.takes(database: "local"))
        #expect(!DumpRules.takes(database: "__mdb_internal_x"))
        #expect(
            DumpRules.takes(database: "admin") && DumpRules.takes(database: "config") && DumpRules.takes(database: "x"))
    }
}
