import BackupModel
import Testing

@Suite struct RestorePlanTests {
    private let archive = [
        archived("shop.orders", 10), archived("shop.customers", 5), archived("shop.big", 0, type: "view"),
        archived("shop.temps", 3, type: "timeseries"), archived("admin.system.users", 1, type: "collection"),
        ArchivedNamespace(namespace: Namespace(database: "", collection: "oplog"), type: "", documents: 7),
        archived("config.settings", 1),
    ]

    private static func archived(_ name: String, _ documents: Int64, type: String = "collection") -> ArchivedNamespace {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        return ArchivedNamespace(
            namespace: Namespace(database: parts[0], collection: parts[1]), type: type, documents: documents,
            definition: type == "view" ? "v1" : nil)
    }

    private func plan(_ choice: RestoreChoice, live: [String: LiveNamespace] = [:]) throws -> RestorePlan {
        try RestorePlan.make(archive: archive, choice: choice) { live[$0.description] }
    }

    @Test func leavesOutUsersOplogAndTheServersOwn() throws {
        let plan = try plan(RestoreChoice())
        #expect(plan.entries.map(\.target.description) == ["shop.orders", "shop.customers", "shop.big", "shop.temps"])
        #expect(plan.skipped.map(\.namespace.description) == ["admin.system.users", ".oplog", "config.settings"])
        #expect(plan.entries.allSatisfy { $0.action == .create })
    }

    @Test func takesUsersOnlyWhenAsked() throws {
        let plan = try plan(RestoreChoice(withUsers: true))
        #expect(plan.entries.contains { $0.source.collection == "system.users" && $0.action == .merge })
    }

    @Test(arguments: [
        (ExistingPolicy.fail, RestorePlan.Action.conflict), (.merge, .merge), (.drop, .drop),
    ])
    func whatIsThereMeetsThePolicy(existing: ExistingPolicy, action: RestorePlan.Action) throws {
        let live = ["shop.orders": LiveNamespace(type: "collection", documents: 4)]
        let plan = try plan(RestoreChoice(existing: existing), live: live)
        let entry = try #require(plan.entries.first { $0.target.collection == "orders" })
        #expect(entry.action == action)
        #expect(entry.live == 4)
        #expect(plan.conflicts.count == (action == .conflict ? 1 : 0))
    }

    /// The server refuses to drop it, an engine empties it instead: either way what was there does not stay.
    @Test func theServersFunctionsAreDroppedToo() throws {
        let plan = try RestorePlan.make(
            archive: [Self.archived("shop.system.js", 1)], choice: RestoreChoice(existing: .drop)
        ) { _ in LiveNamespace(type: "collection", documents: 1) }
        #expect(plan.entries.map(\.action) == [.drop])
    }

    @Test(arguments: [
        ("shop.orders", LiveNamespace(type: "view", documents: 0)),
        ("shop.big", LiveNamespace(type: "view", documents: 0, definition: "v2")),
        ("shop.temps", LiveNamespace(type: "timeseries", documents: 0)),
    ])
    func mergeRefusesWhatCannotBeMerged(name: String, live: LiveNamespace) throws {
        #expect(
            try plan(RestoreChoice(existing: .merge), live: [name: live]).conflicts.map(\.target.description) == [name])
    }

    @Test func aViewWithTheSameDefinitionMerges() throws {
        let live = ["shop.big": LiveNamespace(type: "view", documents: 0, definition: "v1")]
        #expect(try plan(RestoreChoice(existing: .merge), live: live).conflicts.isEmpty)
    }

    @Test func aPatternThatMatchesNothingNamesWhatIsThere() throws {
        let selections = [
            RestoreChoice(selection: try NamespaceSelection(include: ["shp.*"], exclude: [])),
            RestoreChoice(selection: try NamespaceSelection(include: [], exclude: ["*.sesions"])),
            RestoreChoice(mapping: try NamespaceMapping(from: ["prod.*"], to: ["dev.*"], renames: [])),
            RestoreChoice(mapping: try NamespaceMapping(from: [], to: [], renames: ["shop.order=shop.x"])),
        ]
        for choice in selections {
            let error = #expect(throws: BackupError.self) { try plan(choice) }
            #expect(error?.code == .noMatch)
            #expect(error?.hint?.contains("'shop.orders'") == true)
        }
    }

    @Test func twoSourcesForOneTargetAreRefused() throws {
        let mapping = try NamespaceMapping(from: ["shop.orders"], to: ["shop.customers"], renames: [])
        let error = #expect(throws: BackupError.self) { try plan(RestoreChoice(mapping: mapping)) }
        #expect(error?.message.contains("both go to 'shop.customers'") == true)
    }

    @Test(arguments: [
        "admin.*", "config.*", "local.*", "a/b.*", "sh op.*", "x.system.*", "x.$db$",
        String(repeating: "d", count: 64) + ".*",
    ])
    func targetsThatNoServerTakesAreRefused(to: String) throws {
        #expect(throws: BackupError.self) {
            let mapping = try NamespaceMapping(from: ["shop.*"], to: [to], renames: [])
            _ = try plan(RestoreChoice(mapping: mapping))
        }
    }

    @Test func databasesThatDifferInCaseOnlyAreRefused() throws {
        let mapping = try NamespaceMapping(from: ["shop.orders"], to: ["SHOP.orders"], renames: [])
        #expect(throws: BackupError.self) { try plan(RestoreChoice(mapping: mapping)) }
    }

    @Test func usersOfOneDatabaseDoNotFollowARename() throws {
        let archive = [
            Self.archived("shop.orders", 1),
            ArchivedNamespace(
                namespace: Namespace(database: "shop", collection: "$admin.system.users"), type: "", documents: 1),
        ]
        let mapping = try NamespaceMapping(from: ["shop.*"], to: ["dev.*"], renames: [])
        let error = #expect(throws: BackupError.self) {
            try RestorePlan.make(archive: archive, choice: RestoreChoice(mapping: mapping, withUsers: true)) { _ in nil
            }
        }
        #expect(error?.code == .refused)
        let plain = try RestorePlan.make(archive: archive, choice: RestoreChoice(withUsers: true)) { _ in nil }
        #expect(plain.entries.count == 2)
    }

    @Test func whatOnlyAServerWritesIsLeftOut() throws {
        let archive = [Self.archived("admin.system.keys", 1), Self.archived("shop.orders", 1)]
        let plan = try RestorePlan.make(archive: archive, choice: RestoreChoice(withUsers: true)) { _ in nil }
        #expect(plan.entries.map(\.target.description) == ["shop.orders"])
        #expect(plan.skipped.map(\.namespace.description) == ["admin.system.keys"])
    }

    @Test(arguments: ["a/b.x", "$external.x", "x..lead", "sh op.x", "x." + String(repeating: "y", count: 300)])
    func namesThatNoServerTakesAreRefusedBeforeAnyWrite(name: String) {
        let error = #expect(throws: BackupError.self) {
            try RestorePlan.make(archive: [Self.archived(name, 1)], choice: RestoreChoice()) { _ in nil }
        }
        #expect(error?.code == .refused)
    }
}
