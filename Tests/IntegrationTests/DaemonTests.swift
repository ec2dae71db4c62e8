import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// The daemon as an operator has it: the program, its signals, its queue, and what the other commands see of it.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct DaemonTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }

    init() throws {
        bench = try Workbench("daemon")
        try SampleData.makeLarge(database, mebibytes: 4, on: bench.deployment)
    }

    /// A job whose dump takes some ten seconds unless the relay is told otherwise.
    private func makeSlowJob(_ name: String = "slow") throws -> FaultyProxy {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 400_000))
        try bench.makeJob(name, uri: proxy.uri)
        return proxy
    }

    private func detach(_ job: String) throws -> String {
        try #require(try backupctl.json("run", job, "--detach")["id"].string)
    }

    private func run(_ id: String) throws -> JSON {
        let all = try backupctl.json("history", "--limit", "0").items
        return try #require(all.first { $0["id"].string == id })
    }

    private func state(_ id: String) throws -> String { try run(id)["state"].string ?? "" }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalInterruptsWhatRunsAndRecordsIt(signal: Int32) throws {
        let proxy = try makeSlowJob()
        let daemon = try RunningDaemon(bench)
        let id = try detach("slow")
        #expect(proxy.waitUntilRelayed(500_000))
        let result = try daemon.stop(signal)
        #expect(result.seconds < 30)
        #expect(try state(id) == "interrupted")
        try backupctl.expectNothingPublished("interrupted")
        #expect(try run(id)["error"]["message"].string?.contains("the daemon was stopped") == true)
        #expect(try backupctl.newestRun()["finishedAt"] != .null)
    }

    /// What the machine ends (a pod that is evicted, a timer that is stopped) is tried again; what a person ends is not.
    @Test(arguments: [(SIGTERM, "interrupted"), (SIGHUP, "interrupted"), (SIGINT, "cancelled")])
    func aSignalEndsWhatRunsWithoutADaemonToo(signal: Int32, expected: String) throws {
        let proxy = try makeSlowJob()
        _ = try backupctl("run", "slow", "--detach")
        let command = try backupctl.start("run", "--due", "--quiet")
        #expect(proxy.waitUntilRelayed(500_000))
        command.process.signal(signal)
        #expect(try command.wait(within: 30).status == 130)
        #expect(try backupctl.newestRun()["state"].string == expected)
        try backupctl.expectNothingPublished(expected)
    }

    /// A server that says nothing at all any more does not keep the daemon from ending.
    @Test func aServerThatFallsSilentDoesNotHoldTheDaemon() throws {
        let proxy = try makeSlowJob()
        let daemon = try RunningDaemon(bench)
        let id = try detach("slow")
        #expect(proxy.waitUntilRelayed(500_000))
        proxy.behave(.silent)
        try daemon.stop()
        #expect(try state(id) == "interrupted")
        try backupctl.expectNothingPublished("interrupted")
    }

    @Test func theSecondDaemonIsToldWhoTheFirstIs() throws {
        let daemon = try RunningDaemon(bench)
        let second = try backupctl("daemon", within: 20)
        expectRefusal(second, status: 11, "another one runs on", "process ", "since 20", hint: "stop it first")
        #expect(daemon.command.process.isRunning)
        try daemon.stop()
        // One that was killed leaves no lock behind.
        let third = try RunningDaemon(bench)
        third.command.process.signal(SIGKILL)
        _ = try third.command.wait(within: 10)
        try RunningDaemon(bench).stop()
    }

    @Test func whatIsQueuedStartsWithinTwoSeconds() throws {
        try bench.makeJob("quick")
        let waiting = try detach("quick")
        #expect(try state(waiting) == "queued")
        let alone = try backupctl("run", "quick", "--detach")
        #expect(alone.status == 0 && alone.errors.contains("warning: no daemon is running"), "\(alone)")
        let daemon = try RunningDaemon(bench)
        try bench.wait(for: "what waited for a daemon") { try state(waiting) == "succeeded" }
        let (id, asked) = (try detach("quick"), Date.now)
        try bench.wait(for: "the run") { try state(id) == "succeeded" }
        let started = try #require(try run(id)["startedAt"].string.flatMap { try? Date($0, strategy: .iso8601) })
        #expect(started.timeIntervalSince(asked) < 2.5)
        try daemon.stop()
    }

    @Test func aJobThatTheCommandLineMakesIsNoticed() throws {
        let daemon = try RunningDaemon(bench)
        #expect(try backupctl("status").status == 0)
        try backupctl.must(
            "job", "create", "minutely", "--uri", bench.server.uri, "--database", database, "--schedule", "* * * * *")
        let status = try backupctl.json("status")
        #expect(status["daemon"]["running"].bool == true)
        #expect(status["jobs"][0]["nextRun"] != .null)
        // Two others that run what is due come on top of it, and there is one row for the instant all the same.
        try bench.wait(for: "the minute", within: 70) {
            try !backupctl.json("history").items.isEmpty || Calendar.current.component(.second, from: .now) == 59
        }
        var others: [RunningCommand] = []
        while try backupctl.json("history").items.isEmpty {
            others.append(try backupctl.start("run", "--due", "--quiet"))
            try #require(others.count < 60, "the instant does not come")
            Thread.sleep(forTimeInterval: 0.2)
        }
        for other in others { #expect(try other.wait(within: 60).status == 0) }
        try bench.wait(for: "the run") { try backupctl.newestRun()["finishedAt"] != .null }
        let runs = try backupctl.json("history").items.filter { $0["scheduledFor"] != .null }
        let instants = runs.compactMap { $0["scheduledFor"].string }
        #expect(Set(instants).count == instants.count && runs.allSatisfy { $0["state"].string == "succeeded" })
        try backupctl.must("job", "edit", "minutely", "--no-schedule")
        try daemon.stop()
    }

    @Test func aRunIsCancelledWhereverItIs() throws {
        let proxy = try makeSlowJob()
        try bench.makeJob("other", uri: proxy.uri)
        let daemon = try RunningDaemon(bench, "--max-runs", "1")
        let first = try detach("slow")
        #expect(proxy.waitUntilRelayed(300_000))
        let waiting = try detach("other")
        #expect(try backupctl("cancel", waiting).status == 0)
        #expect(try state(waiting) == "cancelled")
        #expect(try state(first) == "running")
        let result = try backupctl("cancel", first, "--json")
        #expect(result.status == 0, "\(result)")
        #expect(try result.json()["state"].string == "cancelled")
        try backupctl.expectNothingPublished("cancelled")
        expectRefusal(try backupctl("cancel", first), status: 1, "cannot cancel")
        expectRefusal(try backupctl("cancel", "none"), status: 1, "cannot find")
        // And one of a process of its own.
        let command = try backupctl.start("run", "slow")
        try bench.wait(for: "the run") { try backupctl.newestRun()["state"].string == "running" }
        #expect(try backupctl("cancel", "slow").status == 0)
        #expect(try command.wait(within: 30).status == 130)
        try daemon.stop()
    }

    @Test func aJobIsEditedAndDeletedWhileItRuns() throws {
        let proxy = try makeSlowJob()
        proxy.behave(.passing)
        try backupctl.must("run", "slow")
        proxy.behave(.slow(bytesPerSecond: 400_000))
        let daemon = try RunningDaemon(bench)
        let id = try detach("slow")
        try bench.wait(for: "the run") { try state(id) == "running" }
        // The run goes on with what it began with; the job says what the next one does.
        try backupctl.must("job", "edit", "slow", "--collection", "\(database).large0")
        expectRefusal(try backupctl("job", "delete", "slow", "--yes"), status: 11, "cannot delete", "is running")
        // Nothing of it goes when not all of it can.
        expectRefusal(
            try backupctl("job", "delete", "slow", "--with-snapshots", "--yes"), status: 11, "cannot delete",
            "is running")
        #expect(try backupctl.json("list")[0]["state"].string == "good")
        proxy.behave(.passing)
        try bench.wait(for: "the end") { try state(id) == "succeeded" }
        #expect(try run(id)["namespaces"].int == 3)
        let next = try detach("slow")
        try bench.wait(for: "the end") { try state(next) == "succeeded" }
        #expect(try run(next)["namespaces"].int == 1)
        try backupctl.must("job", "delete", "slow", "--yes")
        try bench.wait(for: "the daemon to hear of it", within: 5) {
            try backupctl.json("status")["jobs"].items.isEmpty
        }
        expectRefusal(try backupctl("run", "slow", "--detach"), status: 1, "there is none of that name")
        try daemon.stop()
    }

    /// A file is applied while the daemon is at work on one of its jobs.
    @Test func aFileIsAppliedBesideTheDaemon() throws {
        let proxy = try makeSlowJob()
        func file(_ collection: String, _ more: String = "") throws -> String {
            try bench.fixture.write(
                """
                version: 1
                jobs:
                  slow: { source: { uri: "\(proxy.uri)", collection: "\(database).\(collection)" } }
                \(more)
                """, to: "jobs.yaml")
        }
        let daemon = try RunningDaemon(bench)
        let id = try detach("slow")
        try bench.wait(for: "the run") { try state(id) == "running" }
        let next = "  next: { source: { uri: \"\(bench.server.uri)\" }, schedule: \"0 0 1 1 *\" }\n"
        try backupctl.must("apply", "-f", file("large0", next))
        #expect(try backupctl.json("status")["jobs"].items.contains { $0["nextRun"] != .null })
        // A job that runs is not deleted, and then nothing of the file happens.
        let none = try bench.fixture.write("version: 1\njobs: {}\n", to: "none.yaml")
        expectRefusal(
            try backupctl("apply", "-f", none, "--prune", "--yes"), status: 11, "cannot apply", "is running")
        #expect(try backupctl.json("job", "list").items.count == 2)
        proxy.behave(.passing)
        try bench.wait(for: "the end") { try state(id) == "succeeded" }
        #expect(try run(id)["namespaces"].int == 3)
        let later = try detach("slow")
        try bench.wait(for: "the end") { try state(later) == "succeeded" }
        #expect(try run(later)["namespaces"].int == 1)
        try backupctl.must("apply", "-f", none, "--prune", "--yes")
        #expect(try backupctl.json("job", "list").items.isEmpty)
        try daemon.stop()
    }

    @Test func retentionGoesByItselfAfterEachSuccess() throws {
        try bench.makeJob("kept")
        try backupctl.must("job", "edit", "kept", "--keep-last", "2")
        let daemon = try RunningDaemon(bench)
        for _ in 0..<4 {
            let id = try detach("kept")
            try bench.wait(for: "the run") { try state(id) == "succeeded" }
        }
        try bench.wait(for: "retention") { try backupctl.json("list").items.count == 2 }
        #expect(try daemon.says("snapshots were removed", job: "kept"))
        // One that fails takes nothing with it.
        try backupctl.must("job", "edit", "kept", "--uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")
        let failing = try detach("kept")
        try bench.wait(for: "the failure") { try state(failing) == "failed" }
        #expect(try backupctl.json("list").items.count == 2)
        try daemon.stop()
    }

    @Test func statusSaysWhatIsStaleAndWhetherSomebodyIsThere() throws {
        #expect(try backupctl("status").status == 0)
        try bench.makeJob("byhand")
        #expect(try backupctl("status").status == 0, "nobody is needed for it")
        try backupctl.must("job", "edit", "byhand", "--schedule", "@yearly")
        let without = try backupctl("status")
        #expect(without.status == 1 && without.output.hasPrefix("daemon: not running"), "\(without)")
        let daemon = try RunningDaemon(bench)
        let with = try backupctl("status")
        #expect(
            with.status == 0 && with.output.hasPrefix("daemon: process \(daemon.command.process.processID)"), "\(with)")
        let proxy = try makeSlowJob()
        _ = try detach("slow")
        #expect(proxy.waitUntilRelayed(1_000_000))
        try bench.wait(for: "progress") {
            (try backupctl.json("status")["jobs"].items.last?["active"]["documents"].int ?? 0) > 0
        }
        #expect(try backupctl("status").output.contains("running: "))
        try daemon.stop()
    }

    @Test func aHangUpReadsEverythingAgain() throws {
        // A zone of the test's own, whose file changes under the daemon.
        let zones = bench.fixture.path("zones/Test")
        try FileManager.default.createDirectory(atPath: zones, withIntermediateDirectories: true)
        let utc = "/usr/share/zoneinfo/Etc/UTC"
        try FileManager.default.copyItem(atPath: utc, toPath: zones + "/Town")
        try FileManager.default.copyItem(atPath: utc, toPath: bench.fixture.path("zones/UTC"))
        var backupctl = backupctl
        backupctl.environment["TZDIR"] = bench.fixture.path("zones")
        try backupctl.must(
            "job", "create", "z", "--uri", bench.server.uri, "--database", database, "--schedule", "0 12 * * *",
            "--time-zone", "Test/Town")
        let daemon = try RunningDaemon(bench, environment: ["TZDIR": bench.fixture.path("zones")])
        #expect(try backupctl.json("status")["jobs"][0]["nextRun"].string?.hasSuffix("T12:00:00Z") == true)
        try FileManager.default.removeItem(atPath: zones + "/Town")
        try FileManager.default.copyItem(atPath: "/usr/share/zoneinfo/Asia/Tokyo", toPath: zones + "/Town")
        daemon.command.process.signal(SIGHUP)
        try bench.wait(for: "the reload") { try daemon.says("everything was read again") }
        #expect(try backupctl.json("status")["jobs"][0]["nextRun"].string?.hasSuffix("T03:00:00Z") == true)
        #expect(daemon.command.process.isRunning)
        try daemon.stop()
    }

    @Test func badOptionsAreRefused() throws {
        for wrong in [
            ["--max-runs", "0"], ["--max-runs", "x"], ["--max-runs-per-host", "-1"], ["--log-format", "xml"],
            ["--history", "soon"], ["extra"], ["--listen", "here"],
        ] {
            let result = try backupctl.run(["daemon"] + wrong, within: 20)
            expectRefusal(result, status: 64)
        }
        for wrong in [["run"], ["run", "a", "--due"], ["run", "--due", "--detach"]] {
            expectRefusal(try backupctl.run(wrong), status: 64)
        }
        for wrong in [
            ["--schedule", "61 * * * *"], ["--schedule", "* * * * * *"], ["--schedule", "@every 0s"],
            ["--schedule", "30 2 30 2 *"], ["--schedule", "@hourly", "--time-zone", "Mars/Phobos"],
            ["--schedule", "* * * * *", "--retries", "3"], ["--schedule", "@hourly", "--jitter", "2h"],
            ["--catch-up", "1h"], ["--schedule", "@hourly", "--catch-up", "soon"],
            ["--schedule", "@hourly", "--retries", "-1"],
        ] {
            let result = try backupctl.run(["job", "create", "w", "--uri", bench.server.uri] + wrong)
            expectRefusal(result, status: 64)
        }
        #expect(try backupctl.json("job", "list").items.isEmpty)
    }
}
