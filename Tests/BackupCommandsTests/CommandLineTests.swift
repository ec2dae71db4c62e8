import ArgumentParser
import BackupModel
import BackupOperations
import Foundation
import Testing

@testable import BackupCommands

/// What a command line means, and what of it is refused.
@Suite struct CommandLineTests {
    private func parse<Command: ParsableCommand>(_ type: Command.Type, _ line: String...) throws -> Command {
        try #require(try Backupctl.parseAsRoot(line) as? Command)
    }

    private func failure(of body: () throws -> Void) -> BackupError? {
        do {
            try body()
            return nil
        } catch {
            return error as? BackupError
        }
    }

    @Test(arguments: [
        ["job", "create", "a", "--uri", "mongodb://h/"], ["job", "edit", "a", "--timeout", "6h"], ["job", "list"],
        ["job", "show", "a"], ["job", "pause", "a"], ["job", "resume", "a"], ["job", "delete", "a", "--yes"],
        ["run", "a", "b"], ["list"], ["list", "a"], ["show", "a@latest"], ["history", "--limit", "0"], ["log", "a"],
        ["restore", "a@latest", "--to", "mongodb://h/", "--dry-run"], ["prune"], ["prune", "a", "--dry-run"],
        ["pin", "a@latest", "--reason", "r"], ["unpin", "a@latest"], ["delete", "a@latest", "--yes"],
        ["retention", "plan", "--batch", "f"], ["catalog", "check"],
    ])
    func everyCommandTakesTheCommonOptionsAfterIt(line: [String]) throws {
        _ = try Backupctl.parseAsRoot(line)
        _ = try Backupctl.parseAsRoot(line + ["--json", "--quiet", "--state-dir", "x"])
    }

    @Test(
        arguments: [
            [], ["--json"], ["no-such"], ["job", "create"], ["run"], ["list", "--no-such"], ["restore"],
            ["history", "--limit", "-1"], ["list", "--quiet", "--verbose"], ["restore", "x", "--existing", "maybe"],
            ["job", "create", "a", "--timeout", "6"], ["job", "create", "a", "--timeout", "-6h"],
            ["job", "edit", "a", "--no-timeout", "--timeout", "6h"],
            ["job", "edit", "a", "--clear-include", "--include", "x"],
            ["job", "edit", "a", "--whole-deployment", "--database", "x"], ["retention", "plan"],
            ["job", "edit", "a", "--no-retention", "--keep-last", "3"], ["prune", "--accept-anomaly"],
            ["prune", "a", "--max-share", "0"], ["prune", "a", "--history-older-than", "5d", "--accept-clock"],
            ["job", "create", "a", "--keep-within", "1w"], ["pin", "a"], ["delete"],
        ].filter { !$0.isEmpty && $0 != ["--json"] })
    func wrongUseIsRefusedByTheParser(line: [String]) {
        #expect(throws: (any Error).self) { try Backupctl.parseAsRoot(line) }
    }

    /// `DESIGN.md`, section 9: the options stand before or after the command.
    @Test func commonOptionsMayStandBeforeTheCommand() throws {
        let list = try parse(SnapshotList.self, "--json", "--state-dir", "/x", "list", "orders")
        #expect(list.options.json)
        #expect(try list.options.statePath == "/x")
        #expect(list.job == "orders")
        #expect(try parse(SnapshotList.self, "list", "--json").options.json)
        #expect(try !parse(SnapshotList.self, "list").options.json)
    }

    @Test func anEmptyStateDirectoryIsRefused() throws {
        #expect(try parse(SnapshotList.self, "list", "--limit", "7").limit == 7)
        #expect(throws: (any Error).self) { try parse(SnapshotList.self, "list", "--limit", "-1") }
        let list = try parse(SnapshotList.self, "list", "--state-dir", "")
        #expect(failure { _ = try list.options.statePath }?.code == .usage)
    }

    @Test func renamingTakesPairsInTheOrderGiven() throws {
        let command = try parse(
            RestoreCommand.self, "restore", "s", "--ns-from", "a.*", "--ns-to", "b.*", "--nsFrom", "c.*", "--nsTo",
            "d.*",
            "--rename", "e=f", "--ns-include", "a.*", "--existing", "drop", "--with-users", "--no-indexes", "--dry-run")
        let request = try command.choice.request(source: "s", target: .literal("mongodb://h/"))
        #expect(request.choice.mapping.rules.count == 3)
        let renamed = try ["a", "c", "e"].map {
            try request.choice.mapping.map(Namespace(database: $0, collection: "x")).description
        }
        #expect(renamed == ["b.x", "d.x", "f.x"])
        #expect(request.choice.existing == .drop)
        #expect(request.choice.withUsers)
        #expect(!request.withIndexes)
        #expect(request.isDryRun)
    }

    @Test func theDefaultsOfARestoreAreCareful() throws {
        let request = try parse(RestoreCommand.self, "restore", "s").choice.request(
            source: "s", target: .literal("mongodb://h/"))
        #expect(request.choice == RestoreChoice())
        #expect(request.choice.existing == .fail)
        #expect(!request.choice.withUsers)
        #expect(request.withIndexes)
        #expect(!request.isDryRun)
    }

    @Test func pairsThatAreNoneAreRefused() throws {
        let command = try parse(RestoreCommand.self, "restore", "s", "--ns-from", "a.*")
        #expect(failure { _ = try command.choice.request(source: "s", target: .literal("mongodb://h/")) } != nil)
    }

    @Test func oneConnectionStringIsEnough() throws {
        #expect(try parse(JobCreate.self, "job", "create", "a").job.connection.given() == nil)
        #expect(
            try parse(JobCreate.self, "job", "create", "a", "--uri-env", "X").job.connection.given()
                == .environment("X"))
        #expect(try parse(JobCreate.self, "job", "create", "a", "--uri-file", "f").job.connection.given() == .file("f"))
        let both = try parse(JobCreate.self, "job", "create", "a", "--uri", "x", "--uri-file", "f")
        #expect(failure { _ = try both.job.connection.given() }?.code == .usage)
        let targets = try parse(RestoreCommand.self, "restore", "s", "--to", "x", "--to-env", "f")
        #expect(failure { _ = try targets.target.given() }?.code == .usage)
    }

    @Test(arguments: [
        (nil, nil, DumpScope.deployment), ("shop", nil, .database("shop")),
        ("shop", "a.b", .collection(Namespace(database: "shop", collection: "a.b"))),
        (nil, "shop.a.b", .collection(Namespace(database: "shop", collection: "a.b"))),
    ])
    func aScopeIsReadAsItIsMeant(database: String?, collection: String?, scope: DumpScope) throws {
        #expect(try DumpScope(database: database, collection: collection) == scope)
    }

    static let namingNothing: [(String?, String?)] = [
        ("", nil), ("a.b", nil), ("a/b", nil), (nil, "a"), (nil, "a."), (nil, ".a"), (nil, ""), ("a", ""),
    ]

    @Test(arguments: namingNothing)
    func aScopeThatNamesNothingIsRefused(database: String?, collection: String?) {
        #expect(failure { _ = try DumpScope(database: database, collection: collection) }?.code == .invalidName)
    }

    @Test func anEditChangesWhatIsNamedOnly() throws {
        var source = JobSource(connection: .literal("mongodb://h/"), scope: .database("shop"), withUsers: true)
        var policy = RunPolicy(allowEmpty: true, timeout: 5, stallTimeout: 6)
        let before = (source, policy)
        try parse(JobEdit.self, "job", "edit", "a").job.apply(to: &source, &policy)
        #expect(source == before.0)
        #expect(policy == before.1)
        try parse(JobEdit.self, "job", "edit", "a", "--stall-timeout", "2m", "--no-allow-empty", "--no-with-users").job
            .apply(to: &source, &policy)
        #expect(policy == RunPolicy(allowEmpty: false, timeout: 5, stallTimeout: 120))
        #expect(!source.withUsers)
    }

    @Test func aRuleReplacesTheOneOfItsNameOnly() throws {
        var policy: RetentionPolicy?
        func edit(_ line: String...) throws {
            let edit = try #require(try Backupctl.parseAsRoot(["job", "edit", "a"] + line) as? JobEdit)
            try edit.job.retention.apply(to: &policy)
        }
        try edit()
        #expect(policy == nil)
        try edit("--keep-last", "3", "--keep-within", "30d", "--keep-within-monthly", "1y")
        try edit("--keep-daily", "7", "--keep-within", "0d")
        #expect(policy?.description == "last 3, daily 7, monthly within 1y")
        try edit("--keep-hourly", "1", "--keep-weekly", "2", "--keep-monthly", "3", "--keep-yearly", "4")
        #expect(policy?.counts == [.last: 3, .daily: 7, .hourly: 1, .weekly: 2, .monthly: 3, .yearly: 4])
        try edit(
            "--keep-within-hourly", "1h", "--keep-within-daily", "2d", "--keep-within-weekly", "3d",
            "--keep-within-yearly", "9y")
        #expect(policy?.spans.count == 5 && policy?.spans[.yearly]?.years == 9 && policy?.spans[.hourly]?.hours == 1)
        policy = try RetentionPolicy(counts: [.last: 1])
        #expect(failure { try edit("--keep-last", "0") }?.code == .invalidPolicy)
        #expect(try policy == RetentionPolicy(counts: [.last: 1]))
    }

    @Test func usersDoNotGoWithOneCollection() throws {
        var source = JobSource(connection: .literal(""), scope: .deployment)
        var policy = RunPolicy()
        let job = try parse(JobCreate.self, "job", "create", "a", "--collection", "a.b", "--with-users").job
        #expect(failure { try job.apply(to: &source, &policy) }?.code == .usage)
    }
}
