import BackupEngines
import BackupTestSupport
import Foundation
import Testing

/// The JSON that scripts rely on (DESIGN.md, section 9, and the README): exactly these keys, with these types.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct JSONContractTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }
    private var server: TestServer { bench.server }

    init() throws {
        bench = try Workbench("json")
        try SampleData.makeSmall(database, on: bench.deployment)
        try bench.makeJob("json")
    }

    private static let run: [String: JSONType] = [
        "id": .string, "job": .string, "kind": .string, "state": .string, "trigger": .string,
        "scheduledFor": .nullable(.time), "startedAt": .time, "finishedAt": .nullable(.time),
        "snapshot": .nullable(.string), "engine": .engine, "documents": .int, "failedDocuments": .int,
        "namespaces": .int, "uncompressedBytes": .int, "storedBytes": .int, "warnings": .strings,
        "error": .nullable(.object),
    ]
    private static let snapshot: [String: JSONType] = [
        "id": .string, "job": .string, "run": .string, "createdAt": .time, "state": .string, "engine": .engine,
        "repository": .string, "file": .string, "storedBytes": .int, "uncompressedBytes": .int, "sha256": .string,
        "documents": .int, "namespaceCount": .int, "verifiedAt": .nullable(.time), "pinned": .bool,
        "consistency": .string, "serverVersion": .string,
    ]
    private static let restore: [String: JSONType] = [
        "snapshot": .string, "state": .string, "run": .nullable(.string), "engine": .engine, "target": .string,
        "existing": .string, "dryRun": .bool, "documents": .object, "namespaces": .array, "skipped": .array,
        "warnings": .strings, "error": .nullable(.object),
    ]
    private static let restoredNamespace: [String: JSONType] = [
        "from": .string, "to": .string, "type": .string, "action": .string, "live": .nullable(.int), "expected": .int,
        "restored": .int, "failed": .int, "errors": .strings,
    ]
    private static let job: [String: JSONType] = [
        "name": .string, "source": .object, "engine": .string, "settings": .object, "repository": .string,
        "allowEmpty": .bool, "timeout": .nullable(.int), "stallTimeout": .int, "retention": .nullable(.object),
        "schedule": .nullable(.string), "catchUp": .nullable(.int), "jitter": .nullable(.int),
        "retries": .nullable(.int), "timeZone": .nullable(.string), "paused": .bool, "pausedAt": .nullable(.time),
        "createdAt": .time, "updatedAt": .time,
    ]

    @Test func runsAreWhatTheDesignSays() throws {
        let good = try backupctl.json("run", "json")
        expectShape(good, Self.run)
        #expect(good["state"].string == "succeeded")
        #expect(good["kind"].string == "backup")
        #expect(good["trigger"].string == "manual")
        #expect(good["documents"].int == 300)
        #expect(good["namespaces"].int == 2)
        #expect(good["snapshot"].string == "json-\(good["id"].string ?? "")")
        #expect(good["error"] == .null)

        let several = try backupctl.json("run", "json", "json")
        #expect(several.items.count == 2)
        for run in several.items { expectShape(run, Self.run) }

        try backupctl.must("job", "create", "bad", "--uri", server.uri, "--database", "t_there_is_none")
        let failed = try backupctl("run", "bad", "--json")
        #expect(failed.status == 1)
        let run = try failed.json()
        expectShape(run, Self.run)
        #expect(run["state"].string == "failed")
        expectShape(run["error"], ["code": .string, "message": .string, "hint": .nullable(.string)])
        #expect(run["error"]["code"].string == "source-not-found")

        let history = try backupctl.json("history")
        for run in history.items { expectShape(run, Self.run) }
        #expect(history.items.map { $0["job"].string } == ["bad", "json", "json", "json"])
        #expect(history[0] == run)
        #expect(history[3] == good)
        #expect(try backupctl.json("history", "json", "--limit", "1").items == [several[1]])
    }

    @Test func snapshotsAreWhatTheDesignSays() throws {
        let run = try backupctl.json("run", "json")
        let list = try backupctl.json("list")
        #expect(list.items.count == 1)
        expectShape(list[0], Self.snapshot)
        #expect(list[0]["run"] == run["id"])
        #expect(list[0]["state"].string == "good")
        #expect(list[0]["consistency"].string == "per-collection")
        #expect(list[0]["repository"].string == "default")
        #expect(list[0]["sha256"].string?.wholeMatch(of: /[0-9a-f]{64}/) != nil)
        let shown = try backupctl.json("show", "json@latest")
        expectShape(shown, Self.snapshot.merging(["namespaces": .array, "compression": .string]) { first, _ in first })
        for namespace in shown["namespaces"].items {
            expectShape(
                namespace,
                [
                    "namespace": .string, "type": .string, "documents": .int, "bytes": .int, "crc64": .string,
                    "indexes": .int,
                ])
        }
        #expect(shown["namespaces"].items.map { $0["documents"].int } == [200, 100])
        #expect(shown["namespaces"].items.map { $0["indexes"].int } == [2, 1])
    }

    @Test func restoresArePlannedAndReportedAsTheDesignSays() throws {
        try backupctl.must("run", "json")
        let arguments = [
            "restore", "json@latest", "--to", server.uri, "--rename", "\(database)=\(bench.copy)", "--json",
        ]
        let planned = try backupctl.run(arguments + ["--dry-run"]).json()
        expectShape(planned, Self.restore)
        #expect(planned["state"].string == "planned")
        #expect(planned["dryRun"].bool == true)
        #expect(planned["run"] == .null)
        #expect(planned["namespaces"].items.map { $0["action"].string } == ["create", "create"])
        #expect(planned["namespaces"].items.map { $0["live"] } == [.null, .null])
        #expect(try !server.deployment().databases().contains(bench.copy))

        let done = try backupctl.run(arguments).json()
        expectShape(done, Self.restore)
        for namespace in done["namespaces"].items { expectShape(namespace, Self.restoredNamespace) }
        expectShape(done["documents"], ["expected": .int, "restored": .int, "failed": .int])
        #expect(done["state"].string == "succeeded")
        #expect(done["existing"].string == "fail")
        #expect(done["documents"] == .object(["expected": .int(300), "restored": .int(300), "failed": .int(0)]))
        #expect(done["namespaces"][0]["from"].string == "\(database).orders")
        #expect(done["namespaces"][0]["to"].string == "\(bench.copy).orders")

        for (policy, action) in [("fail", "conflict"), ("merge", "merge"), ("drop", "drop")] {
            let result = try backupctl.run(arguments + ["--dry-run", "--existing", policy])
            #expect(result.status == (policy == "fail" ? 1 : 0), "\(result)")
            let plan = try result.json()
            expectShape(plan, Self.restore)
            #expect(plan["namespaces"].items.map { $0["action"].string } == [action, action])
            #expect(plan["namespaces"].items.map { $0["live"].int } == [200, 100])
        }
        let runs = try backupctl.json("history").items.filter { $0["kind"].string == "restore" }
        #expect(runs.count == 1)
        for run in runs { expectShape(run, Self.run) }
        #expect(runs.first?["id"] == done["run"])
    }

    @Test func statusIsWhatTheReadmeSays() throws {
        try backupctl.must("run", "json")
        try backupctl.must("job", "edit", "json", "--schedule", "@daily")
        let result = try backupctl("status", "--json")
        #expect(result.status == 1, "there is no daemon: \(result)")
        let status = try result.json()
        expectShape(status, ["daemon": .object, "jobs": .array])
        expectShape(status["daemon"], ["running": .bool, "holder": .nullable(.string)])
        expectShape(
            status["jobs"][0],
            [
                "job": .string, "schedule": .nullable(.string), "timeZone": .nullable(.string), "paused": .bool,
                "stale": .bool, "staleSince": .nullable(.time), "lastGood": .nullable(.object),
                "lastRun": .nullable(.object), "active": .nullable(.object), "nextRun": .nullable(.time),
                "problem": .nullable(.object),
            ])
        expectShape(
            status["jobs"][0]["lastGood"],
            [
                "snapshot": .string, "createdAt": .time, "age": .int, "storedBytes": .int,
                "verifiedAt": .nullable(.time),
            ])
        expectShape(status["jobs"][0]["lastRun"], Self.run)
        #expect(status["jobs"][0]["stale"].bool == false && status["jobs"][0]["nextRun"] != .null)
    }

    @Test func jobsShowEverythingButSecrets() throws {
        let list = try backupctl.json("job", "list")
        #expect(list.items.count == 1)
        expectShape(list[0], Self.job)
        expectShape(
            list[0]["source"],
            [
                "uri": .nullable(.string), "uriFile": .nullable(.string), "uriEnv": .nullable(.string),
                "database": .nullable(.string), "collection": .nullable(.string), "include": .strings,
                "exclude": .strings, "withUsers": .bool,
            ])
        #expect(try backupctl.json("job", "show", "json") == list[0])
        #expect(try backupctl.json("job", "pause", "json")["paused"].bool == true)
        expectShape(try backupctl.json("job", "show", "json"), Self.job)
        #expect(try backupctl.json("job", "resume", "json")["pausedAt"] == .null)
        let edited = try backupctl.json("job", "edit", "json", "--exclude", "*.users", "--timeout", "6h")
        #expect(edited["timeout"].int == 21_600)
        #expect(edited["source"]["exclude"].strings == ["*.users"])
        #expect(edited["createdAt"] == list[0]["createdAt"])
    }

    @Test func emptyListsAreEmptyArrays() throws {
        let fresh = Backupctl(bench.fixture, state: "fresh")
        for command in [["job", "list"], ["list"], ["history"]] {
            #expect(try fresh.run(command + ["--json"]).json() == .array([]))
            #expect(try fresh.run(command).output.hasPrefix("no "))
        }
    }

    /// Notes, progress and warnings go elsewhere: a script can parse stdout whatever happens.
    @Test func resultsAreAloneOnStandardOutput() throws {
        try backupctl.must("job", "pause", "json")
        let run = try backupctl("run", "json", "--json")
        #expect(run.errors.contains("job 'json' is paused"))
        #expect(try run.json()["state"].string == "succeeded")
        let quiet = try backupctl("run", "json", "--quiet")
        #expect(quiet.output == "" && quiet.errors == "", "\(quiet)")
        let missing = try backupctl("show", "ordres@latest", "--json")
        #expect(missing.output == "")
        expectRefusal(missing, status: 1, "'ordres'")
    }

    @Test func commonOptionsStandBeforeOrAfterTheCommand() throws {
        var bare = backupctl
        bare.environment["BACKUPCTL_STATE_DIR"] = nil
        let before = try bare("--json", "--state-dir", backupctl.state, "job", "list")
        let between = try bare("job", "--json", "list", "--state-dir", backupctl.state)
        let after = try bare("job", "list", "--state-dir", backupctl.state, "--json")
        for result in [before, between, after] {
            #expect(try result.json()[0]["name"].string == "json", "\(result)")
        }
    }

    @Test func peopleSeeTables() throws {
        try backupctl.must("run", "json")
        let list = try backupctl("list")
        #expect(list.output.hasPrefix("SNAPSHOT "))
        #expect(list.output.contains("json-") && list.output.contains("300") && list.output.contains("good"))
        let shown = try backupctl("show", "json@latest").output
        #expect(shown.contains("\(database).orders") && shown.contains("collection"))
        #expect(try backupctl("history").output.contains("succeeded"))
        #expect(try backupctl("job", "list").output.contains("database"))
        #expect(try backupctl("log", "json").output.contains("done \(database).users (100 documents)"))
        #expect(try backupctl("--help").output.contains("restore"))
        #expect(try backupctl("--version").output.wholeMatch(of: /\d+\.\d+\.\d+\ntime zones .+\n/) != nil)
    }
}
