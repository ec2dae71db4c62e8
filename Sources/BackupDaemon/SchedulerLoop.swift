import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

/// The thread of a `SchedulerService`: everything here is used by it alone.
final class SchedulerLoop {
    let service: SchedulerService
    var scheduler: Scheduler
    let owner: ProcessIdentity
    var runIDs: [JobRun: RunID] = [:]
    var underWay: [JobName: UnderWay] = [:]
    var ended: [JobName: [RunState: Int]] = [:]
    var wakeAt: Date?
    /// Decisions whose rows could not be written yet.
    var stuck: SchedulerAnswer?
    var givingUp: [GivingUp] = []
    var trouble: String?
    var stopReason: BackupError?
    var finished: [Run] = []
    var feed: CatalogFeed
    /// What others did, and could not be followed yet.
    var unheard: [CatalogChange] = []
    var lastSweep: Double
    var lastClockReading: Double
    var lastHistory: Double?
    var lastRecovery: Double
    /// In mode `once`: what becomes due later is for the next time.
    private let frozen: Date?
    private var clockWatch: ClockWatch

    struct JobRun: Hashable {
        var job: JobName
        var run: SchedulerRun
    }

    struct UnderWay {
        var id: RunID
        var cancellation: Cancellation
    }

    struct GivingUp {
        var id: RunID
        var state: RunState
        var reason: String
    }

    /// How long what is cancelled may take to end when the daemon stops.
    static let patience = 25.0
    static let sweepInterval = 60.0
    static let clockInterval = 900.0
    static let historyInterval = 86400.0
    static let recoveryInterval = 3600.0

    init(_ service: SchedulerService) throws {
        self.service = service
        scheduler = Scheduler(limits: service.limits)
        owner = try service.workspace.owner()
        feed = try CatalogFeed(service.workspace.catalog)
        clockWatch = ClockWatch(service.clock)
        lastSweep = DaemonClock.system.steady()
        lastClockReading = lastSweep
        lastRecovery = lastSweep
        frozen = service.mode == .once ? service.clock.now() : nil
        try start()
    }

    var now: Date { frozen ?? service.clock.now() }

    func run() throws -> [Run] {
        var stuckSince: Double?
        var stopDeadline: Double?
        var nextSign = 0.0
        while true {
            turn()
            let steady = DaemonClock.system.steady()
            if let interval = service.manager.watchdogInterval, steady >= nextSign {
                nextSign = steady + interval / 2
                service.manager.alive()
            }
            if stopReason != nil {
                stopDeadline = stopDeadline ?? steady + Self.patience
                if underWay.isEmpty { break }
                if steady > stopDeadline ?? 0 {
                    service.log.error("runs did not end in time", ["runs": "\(underWay.count)"])
                    break
                }
            } else if service.mode == .once, stuck != nil {
                stuckSince = stuckSince ?? steady
                if steady - (stuckSince ?? steady) > Self.patience {
                    throw BackupError(.catalogFailed, trouble ?? "cannot write the catalog")
                }
            } else if service.mode == .once, underWay.isEmpty, scheduler.waitingCount == 0 {
                break
            }
            service.inbox.wait(seconds: waitingTime())
        }
        service.turned(trouble: nil, isStopping: true)
        return finished
    }

    /// At most a second: that is how fast a change by the command line is noticed.
    private func waitingTime() -> Double {
        if stuck != nil || stopReason != nil { return 0.2 }
        guard frozen == nil, let wakeAt else { return 1 }
        let seconds = wakeAt.timeIntervalSince(service.clock.now()) / service.clock.speed
        return min(1, max(0.002, seconds))
    }

    private func turn() {
        if let jump = clockWatch.jump() { clockJumped(by: jump) }
        retryWhatIsStuck()
        for message in service.inbox.drain() { hear(message) }
        if stuck == nil && stopReason == nil && frozen == nil {
            watchCatalog()
            tell(.time)
        }
        if trouble != nil || stuck != nil { checkCatalog() }
        service.turned(trouble: trouble, isStopping: stopReason != nil)
    }

    private func clockJumped(by seconds: Double) {
        let whole = Int(max(-1e12, min(1e12, seconds)))
        service.log.warning("the clock was set", ["seconds": "\(whole)"])
        readClock()
    }

    /// Retention trusts no times after a jump, and goes by what is entered here.
    func readClock() {
        do { try service.workspace.readClock(at: service.clock.now()) } catch { catalogFailed(error) }
    }

    private func hear(_ message: Inbox.Message) {
        switch message {
        case .ended(let job, let run):
            underWay[job] = nil
            count(run.state, of: job)
            if service.mode == .once { finished.append(run) }
            service.log.ended(run)
            forgetRun(of: job, run)
            if stopReason == nil { tell(.runEnded(job, run.state)) }
        case .refused(let job, let error):
            underWay[job] = nil
            service.log.warning("run did not start", ["job": job.text, "reason": error.message])
            if stopReason == nil { tell(.startRefused(job, reason: error.message)) }
        case .reload: reload()
        case .ask(let answer): answer(view)
        case .ping(let answer): answer()
        case .stop(let reason):
            stopReason = reason
            service.manager.stopping()
            service.log.info("stopping", ["running": "\(underWay.count)", "waiting": "\(scheduler.waitingCount)"])
            for run in underWay.values { run.cancellation.cancel(reason) }
        }
    }

    func count(_ state: RunState, of job: JobName) { ended[job, default: [:]][state, default: 0] += 1 }

    private func forgetRun(of job: JobName, _ run: Run) {
        guard let instant = run.scheduledFor else { return }
        runIDs[JobRun(job: job, run: .instant(instant, attempt: run.attempt))] = nil
    }

    private var view: SchedulerView {
        var next: [JobName: Date] = [:]
        let jobs = scheduler.names
        for job in jobs { next[job] = scheduler.nextStart(of: job) }
        return SchedulerView(
            jobs: jobs, nextStart: next, waiting: scheduler.waitingCount, running: underWay.mapValues(\.id),
            ended: ended)
    }
}
