import BackupCatalog
import BackupModel
import BackupOperations
import CLinux
import Foundation
import GRDB
import Synchronization
import Testing

@testable import BackupDaemon

/// A full hour, so that instants are easy to count.
private let hour = Date(timeIntervalSince1970: 1_767_225_600)

private func frozen(_ time: Date) -> DaemonClock {
    DaemonClock(now: { time }, steady: DaemonClock.system.steady)
}

@Suite(.serialized)
struct SchedulerServiceTests {
    let site: Site
    let workspace: Workspace

    init() throws {
        site = try Site()
        workspace = try site.open(now: hour)
    }

    func rows(_ job: String) throws -> [Run] {
        try workspace.catalog.runs(job: job).sorted {
            ($0.scheduledFor ?? hour, $0.attempt) < ($1.scheduledFor ?? hour, $1.attempt)
        }
    }

    func once(at time: Date) throws -> [Run] { try site.service(workspace, .once, clock: frozen(time)).run() }

    @Test func onceRunsWhatIsDueAndRecordsWhatWasMissed() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, in: workspace)
        try site.makeJob("later", "0 12 * * *", since: hour, in: workspace)
        try site.makeJob("by-hand", nil, since: hour, in: workspace)
        let runs = try once(at: hour + 3 * 3600 + 90)
        #expect(runs.map(\.state) == [.succeeded] && runs.first?.trigger == .catchUp)
        #expect(runs.first?.scheduledFor == hour + 3 * 3600)
        let rows = try rows("orders")
        #expect(rows.map(\.state) == [.missed, .missed, .succeeded])
        #expect(rows.first?.error?.code == .missed)
        #expect(try workspace.catalog.runs(job: "later").isEmpty)
        #expect(try workspace.catalog.runs(job: "by-hand").isEmpty)
        // Nothing is due a second time.
        #expect(try once(at: hour + 3 * 3600 + 100).isEmpty)
        #expect(try workspace.catalog.check().isSound)
    }

    @Test func moreThanAHundredMissedInstantsAreOneRowThatSaysSo() throws {
        try site.makeJob("orders", "* * * * *", since: hour, in: workspace)
        _ = try once(at: hour + 200 * 60)
        let rows = try rows("orders")
        #expect(rows.map(\.state) == [.missed, .succeeded])
        #expect(
            rows[0].error?.message == "missed 199 instants, from 2026-01-01T00:01:00Z to 2026-01-01T03:19:00Z")
    }

    @Test func aFailedRunIsTriedAgainByTheNextCall() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, retries: 1, in: workspace)
        site.engine.failure.withLock { $0 = BackupError(.serverUnreachable, "cannot connect") }
        let first = try once(at: hour + 3600)
        #expect(first.map(\.state) == [.failed])
        #expect(try once(at: hour + 3600 + 30).isEmpty)
        site.engine.failure.withLock { $0 = nil }
        let second = try once(at: hour + 3600 + 61)
        #expect(second.map(\.state) == [.succeeded] && second.first?.attempt == 2 && second.first?.trigger == .retry)
        #expect(try once(at: hour + 3600 + 600).isEmpty)
    }

    @Test func aRequestFromTheCommandLineRunsAndSoDoesWhatAProcessLeftBehind() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, in: workspace)
        let request = try QueueRun(workspace: workspace).queue(JobName("orders"), now: hour + 10)
        let dead = ProcessIdentity(processID: 999_999, startTicks: 1, bootID: "gone")
        let left = try workspace.catalog.record(
            instants: [InstantRow(job: "orders", instant: hour + 3600, state: .queued)], owner: dead,
            makeID: { RunID("20260101T010000Z-left") ?? request.id }, workspace.act(hour + 3600))
        let runs = try once(at: hour + 3600 + 20)
        #expect(Set(runs.map(\.id)) == Set([request.id] + left.compactMap { $0?.id }))
        #expect(runs.allSatisfy { $0.state == .succeeded })
        #expect(try rows("orders").count == 2)
    }

    /// A scheduler in another process namespace still has it: nobody here sees its process, but for its lock.
    @Test func whatWaitsForASchedulerElsewhereIsLeftToIt() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, in: workspace)
        let elsewhere = ProcessIdentity(
            processID: 999_999, startTicks: 1, bootID: "00000000-0000-4000-8000-000000000001")
        let mark = workspace.state.path + "/owners/\(elsewhere.bootID)-999999-1"
        let lock = open(mark, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(lock >= 0 && csystem_lock_shared(lock) == 0)
        let id = try #require(RunID("20260101T010000Z-left"))
        let left = try workspace.catalog.record(
            instants: [InstantRow(job: "orders", instant: hour + 3600, state: .queued)], owner: elsewhere,
            makeID: { id }, workspace.act(hour + 3600))
        #expect(try once(at: hour + 3600 + 20).isEmpty)
        #expect(try rows("orders").map(\.state) == [.queued])
        close(lock)
        // A child that another test starts just then has a copy of it until it runs its program.
        try waitUntil(within: 20, "the lock went with its holder") { !workspace.isAlive(elsewhere) }
        #expect(try once(at: hour + 3600 + 30).map(\.id) == left.compactMap { $0?.id })
    }

    @Test func twoAtOnceRunNothingTwice() throws {
        for number in 0..<12 { try site.makeJob("job\(number)", "0 * * * *", since: hour, in: workspace) }
        let others = try (0..<3).map { _ in try site.open(now: hour) }
        let services = ([workspace] + others).map {
            Running(site.service($0, .once, clock: frozen(hour + 2 * 3600 + 5)))
        }
        try waitUntil(within: 30, "all end") { services.allSatisfy(\.hasEnded) }
        #expect(site.engine.dumps.withLock { $0 } == 12)
        for number in 0..<12 {
            #expect(try rows("job\(number)").map(\.state) == [.missed, .succeeded], "job\(number)")
        }
    }

    @Test func overDaysOfMinutesEveryInstantHasItsRow() throws {
        try site.makeJob("orders", "* * * * *", since: hour, in: workspace)
        let running = Running(site.service(workspace, .forever, clock: .fast(from: hour, speed: 300)))
        Thread.sleep(forTimeInterval: 3)
        try running.stop()
        let rows = try rows("orders")
        let instants = rows.compactMap(\.scheduledFor)
        #expect(instants.count >= 8)
        #expect(instants == (1...instants.count).map { hour + Double($0) * 60 })
        #expect(rows.contains { $0.state == .succeeded })
        #expect(rows.allSatisfy { $0.state.isTerminal || $0.state == .queued })
    }

    @Test func stoppingInterruptsWhatRunsAndLeavesTheRestInTheQueue() throws {
        site.engine.blocks.withLock { $0 = true }
        let start = Date.now - 3600
        for name in ["first", "second"] { try site.makeJob(name, "* * * * *", since: start, in: workspace) }
        let running = Running(
            site.service(workspace, .forever, limits: ConcurrencyLimits(total: 1, perHost: 1)))
        try waitUntil(within: 10, "one runs") { try workspace.catalog.activeRuns().contains { $0.state == .running } }
        #expect(try running.stop() < 10)
        let newest = try ["first", "second"].map { try #require(try rows($0).last) }
        #expect(Set(newest.map(\.state)) == [.interrupted, .queued])
        #expect(newest.first { $0.state == .interrupted }?.error?.message == "interrupted: the daemon was stopped")
    }

    @Test func aJobMadeBySomebodyElseIsNoticedWithinTwoSeconds() throws {
        let running = Running(site.service(workspace, .forever))
        try waitUntil(within: 10, "it starts") { running.service.trouble == nil }
        let other = try site.open()
        try site.makeJob("orders", "* * * * *", since: .now - 120, in: other)
        let begin = ContinuousClock.now
        try waitUntil(within: 10, "the job runs") {
            try workspace.catalog.runs(job: "orders").contains { $0.state == .succeeded }
        }
        #expect(ContinuousClock.now - begin < .seconds(2.5))
        let name = try JobName("orders")
        _ = try JobEditing(workspace: other).setPaused(true, name: name, now: .now)
        try waitUntil(within: 2.5, "the pause is heard") { running.service.view()?.nextStart[name] == nil }
        _ = try JobEditing(workspace: other).delete(name: name, withSnapshots: false, now: .now)
        try waitUntil(within: 2.5, "the deletion is heard") { running.service.view()?.jobs.isEmpty == true }
        try running.stop()
    }

    @Test func aRunIsCancelledWhereverItRunsAndInTheQueue() throws {
        site.engine.blocks.withLock { $0 = true }
        for name in ["first", "second"] { try site.makeJob(name, nil, since: .now, in: workspace) }
        let first = try QueueRun(workspace: workspace).queue(JobName("first"), now: .now)
        let running = Running(
            site.service(workspace, .forever, limits: ConcurrencyLimits(total: 1, perHost: 1)))
        try waitUntil(within: 10, "it runs") { try workspace.catalog.run(first.id).state == .running }
        let other = try site.open()
        let second = try QueueRun(workspace: other).queue(JobName("second"), now: .now)
        #expect(try CancelRun(workspace: other).cancel(second.id).state == .cancelled)
        let ended = try CancelRun(workspace: other).cancel(first.id)
        #expect(ended.state == .cancelled && ended.error?.message.hasPrefix("cancelled by ") == true)
        #expect(throws: BackupError.self) { try CancelRun(workspace: other).cancel(first.id) }
        try waitUntil(within: 5, "the queue is empty") { running.service.view()?.waiting == 0 }
        try running.stop()
        #expect(try workspace.catalog.run(second.id).startedAt == nil)
    }

    @Test func aCatalogThatCannotBeWrittenLosesNoInstant() throws {
        try site.makeJob("orders", "* * * * *", since: hour, in: workspace)
        let path = workspace.state.catalog
        let blocker = try DatabaseQueue(path: path)
        let clock = DaemonClock.fast(from: hour, speed: 60)
        let running = Running(site.service(workspace, .forever, clock: clock))
        try waitUntil(within: 10, "it starts") { running.service.trouble == nil }
        try blocker.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN IMMEDIATE")
            try waitUntil(within: 20, "it is said") { running.service.trouble != nil }
            try database.execute(sql: "ROLLBACK")
        }
        try waitUntil(within: 10, "it works again") { running.service.trouble == nil }
        Thread.sleep(forTimeInterval: 2.5)
        try running.stop()
        let instants = try rows("orders").compactMap(\.scheduledFor)
        #expect(instants == (1...max(1, instants.count)).map { hour + Double($0) * 60 })
        #expect(instants.count >= 5)
    }

    private static let noEnd =
        "CREATE TRIGGER test_fault BEFORE UPDATE OF state ON run WHEN OLD.state = 'running' AND NEW.state <> 'running' "
        + "BEGIN SELECT RAISE(ABORT, 'fault'); END"
    private static let noStart =
        "CREATE TRIGGER test_fault BEFORE UPDATE OF state ON run WHEN NEW.state = 'running' "
        + "BEGIN SELECT RAISE(ABORT, 'fault'); END"

    /// The catalog beside the program, which may be writing at that moment.
    private func beside() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        return try DatabaseQueue(path: workspace.state.catalog, configuration: configuration)
    }

    private func execute(_ sql: String) throws { try beside().write { try $0.execute(sql: sql) } }

    /// The row says that it runs for as long as its end cannot be recorded, and the job goes on after that.
    @Test func aRunWhoseEndTheCatalogRefusesEndsOnceItDoesNot() throws {
        try site.makeJob("orders", nil, since: hour, in: workspace)
        let running = Running(site.service(workspace, .forever))
        try execute(Self.noEnd)
        let name = try JobName("orders")
        // Another process: what this one writes itself it need not hear of.
        let other = try site.open()
        let first = try QueueRun(workspace: other).queue(name, now: .now)
        try waitUntil(within: 10, "it has run") {
            site.messages.withLock { $0.contains { $0.contains("the end of a run is not recorded yet") } }
        }
        #expect(try workspace.catalog.run(first.id).state == .running)
        try execute("DROP TRIGGER test_fault")
        try waitUntil(within: 10, "it ends") { try workspace.catalog.run(first.id).state.isTerminal }
        // Its snapshot is stored; the history says that the catalog did not hear of it then.
        #expect(try workspace.catalog.run(first.id).error?.code == .snapshotUnlisted)
        let second = try QueueRun(workspace: other).queue(name, now: .now)
        try waitUntil(within: 10, "the next one") { try workspace.catalog.run(second.id).state == .succeeded }
        #expect(running.service.trouble == nil)
        try running.stop()
        #expect(Recovery(workspace: workspace).recover(now: .now) == [])
        #expect(try workspace.catalog.snapshots(job: "orders").count == 2)
    }

    @Test func anInstantIsNotLostBecauseTheCatalogRefusesItsStartForAMoment() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, in: workspace)
        try execute(Self.noStart)
        let blocked = Thread {
            Thread.sleep(forTimeInterval: 1.5)
            try? execute("DROP TRIGGER test_fault")
        }
        blocked.start()
        #expect(try once(at: hour + 3600 + 20).map(\.state) == [.succeeded])
        #expect(try rows("orders").map(\.state) == [.succeeded])
    }

    @Test func whatWasLeftHalfWayIsBroughtToItsEnd() throws {
        try site.makeJob("orders", nil, since: hour, in: workspace)
        let service = site.service(workspace, .forever)
        let loop = try SchedulerLoop(service)
        let job = try workspace.catalog.job(named: JobName("orders"))
        try execute(
            "CREATE TRIGGER test_fault BEFORE INSERT ON snapshot BEGIN SELECT RAISE(ABORT, 'fault'); END")
        let run = try RunBackup(workspace: workspace, cancellation: Cancellation()).run(job: job, trigger: .manual)
        #expect(run.error?.code == .snapshotUnlisted)
        try execute("DROP TRIGGER test_fault")
        loop.watchCatalog()
        #expect(try workspace.catalog.snapshots(job: "orders").isEmpty, "it is not time yet")
        loop.lastSweep -= SchedulerLoop.sweepInterval
        loop.lastRecovery -= SchedulerLoop.recoveryInterval
        loop.watchCatalog()
        try waitUntil(within: 10, "it is listed") { try workspace.catalog.snapshots(job: "orders").count == 1 }
        try waitUntil(within: 10, "it may come again") { !service.isRecovering.load(ordering: .acquiring) }
    }

    @Test func oneChangeThatCannotBeFollowedKeepsNoOther() throws {
        try site.makeJob("broken", nil, since: hour, in: workspace)
        try site.makeJob("orders", nil, since: hour, in: workspace)
        let loop = try SchedulerLoop(site.service(workspace, .forever))
        let orders = try JobName("orders")
        let digest = try beside().write { database in
            let digest = try Data.fetchOne(database, sql: "SELECT digest FROM job WHERE name = 'broken'")
            try database.execute(sql: "UPDATE job SET digest = zeroblob(32) WHERE name = 'broken'")
            try database.execute(
                sql: """
                    INSERT INTO event (at, actor, action, job, digest)
                    VALUES (0, 'test', 'job-changed', 'broken', zeroblob(32))
                    """)
            return digest
        }
        _ = try JobEditing(workspace: site.open()).edit(name: orders, connection: nil, now: .now) {
            $0.schedule = JobSchedule(rule: try Schedule("0 * * * *"), setAt: .now)
        }
        loop.watchCatalog()
        #expect(loop.scheduler.nextStart(of: orders) != nil)
        #expect(loop.trouble?.contains("broken") == true && loop.unheard.count == 1)
        try beside().write {
            try $0.execute(sql: "UPDATE job SET digest = ? WHERE name = 'broken'", arguments: [digest])
        }
        loop.watchCatalog()
        #expect(loop.trouble == nil && loop.unheard.isEmpty)
    }

    /// It started in another process before this one could give it up.
    @Test func whatAnotherStartedIsNotGivenUp() throws {
        try site.makeJob("orders", nil, since: hour, in: workspace)
        // What is queued before it, it starts itself.
        let loop = try SchedulerLoop(site.service(workspace, .forever))
        let queued = try QueueRun(workspace: workspace).queue(JobName("orders"), now: .now)
        _ = try workspace.catalog.start(queued, owner: workspace.owner(), workspace.act(.now))
        loop.givingUp.append(.init(id: queued.id, state: .skipped, reason: "in the way"))
        loop.retryWhatIsStuck()
        #expect(loop.givingUp.isEmpty && loop.trouble == nil)
        #expect(try workspace.catalog.run(queued.id).state == .running)
    }

    @Test func noHistoryGoesByAClockThatJumped() throws {
        try site.makeJob("orders", "0 * * * *", since: hour, in: workspace)
        #expect(try once(at: hour + 3600 + 20).count == 1)
        try workspace.readClock(at: hour + 3700)
        let ahead = hour + 3 * 365 * 86400
        let log = DaemonLog(format: .text, now: { ahead }) { [site] line in site.messages.withLock { $0.append(line) } }
        let service = SchedulerService(
            workspace: workspace, mode: .forever, limits: ConcurrencyLimits(total: 1, perHost: 1), clock: frozen(ahead),
            log: log, historyAge: 365 * 86400)
        _ = try once(at: hour + 7200 + 20)
        service.pruneHistory()
        #expect(site.messages.withLock { $0.contains { $0.contains("old runs stay: the clock was set") } })
        #expect(try rows("orders").count == 2)
    }

    @Test func deletingAJobCancelsWhatWaitsAndRefusesWhileItRuns() throws {
        try site.makeJob("orders", nil, since: .now, in: workspace)
        let name = try JobName("orders")
        let run = try QueueRun(workspace: workspace).queue(name, now: .now)
        _ = try JobEditing(workspace: workspace).delete(name: name, withSnapshots: false, now: .now)
        let ended = try workspace.catalog.run(run.id)
        #expect(ended.state == .cancelled && ended.error?.message == "cancelled: its job was deleted")
    }
}
