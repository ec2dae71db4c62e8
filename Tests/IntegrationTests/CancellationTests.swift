import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Whatever ends a run before its time, it ends soon, truly said, and nothing of it is left.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct CancellationTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }
    private var deployment: MongoDeployment { bench.deployment }

    init() throws {
        bench = try Workbench("cancel")
        try SampleData.makeLarge(database, mebibytes: 6, on: deployment)
    }

    private func slowProxy(to port: Int? = nil) throws -> FaultyProxy {
        try bench.proxy(.slow(bytesPerSecond: 400_000), to: port)
    }

    private func startRun(through uri: String) throws -> RunningCommand {
        try bench.makeJob("c", uri: uri)
        return try backupctl.start("run", "c", "--json")
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aSignalDuringADumpCancelsIt(signal: Int32) throws {
        let proxy = try slowProxy()
        let run = try startRun(through: proxy.uri)
        #expect(proxy.waitUntilRelayed(500_000))
        run.process.signal(signal)
        let asked = ContinuousClock.now
        let result = try run.wait(within: 30)
        #expect(ContinuousClock.now - asked < .seconds(5), "\(result)")
        #expect(result.status == 130, "\(result)")
        #expect(try result.json()["state"].string == "cancelled")
        try backupctl.expectNothingPublished("cancelled")
        #expect(try backupctl.newestRun()["error"]["code"].string == "cancelled")
        // What was cancelled can be done again.
        proxy.behave(.passing)
        try backupctl.must("run", "c")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aSignalDuringARestoreCancelsItAndSaysHowFarItCame(signal: Int32) throws {
        try bench.makeJob("c")
        try backupctl.must("run", "c")
        let proxy = try slowProxy()
        let restore = try backupctl.start(
            "restore", "c@latest", "--to", proxy.uri, "--rename", "\(database)=\(bench.copy)", "--json")
        try bench.waitForCopy()
        Thread.sleep(forTimeInterval: 0.5)
        restore.process.signal(signal)
        let asked = ContinuousClock.now
        let result = try restore.wait(within: 40)
        #expect(ContinuousClock.now - asked < .seconds(15), "\(result)")
        #expect(result.status == 130, "\(result)")
        let report = try result.json()
        #expect(report["state"].string == "cancelled")
        let there = try ["large0", "large1", "large2"].reduce(Int64(0)) {
            try $0 + max(0, deployment.count(bench.copy, $1))
        }
        #expect((report["documents"]["restored"].int ?? .max) <= there)
        #expect(try backupctl.newestRun()["state"].string == "cancelled")
        #expect(try backupctl.json("list")[0]["state"].string == "good")
    }

    @Test func aSignalBeforeTheServerAnswersCancels() throws {
        let proxy = try bench.proxy(.silent)
        let run = try startRun(through: proxy.uri)
        Thread.sleep(forTimeInterval: 1)
        run.process.signal(SIGINT)
        let result = try run.wait(within: 30)
        #expect(result.status == 130, "\(result)")
        #expect(result.seconds < 15)
        try backupctl.expectNothingPublished("cancelled")
    }

    @Test func theSecondSignalEndsAtOnce() throws {
        let proxy = try slowProxy()
        let run = try startRun(through: proxy.uri)
        #expect(proxy.waitUntilRelayed(300_000))
        proxy.behave(.silent)
        run.process.signal(SIGINT)
        run.process.signal(SIGTERM)
        #expect(run.process.wait(within: 2) == 130)
        // Its row cannot have been finished then; the next command knows that it is over.
        proxy.behave(.passing)
        try backupctl.must("run", "c")
        let states = try backupctl.json("history").items.map { $0["state"].string }
        #expect(states == ["succeeded", "interrupted"] || states == ["succeeded", "cancelled"], "\(states)")
        #expect(try backupctl.incoming.isEmpty)
    }

    /// The driver sits in a read of the socket then.
    @Test func aServerThatStandsStillDoesNotKeepACancelledRun() throws {
        let own = try bench.ownServer()
        try SampleData.makeLarge(database, mebibytes: 4, on: own.deployment())
        let proxy = try slowProxy(to: own.port)
        let run = try startRun(through: proxy.uri)
        #expect(proxy.waitUntilRelayed(500_000))
        own.signal(SIGSTOP)
        Thread.sleep(forTimeInterval: 0.5)
        run.process.signal(SIGINT)
        let asked = ContinuousClock.now
        let result = try run.wait(within: 40)
        #expect(ContinuousClock.now - asked < .seconds(15), "\(result)")
        #expect(result.status == 130, "\(result)")
        try backupctl.expectNothingPublished("cancelled")
    }

    @Test func aServerThatDiesFailsTheRun() throws {
        let own = try bench.ownServer()
        try SampleData.makeLarge(database, mebibytes: 4, on: own.deployment())
        let proxy = try slowProxy(to: own.port)
        let run = try startRun(through: proxy.uri + "&serverSelectionTimeoutMS=1000")
        #expect(proxy.waitUntilRelayed(500_000))
        own.signal(SIGKILL)
        let result = try run.wait(within: 60)
        expectRefusal(result, status: 1)
        try backupctl.expectNothingPublished("failed")
    }

    /// At different points: the greeting, the listing, the first batch, the middle, almost the end. What can be asked
    /// again may succeed; what cannot must fail.
    @Test(arguments: [10, 900, 4_000, 60_000, 2_000_000, 5_500_000])
    func aConnectionThatIsCutFailsTheRunOrLosesNothing(after bytes: Int) throws {
        let proxy = try bench.proxy()
        proxy.cut(after: bytes)
        let result = try startRun(through: proxy.uri).wait(within: 60)
        #expect(result.seconds < 30, "\(result)")
        if result.status == 0 {
            #expect(try backupctl.json("list")[0]["documents"].int == 768)
        } else {
            expectRefusal(result, status: 1)
            try backupctl.expectNothingPublished("failed")
        }
    }

    @Test func aCollectionThatIsDroppedUnderTheDumpFailsTheRun() throws {
        let proxy = try slowProxy()
        let run = try startRun(through: proxy.uri)
        #expect(proxy.waitUntilRelayed(500_000))
        for name in ["large0", "large1", "large2"] { try deployment.perform(database, ["drop": .string(name)]) }
        proxy.behave(.passing)
        let result = try run.wait(within: 60)
        #expect(result.status == 1, "\(result)")
        try backupctl.expectNothingPublished("failed")
    }

    @Test func whatDoesNotMoveIsEndedByItsTimeouts() throws {
        let proxy = try bench.proxy()
        for (option, words) in [("--stall-timeout", "nothing moved for 2s"), ("--timeout", "timeout of 2s")] {
            proxy.behave(.slow(bytesPerSecond: 300_000))
            let name = option.filter { $0 != "-" }
            try backupctl.must("job", "create", name, "--uri", proxy.uri, "--database", database, option, "2s")
            let start = proxy.relayed
            let run = try backupctl.start("run", name)
            #expect(proxy.waitUntilRelayed(start + 200_000))
            proxy.behave(.silent)
            let result = try run.wait(within: 40)
            #expect(result.status == 1, "\(result)")
            #expect(result.error.contains(words), "\(result)")
            #expect(result.seconds < 20)
            try backupctl.expectNothingPublished("failed")
            #expect(try backupctl.newestRun()["error"]["code"].string == "timed-out")
        }
    }
}
