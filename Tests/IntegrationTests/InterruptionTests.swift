import BackupEngines
import BackupTestSupport
import Foundation
import Testing

/// SIGKILL at any moment: the next command knows what came of it, and nothing half-made counts as a snapshot.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct InterruptionTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }

    init() throws {
        bench = try Workbench("kill")
        try SampleData.makeLarge(database, mebibytes: 4, on: bench.deployment)
        try bench.makeJob("k")
    }

    @Test func aKilledRunIsInterruptedOrWasWhole() throws {
        let whole = try backupctl("run", "k", "--json")
        #expect(whole.status == 0)
        var killed = 0
        for attempt in 0..<15 {
            // The last ones late, where files are renamed and rows are written.
            let share = attempt < 10 ? Double.random(in: 0.05...1) : Double.random(in: 0.7...1.1)
            let run = try backupctl.start("run", "k")
            Thread.sleep(forTimeInterval: whole.seconds * share)
            if run.process.isRunning { killed += 1 }
            run.process.killNow()
            _ = try run.wait()
            try expectTrueListing("killed after \(share) of \(whole.seconds) s")
        }
        #expect(killed > 5)

        let last = try backupctl.json("run", "k")
        #expect(last["state"].string == "succeeded")
        #expect(try backupctl.incoming.isEmpty)
        let runs = try backupctl.json("history", "--limit", "0").items
        for run in runs {
            #expect(["succeeded", "interrupted"].contains(run["state"].string), "\(run)")
            #expect((run["state"].string == "succeeded") == (run["snapshot"] != .null), "\(run)")
            #expect((run["state"].string == "succeeded") == (run["error"] == .null), "\(run)")
            #expect(run["finishedAt"] != .null, "\(run)")
        }
        // Every archive in the repository is a snapshot that is listed, and the other way round.
        let archives = backupctl.files(in: backupctl.repository).keys.filter { $0.hasSuffix(".archive.gz") }
        let listed = try backupctl.json("list").items
        #expect(Set(archives.map { "\(backupctl.repository)/\($0)" }) == Set(listed.compactMap { $0["file"].string }))
        #expect(listed.count == runs.filter { $0["state"].string == "succeeded" }.count)
    }

    private func expectTrueListing(_ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for snapshot in try backupctl.json("list", sourceLocation: sourceLocation).items {
            #expect(snapshot["state"].string == "good", comment, sourceLocation: sourceLocation)
            #expect(
                try ChildProcess.run("/bin/gzip", "-t", snapshot["file"].string ?? "") == 0, comment,
                sourceLocation: sourceLocation)
        }
    }

    /// The history never says that something goes on whose process is gone.
    @Test func theVeryNextCommandKnowsThatARunIsOver() throws {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 300_000))
        try backupctl.must("job", "edit", "k", "--uri", proxy.uri)
        let run = try backupctl.start("run", "k")
        #expect(proxy.waitUntilRelayed(200_000))
        #expect(try backupctl.newestRun()["state"].string == "running")
        run.process.killNow()
        #expect(try backupctl.newestRun()["state"].string == "interrupted")
        #expect(try backupctl("log", "k").status == 0)
        #expect(try backupctl.json("list").items.isEmpty)
        proxy.behave(.passing)
        try backupctl.must("run", "k")
        #expect(try backupctl.incoming.isEmpty)
        #expect(try backupctl.json("history").items.map { $0["state"].string } == ["succeeded", "interrupted"])
    }

    /// A container on the same state directory has process numbers of its own: to see none is not to know that it ended.
    @Test(.enabled(if: Namespaces.areAvailable, Namespaces.skipReason))
    func aCommandInAnotherProcessNamespaceEndsNothing() throws {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 300_000))
        try backupctl.must("job", "edit", "k", "--uri", proxy.uri)
        let within = try backupctl.startInNamespace("run", "k")
        #expect(proxy.waitUntilRelayed(200_000))
        #expect(try backupctl.newestRun()["state"].string == "running")
        #expect(try backupctl.newestRun()["state"].string == "running")
        within.process.killNow()
        _ = try within.wait()
        #expect(try backupctl.newestRun()["state"].string == "interrupted")

        // The other way round.
        let before = proxy.relayed
        let run = try backupctl.start("run", "k")
        #expect(proxy.waitUntilRelayed(before + 200_000))
        let history = try backupctl.startInNamespace("history", "--json").wait()
        #expect(try history.json().items.first?["state"].string == "running", "\(history)")
        #expect(run.process.isRunning)
        proxy.behave(.passing)
        #expect(try run.wait().status == 0)
        #expect(try backupctl.newestRun()["state"].string == "succeeded")
    }

    @Test func aKilledRestoreIsInterrupted() throws {
        try backupctl.must("run", "k")
        let proxy = try bench.proxy(.slow(bytesPerSecond: 300_000))
        let restore = try backupctl.start(
            "restore", "k@latest", "--to", proxy.uri, "--rename", "\(database)=\(bench.copy)")
        try bench.waitForCopy()
        restore.process.killNow()
        try backupctl.must("run", "k")
        let states = try backupctl.json("history").items.filter { $0["kind"].string == "restore" }.map {
            $0["state"].string
        }
        #expect(states == ["interrupted"])
        #expect(try backupctl.json("list").items.allSatisfy { $0["state"].string == "good" })
    }

    /// Two processes at once.
    @Test func aSecondRunOfTheSameJobIsTurnedAwayAndTheRestWorks() throws {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 300_000))
        try bench.makeJob("slow", uri: proxy.uri)
        let first = try backupctl.start("run", "slow", "--json")
        #expect(proxy.waitUntilRelayed(200_000))
        let id = try #require(try backupctl.json("history", "slow")[0]["id"].string)

        let second = try backupctl("run", "slow")
        expectRefusal(second, status: 11, "'slow'", id)
        #expect(second.seconds < 5)
        for command in [
            ["list"], ["history"], ["job", "list"],
            ["job", "create", "other", "--uri", bench.server.uri, "--database", database],
            ["job", "pause", "slow"], ["job", "resume", "slow"], ["log", "slow"],
        ] {
            let result = try backupctl.run(command)
            #expect(result.status == 0, "\(result)")
            #expect(result.seconds < 5, "\(result)")
        }
        #expect(try backupctl.json("history", "slow")[0]["state"].string == "running")
        // Another job's run sweeps what is dead, not what is being written.
        try backupctl.must("run", "k")
        #expect(try backupctl.incoming == [id])
        proxy.behave(.passing)
        let result = try first.wait()
        #expect(result.status == 0, "\(result)")
        #expect(try backupctl.json("list").items.count == 2)
    }

    @Test func aJobThatIsBeingRunIsNotDeletedWithItsSnapshots() throws {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 300_000))
        try bench.makeJob("slow", uri: proxy.uri)
        let first = try backupctl.start("run", "slow", "--json")
        #expect(proxy.waitUntilRelayed(200_000))
        let delete = try backupctl("job", "delete", "slow", "--with-snapshots", "--yes")
        proxy.behave(.passing)
        let run = try first.wait()
        // Refused, or the run goes on to its end: but never a run without a true end.
        #expect(run.status == 0 || delete.status == 0, "\(run) \(delete)")
        let states = try backupctl.json("history").items.map { $0["state"].string }
        #expect(states == ["succeeded"], "\(states)")
        #expect(try backupctl.json("list")[0]["state"].string == "good")
    }

    @Test func manyFirstCommandsAtOnceMakeOneStateDirectory() throws {
        let fresh = Backupctl(bench.fixture, state: "fresh")
        let commands = try (0..<8).map { try fresh.start("job", "create", "j\($0)", "--uri", bench.server.uri) }
        for command in commands {
            let result = try command.wait()
            #expect(result.status == 0, "\(result)")
        }
        #expect(try fresh.json("job", "list").items.count == 8)
    }
}
