import BackupCatalog
import BackupDaemon
import BackupModel
import BackupOperations
import Foundation
import Synchronization
import Testing

/// 2026-01-01T00:00:00Z
private let midnight = Date(timeIntervalSince1970: 1_767_225_600)
private let hour = 3600.0

/// What `status` says of a job as time passes.
struct JobStatusTests {
    let site: Site
    let workspace: Workspace

    init() throws {
        site = try Site()
        workspace = try site.open(now: midnight)
    }

    private func status(_ job: String = "orders", at time: Date) throws -> JobStatus {
        try #require(try JobStatus.all(in: workspace, now: time).first { $0.job.name.text == job })
    }

    private func runWhatIsDue(at time: Date) throws {
        let clock = DaemonClock(now: { time }, steady: DaemonClock.system.steady)
        _ = try site.service(workspace, .once, clock: clock).run()
    }

    @Test func aJobIsStaleAQuarterOfItsIntervalAfterAnInstantThatGaveNothing() throws {
        try site.makeJob("orders", "0 12 * * *", since: midnight, in: workspace)
        let noon = midnight + 12 * hour
        #expect(try status(at: noon - 1).nextStart == noon)
        #expect(try status(at: noon + 6 * hour - 1).staleSince == nil)
        #expect(try status(at: noon + 6 * hour).staleSince == noon + 6 * hour)
        // It stays so until there is a snapshot, and names the first time at which one was due.
        try runWhatIsDue(at: noon + 7 * hour)
        let good = try status(at: noon + 8 * hour)
        #expect(good.staleSince == nil && good.lastGood?.createdAt == noon + 7 * hour)
        #expect(good.nextStart == noon + 24 * hour)
        #expect(try status(at: noon + 30 * hour - 1).staleSince == nil)
        #expect(try status(at: noon + 30 * hour).staleSince == noon + 30 * hour)
    }

    @Test func theGraceIsFromTenMinutesToSixHours() throws {
        try site.makeJob("often", "*/5 * * * *", since: midnight, in: workspace)
        try site.makeJob("yearly", "0 0 2 1 *", since: midnight, in: workspace)
        #expect(try status("often", at: midnight + 899).staleSince == nil)
        #expect(try status("often", at: midnight + 900).staleSince == midnight + 900)
        #expect(try status("yearly", at: midnight + 30 * hour - 1).staleSince == nil)
        #expect(try status("yearly", at: midnight + 30 * hour).staleSince == midnight + 30 * hour)
    }

    /// A clock that was ahead for one run must not hide for a year that nothing works.
    @Test func aSnapshotFromTheFutureHidesNothing() throws {
        try site.makeJob("orders", "0 12 * * *", since: midnight, in: workspace)
        try runWhatIsDue(at: midnight + 12 * hour)
        let job = try workspace.catalog.job(named: JobName("orders"))
        let ahead = midnight + 365 * 24 * hour
        let run = try RunBackup(workspace: workspace, cancellation: Cancellation(), now: { ahead }).run(
            job: job, trigger: .manual)
        #expect(run.state == .succeeded)
        let status = try status(at: midnight + 60 * hour)
        #expect(status.lastGood?.createdAt == midnight + 12 * hour)
        #expect(status.staleSince == midnight + 42 * hour)
        #expect(try self.status(at: ahead + 1).lastGood?.run == run.id)
    }

    @Test func theLatestIsNotOneFromTheFuture() throws {
        try site.makeJob("orders", nil, since: midnight, in: workspace)
        let job = try workspace.catalog.job(named: JobName("orders"))
        func run(at time: Date) throws -> RunID {
            try RunBackup(workspace: workspace, cancellation: Cancellation(), now: { time }).run(
                job: job, trigger: .manual
            ).id
        }
        let ahead = try run(at: .now + 10 * 24 * hour)
        #expect(try workspace.findSnapshot("orders@latest").run == ahead, "there is nothing else")
        let real = try run(at: .now - 60)
        #expect(try workspace.findSnapshot("orders@latest").run == real)
    }

    @Test func aFailureIsNoSnapshot() throws {
        try site.makeJob("orders", "0 12 * * *", since: midnight, in: workspace)
        try runWhatIsDue(at: midnight + 12 * hour)
        site.engine.failure.withLock { $0 = BackupError(.failed, "cannot connect") }
        try runWhatIsDue(at: midnight + 36 * hour)
        let now = try status(at: midnight + 43 * hour)
        #expect(now.lastRun?.state == .failed && now.staleSince == midnight + 42 * hour)
        #expect(now.lastGood?.createdAt == midnight + 12 * hour)
    }

    @Test func aSnapshotWhoseFileIsGoneIsNotTheLastGoodOne() throws {
        try site.makeJob("orders", "0 12 * * *", since: midnight, in: workspace)
        try runWhatIsDue(at: midnight + 12 * hour)
        try runWhatIsDue(at: midnight + 36 * hour)
        let newest = try #require(try status(at: midnight + 37 * hour).lastGood)
        try FileManager.default.removeItem(atPath: "\(site.state)/repository/\(newest.file)")
        let now = try status(at: midnight + 43 * hour)
        #expect(now.lastGood?.createdAt == midnight + 12 * hour)
        #expect(now.staleSince == midnight + 42 * hour)
    }

    @Test func aPausedJobIsNeverStaleAndOneThatRunsIsNotYet() throws {
        try site.makeJob("orders", "0 12 * * *", since: midnight, in: workspace)
        try site.makeJob("long", "0 12 * * *", since: midnight, in: workspace)
        _ = try JobEditing(workspace: workspace).setPaused(true, name: JobName("orders"), now: midnight + hour)
        #expect(try status(at: midnight + 90 * hour).staleSince == nil)
        #expect(try status(at: midnight + 90 * hour).nextStart == nil)
        site.engine.blocks.withLock { $0 = true }
        let clock = DaemonClock(now: { midnight + 12 * hour }, steady: DaemonClock.system.steady)
        let running = Running(site.service(workspace, .once, clock: clock))
        try waitUntil(within: 10, "the run starts") { try status("long", at: midnight).active?.state == .running }
        #expect(try status("long", at: midnight + 19 * hour).staleSince == nil)
        // The next instant is not its.
        #expect(try status("long", at: midnight + 43 * hour).staleSince == midnight + 42 * hour)
        try running.stop()
        #expect(try status("long", at: midnight + 19 * hour).staleSince == midnight + 18 * hour)
    }
}
