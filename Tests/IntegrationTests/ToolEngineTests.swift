import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Whatever a tool does, the run ends in the right state within its time, and no process is left.
@Suite(
    .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason),
    .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"))
struct ToolEngineTests {
    private let bench: Workbench
    private let tools: FakeTools
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }

    init() throws {
        bench = try Workbench("tools")
        tools = try FakeTools(in: bench.fixture)
    }

    private func fill() throws {
        try SampleData.makeZoo(database, on: bench.deployment)
    }

    private func makeJob(_ options: String...) throws {
        let created = try backupctl.run(
            [
                "job", "create", "t", "--uri", bench.server.uri, "-d", database, "--engine", "mongodump", "--tools-dir",
                tools.folder.path,
            ] + options)
        try created.expectSuccess()
    }

    /// Every process that the tools were or left is gone.
    private func expectNoProcess(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let started = try tools.records(of: "start") + tools.records(of: "grandchild")
        for record in started {
            let process = try #require(record["pid"].int)
            #expect(isGone(Int(process)), "process \(process) is left", sourceLocation: sourceLocation)
        }
    }

    private func isGone(_ process: Int) -> Bool {
        for _ in 0..<300 {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")")
            else { return true }
            if "ZX".contains(text[text.index(end, offsetBy: 2)]) { return true }
            Thread.sleep(forTimeInterval: 0.01)
        }
        return false
    }

    struct Misbehaviour: CustomTestStringConvertible, Sendable {
        var mode: String
        var options = "{}"
        var job: [String] = []
        var state: String
        var code: String?
        var says = ""
        var warns = ""
        var within = 20.0
        var testDescription: String { "\(mode) \(options)" }
    }

    static let dumps = [
        Misbehaviour(mode: "right", state: "succeeded"),
        Misbehaviour(mode: "truncated", state: "failed", code: "archive-damaged", says: "cannot trust the archive"),
        Misbehaviour(mode: "truncated", options: #"{"bytes": -1}"#, state: "failed", code: "archive-damaged"),
        Misbehaviour(mode: "empty", state: "failed", code: "archive-damaged"),
        Misbehaviour(
            mode: "fails-after-whole", state: "failed", code: "tool-failed", says: "the archive was complete"),
        Misbehaviour(
            mode: "interrupted-like", state: "failed", code: "tool-failed", says: "mongodump failed with status 1"),
        Misbehaviour(mode: "wrong-counts", state: "failed", code: "archive-damaged", says: "the engine reports"),
        Misbehaviour(mode: "die-by-signal", state: "failed", code: "tool-failed", says: "killed by signal 9"),
        Misbehaviour(
            mode: "hang-before-first-byte", job: ["--stall-timeout", "2s"], state: "failed", code: "timed-out",
            says: "nothing moved for 2s"),
        Misbehaviour(
            mode: "hang-midway", job: ["--timeout", "3s"], state: "failed", code: "timed-out", says: "timeout of 3s"),
        Misbehaviour(mode: "ignore-term", job: ["--timeout", "3s"], state: "failed", code: "timed-out"),
        Misbehaviour(mode: "fork", job: ["--timeout", "3s"], state: "failed", code: "timed-out"),
        Misbehaviour(mode: "hang-version", job: ["--stall-timeout", "2s"], state: "failed", code: "timed-out"),
        Misbehaviour(mode: "fork-and-leave", state: "succeeded", warns: "left 1 processes behind"),
        Misbehaviour(mode: "bad-version", state: "failed", code: "tool-failed", says: "which version it is"),
        Misbehaviour(mode: "flood", options: #"{"bytes": 200000000}"#, state: "succeeded", within: 60),
        Misbehaviour(mode: "flood-one-line", options: #"{"bytes": 200000000}"#, state: "succeeded", within: 60),
        Misbehaviour(mode: "drip", options: #"{"delay": 0.01, "bytes": 100}"#, state: "succeeded"),
    ]

    @Test(arguments: dumps) func aDumpEndsInTheRightState(_ case: Misbehaviour) throws {
        try fill()
        try makeJob()
        if !`case`.job.isEmpty { try backupctl.run(["job", "edit", "t"] + `case`.job).expectSuccess() }
        try tools.behave(`case`.mode, `case`.options)
        let result = try backupctl("run", "t", "--json", within: `case`.within)
        #expect(result.status == (`case`.state == "succeeded" ? 0 : 1), "\(result)")
        let run = try result.json()
        #expect(run["state"].string == `case`.state, "\(result)")
        #expect(run["error"]["code"].string == `case`.code, "\(result)")
        if !`case`.says.isEmpty { #expect(run["error"]["message"].string?.contains(`case`.says) == true, "\(result)") }
        if !`case`.warns.isEmpty {
            #expect(run["warnings"].strings.contains { $0.contains(`case`.warns) }, "\(result)")
        }
        try expectNoProcess()
        if `case`.state == "succeeded" {
            #expect(run["engine"]["name"].string == "mongodump")
            #expect(try backupctl.json("list")[0]["state"].string == "good")
        } else {
            try backupctl.expectNothingPublished("failed")
        }
        // What it said last is in the log, however the run ended and however much it said.
        let log = try backupctl("log", "t").output
        if `case`.mode == "fails-after-whole" { #expect(log.contains("error on purpose")) }
        if `case`.mode.hasPrefix("flood") { #expect(log.utf8.count < 2 << 20 && log.contains("done dumping")) }
    }

    static let restores = [
        Misbehaviour(mode: "right", state: "succeeded"),
        Misbehaviour(mode: "fork-and-leave", state: "succeeded", warns: "left 1 processes behind"),
        Misbehaviour(mode: "loses", state: "partial", code: "incomplete"),
        Misbehaviour(mode: "loses", options: #"{"silently": true}"#, state: "partial", code: "incomplete"),
        Misbehaviour(mode: "swallows", state: "partial", code: "incomplete", says: "not on the target"),
        Misbehaviour(mode: "closes-stdin", state: "failed", code: "tool-failed", says: "status 1"),
        Misbehaviour(mode: "fails-after-whole", state: "failed", code: "tool-failed", says: "error on purpose"),
        Misbehaviour(mode: "die-by-signal", state: "failed", code: "tool-failed", says: "killed by signal 9"),
        Misbehaviour(mode: "flood", options: #"{"bytes": 100000000}"#, state: "succeeded", within: 60),
        Misbehaviour(mode: "bad-version", state: "failed", code: "tool-failed", says: "which version it is"),
    ]

    @Test(arguments: restores) func aRestoreEndsInTheRightState(_ case: Misbehaviour) throws {
        try fill()
        try makeJob()
        try backupctl.must("run", "t")
        try tools.behave(`case`.mode, `case`.options)
        let result = try backupctl.run(
            ["restore", "t@latest", "--engine", "mongodump", "--tools-dir", tools.folder.path, "--json"] + bench.toCopy,
            within: `case`.within)
        let statuses: [String: Int32] = ["succeeded": 0, "partial": 3, "failed": 1]
        #expect(result.status == statuses[`case`.state], "\(result)")
        let report = try result.json()
        #expect(report["state"].string == `case`.state, "\(result)")
        #expect(report["error"]["code"].string == `case`.code, "\(result)")
        if !`case`.says.isEmpty {
            #expect(report["error"]["message"].string?.contains(`case`.says) == true, "\(result)")
        }
        if !`case`.warns.isEmpty { #expect(report["warnings"].strings.contains { $0.contains(`case`.warns) }) }
        #expect(try backupctl.newestRun()["state"].string == `case`.state)
        try expectNoProcess()
        guard `case`.state == "succeeded" else { return }
        expectEqual(try bench.deployment.state(of: database), try bench.deployment.state(of: bench.copy))
    }

    private func restore(_ options: String..., to: [String]) throws -> CommandResult {
        try backupctl.run(
            ["restore", "t@latest", "--engine", "mongodump", "--tools-dir", tools.folder.path, "--json"] + options + to)
    }

    private func namespace(_ name: String, of report: JSON) throws -> JSON {
        try #require(report["namespaces"].items.first { $0["to"].string == "\(bench.copy).\(name)" })
    }

    /// What is not there was not restored, whatever the tool says.
    @Test func whatDidNotArriveDoesNotCount() throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        try makeJob()
        try backupctl.must("run", "t")
        try tools.behave("swallows")
        let report = try restore(to: bench.toCopy).json()
        #expect(try namespace("orders", of: report)["restored"].int == 0, "\(report)")
    }

    /// Documents that are added to others: the target's count must have grown by what the tool says.
    @Test func aSilentLossIsSeenWhereDocumentsAreAdded() throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        try makeJob()
        try backupctl.must("run", "t")
        try bench.deployment.insert(SampleData.documents(1000..<1050), into: bench.copy, "orders")
        try tools.behave("loses", #"{"silently": true}"#)
        let result = try restore("--existing", "merge", to: bench.toCopy)
        #expect(result.status == 3, "\(result)")
        let orders = try namespace("orders", of: result.json())
        #expect(orders["restored"].int == 180, "\(result)")
        #expect(try bench.deployment.count(bench.copy, "orders") == 230)
        try tools.behave("right")
        try bench.deployment.dropDatabase(bench.copy)
        try bench.deployment.insert(SampleData.documents(1000..<1050), into: bench.copy, "orders")
        let whole = try restore("--existing", "merge", to: bench.toCopy)
        #expect(whole.status == 0, "\(whole)")
        #expect(try bench.deployment.count(bench.copy, "orders") == 250)
    }

    /// The server makes room by itself: fewer than before and added is no loss.
    @Test func aCappedTargetMakesAMergeDoubtfulNotPartial() throws {
        try bench.deployment.insert(SampleData.documents(0..<80), into: database, "log")
        try makeJob()
        try backupctl.must("run", "t")
        _ = try bench.deployment.runCommand(
            bench.copy, ["create": "log", "capped": true, "size": 1_000_000, "max": 100], write: true)
        try bench.deployment.insert(SampleData.documents(1000..<1050), into: bench.copy, "log")
        let result = try restore("--existing", "merge", to: bench.toCopy)
        #expect(result.status == 0, "\(result)")
        #expect(try bench.deployment.count(bench.copy, "log") == 100)
        #expect(try result.json()["warnings"].strings.contains { $0.contains("the server removes some by itself") })
    }

    /// What cannot have expired must be there.
    @Test func aSilentLossIsSeenWhereDocumentsExpire() throws {
        let now = Int64(Date().timeIntervalSince1970) * 1000
        let sessions = (0..<120).map { number -> BSONValue in
            ["_id": .int32(Int32(number)), "at": .dateTime(number < 20 ? now - 7 * 86_400_000 : now)]
        }
        try bench.deployment.insert(sessions, into: database, "sessions")
        try SampleData.index(
            database, "sessions", ["name": "at_1", "key": ["at": 1], "expireAfterSeconds": 172_800],
            on: bench.deployment)
        try makeJob()
        try backupctl.must("run", "t")
        let stored = try #require(try backupctl.json("list")[0]["documents"].int)
        try #require(stored >= 100)
        // The target removes at once what has expired: that is no loss.
        let own = try bench.ownServer()
        for parameter in ["ttlMonitorSleepSecs", "ttlMonitorEnabled"] {
            _ = try own.deployment().runCommand("admin", ["setParameter": 1, parameter: 1])
        }
        let toOwn = ["--to", own.uri, "--rename", "\(database)=\(bench.copy)"]
        let right = try restore(to: toOwn)
        #expect(right.status == 0, "\(right)")
        try tools.behave("loses", #"{"silently": true, "every": 3}"#)
        let result = try restore("--existing", "drop", "--yes", to: toOwn)
        #expect(result.status == 3, "\(result)")
        #expect(
            try namespace("sessions", of: result.json())["errors"].strings.contains {
                $0.contains("cannot have expired")
            })
    }

    @Test func aDumpWithoutADocumentIsNotSilent() throws {
        _ = try bench.deployment.runCommand(database, ["create": "orders"], write: true)
        _ = try bench.deployment.runCommand(
            database, ["create": "seen", "viewOn": "orders", "pipeline": []], write: true)
        try makeJob()
        for engine in ["mongodump", "builtin"] {
            if engine == "builtin" { try backupctl.must("job", "edit", "t", "--clear-tools", "--engine", engine) }
            let run = try backupctl.json("run", "t")
            #expect(run["state"].string == "succeeded")
            #expect(run["warnings"].strings.contains { $0.contains("not one document in the 2 namespaces") }, "\(run)")
        }
        try backupctl.must("job", "edit", "t", "--allow-empty")
        #expect(try backupctl.json("run", "t")["warnings"].strings.isEmpty)
        for engine in [["mongodump", "--tools-dir", tools.folder.path], ["builtin"]] {
            let created = try backupctl.run(
                [
                    "job", "create", "v-\(engine[0])", "--uri", bench.server.uri, "--collection", "\(database).seen",
                    "--query", "{}", "--engine",
                ] + engine)
            try created.expectSuccess()
            expectRefusal(try backupctl("run", "v-\(engine[0])"), status: 1, "it is a view, not a collection")
        }
    }

    /// Lines that it printed before somebody killed it do not say why.
    @Test func aKilledToolIsNotBlamedOnItsLastLine() throws {
        try fill()
        try makeJob()
        try tools.behave("die-by-signal")
        let run = try backupctl("run", "t", "--json").json()
        #expect(run["error"]["message"].string == "mongodump was killed by signal 9", "\(run)")
    }

    @Test(arguments: ["w=0", "W=%30", "w=00", "safe=false"]) func writesThatNobodyAnswersAreRefused(_ option: String)
        throws
    {
        try SampleData.makeSmall(database, on: bench.deployment)
        try makeJob()
        try backupctl.must("run", "t")
        let separator = bench.server.uri.contains("?") ? "&" : "/?"
        // The built-in engine asks for an answer to each of its writes, whatever the URI says.
        let result = try backupctl.run(
            [
                "restore", "t@latest", "--to", bench.server.uri + separator + option, "--rename",
                "\(database)=\(bench.copy)", "--engine", "mongodump", "--tools-dir", tools.folder.path,
            ])
        expectRefusal(result, status: 64, "nothing would say what was restored")
        #expect(try bench.deployment.count(bench.copy, "orders") == 0)
    }

    /// With `hang-midway` it is asked, with `ignore-term` it has to be killed, with `fork` there is more than it.
    @Test(arguments: ["hang-midway", "ignore-term", "fork"], [SIGINT, SIGKILL])
    func whateverBecomesOfUsTheToolEnds(_ mode: String, _ signal: Int32) throws {
        try fill()
        try makeJob()
        try tools.behave(mode)
        let run = try backupctl.start("run", "t", "--json")
        try bench.wait(for: "a dump that hangs") {
            let isHanging = try tools.records(of: "start").count == 3
            return try isHanging && (mode != "fork" || !tools.records(of: "grandchild").isEmpty)
        }
        Thread.sleep(forTimeInterval: 0.5)
        run.process.signal(signal)
        let asked = ContinuousClock.now
        let result = try run.wait(within: 20)
        #expect(ContinuousClock.now - asked < .seconds(9), "\(result)")
        if signal == SIGINT {
            #expect(result.status == 130, "\(result)")
            try backupctl.expectNothingPublished("cancelled")
        }
        try expectNoProcess()
        guard signal == SIGKILL else { return }
        #expect(try backupctl.newestRun()["state"].string == "interrupted")
        #expect(try backupctl.json("list").items.isEmpty)
        // What was begun is swept by the next run.
        try tools.behave("right")
        try backupctl.must("run", "t")
        #expect(try backupctl.incoming.isEmpty)
    }

    @Test func aRestoreIsCancelledTogetherWithItsTool() throws {
        try fill()
        try makeJob()
        try backupctl.must("run", "t")
        try tools.behave("ignore-term")
        let restore = try backupctl.start(
            ["restore", "t@latest", "--engine", "mongodump", "--tools-dir", tools.folder.path, "--json"] + bench.toCopy)
        try bench.wait(for: "a restore that hangs") { try tools.records(of: "start").count == 6 }
        Thread.sleep(forTimeInterval: 0.5)
        restore.process.signal(SIGTERM)
        let result = try restore.wait(within: 20)
        #expect(result.status == 130, "\(result)")
        #expect(try result.json()["state"].string == "cancelled")
        try expectNoProcess()
    }

    @Test func whatCannotBeRunIsSaid() throws {
        try fill()
        try makeJob()
        let nowhere = bench.fixture.path("nowhere")
        try backupctl.must("job", "edit", "t", "--tools-dir", nowhere)
        let missing = try backupctl("run", "t")
        expectRefusal(missing, status: 1, "cannot find 'mongodump': looked in '\(nowhere)'", hint: "--engine builtin")
        try backupctl.must("job", "edit", "t", "--tools-dir", tools.folder.path)
        chmod(tools.mongodump, 0o777)
        expectRefusal(try backupctl("run", "t"), status: 1, "refusing to run", "changed by other users")
        chmod(tools.mongodump, 0o600)
        expectRefusal(try backupctl("run", "t"), status: 1, "not an executable file")
        #expect(try tools.records(of: "start").isEmpty)
        try backupctl.expectNothingPublished("failed")
        let run = try backupctl.newestRun()
        #expect(run["engine"] == .null && run["error"]["code"].string == "tool-not-found")
    }

    @Test func autoTakesTheToolOnThePathIfItCanBeTrusted() throws {
        try fill()
        var backupctl = backupctl
        backupctl.environment["PATH"] = "\(tools.folder.path):/usr/bin:/bin"
        try backupctl.must("job", "create", "a", "--uri", bench.server.uri, "-d", database)
        func engine() throws -> (name: String?, warnings: [String]) {
            let run = try backupctl.json("run", "a")
            return (run["engine"]["name"].string, run["warnings"].strings)
        }
        #expect(try engine().name == "mongodump")
        try tools.behave("hang-version")
        let silent = try engine()
        #expect(silent.name == "builtin" && silent.warnings.contains { $0.contains("did not answer within") })
        try tools.behave("right")
        chmod(tools.mongodump, 0o777)
        let distrusting = try engine()
        #expect(distrusting.name == "builtin" && distrusting.warnings.contains { $0.contains("refusing to run") })
        try FileManager.default.removeItem(atPath: tools.mongodump)
        let alone = try engine()
        #expect(alone.name == "builtin" && alone.warnings.isEmpty)
    }

    /// The oplog of the time of the dump comes along, and is replayed only where that is asked for.
    @Test func aPointInTimeSnapshotIsReplayedWhenAsked() throws {
        let own = try bench.ownServer()
        try own.deployment().insert([["_id": 1]], into: "shop", "a")
        try backupctl.must(
            "job", "create", "o", "--uri", own.uri, "--engine", "mongodump", "--tools-dir", tools.folder.path, "--oplog"
        )
        try backupctl.must("run", "o")
        let snapshot = try backupctl.json("list")[0]
        #expect(snapshot["consistency"].string == "point-in-time")
        let target = try bench.ownServer()
        let restore = [
            "restore", "o@latest", "--to", target.uri, "--engine", "mongodump", "--tools-dir", tools.folder.path,
        ]
        let plain = try backupctl.run(restore + ["--dry-run", "--json"])
        #expect(try plain.json()["warnings"].strings.contains { $0.contains("oplog is not replayed") })
        let result = try backupctl.run(restore + ["--oplog-replay", "--json"])
        #expect(result.status == 0, "\(result)")
        #expect(try target.deployment().count("shop", "a") == 1)
        let renamed = try backupctl.run(restore + ["--oplog-replay", "--rename", "shop=other"])
        expectRefusal(renamed, status: 64, "--oplog-replay")
        let builtin = try backupctl("restore", "o@latest", "--to", target.uri, "--engine", "builtin", "--oplog-replay")
        expectRefusal(builtin, status: 64, "--oplog-replay")
        try backupctl.must("job", "create", "n", "--uri", bench.server.uri, "-d", database, "--allow-empty")
        try backupctl.must("run", "n")
        let without = try backupctl.run(
            [
                "restore", "n@latest", "--to", target.uri, "--engine", "mongodump", "--tools-dir", tools.folder.path,
                "--oplog-replay",
            ])
        expectRefusal(without, status: 1, "the archive has none")
    }

    @Test func theOplogOfWhatHasNoneIsRefusedWhenTheJobIsMade() throws {
        let alone = try bench.standalone()
        let result = try backupctl("job", "create", "o", "--uri", alone.uri, "--engine", "mongodump", "--oplog")
        expectRefusal(result, status: 1, "standalone", hint: "replica set")
        let part = try backupctl("job", "create", "o", "--uri", bench.server.uri, "-d", database, "--oplog")
        expectRefusal(part, status: 64, "whole deployment")
        let path = try backupctl(
            "job", "create", "o", "--uri", bench.server.uri.replacing("/?", with: "/\(database)?"), "--oplog")
        expectRefusal(path, status: 64, "whole deployment")
        #expect(try backupctl.json("job", "list").items.isEmpty)
    }
}
