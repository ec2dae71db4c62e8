import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

/// What others do to the catalog, heard from its audit.
struct CatalogFeed {
    private let catalog: Catalog
    private var version: Int64
    private var lastEvent: Int64

    init(_ catalog: Catalog) throws {
        self.catalog = catalog
        version = try catalog.dataVersion()
        lastEvent = try catalog.lastEvent()
    }

    /// What is new; cheap when no other process has written.
    mutating func changes() throws -> [CatalogChange] {
        let version = try catalog.dataVersion()
        guard version != self.version else { return [] }
        let (changes, last) = try catalog.changes(since: lastEvent)
        (self.version, lastEvent) = (version, last)
        return changes
    }
}

extension SchedulerLoop {
    /// Takes over from the history.
    func start() throws {
        let catalog = service.workspace.catalog
        let jobs = try catalog.jobs()
        let latest = try catalog.latestInstants(of: jobs.map(\.name.text), now: now)
        var queued: [String: Run] = [:]
        var requests: [String: [RunID]] = [:]
        for run in try catalog.activeRuns() where isLeftInTheQueue(run) {
            guard let job = run.job else { continue }
            if run.scheduledFor == nil { requests[job, default: []].append(run.id) } else { queued[job] = run }
        }
        let all = jobs.map { job in
            let history = job.history(
                latest: latest[job.name.text], queued: queued[job.name.text],
                requests: requests[job.name.text] ?? [])
            if let run = queued[job.name.text] { remember(run, of: job.name) }
            return (job: facts(of: job), history: history)
        }
        tell(.startedUp(all))
        SystemFigures.trimMemory()
        service.log.info(
            "scheduler started", ["jobs": "\(jobs.count)", "waiting": "\(scheduler.waitingCount)"])
    }

    private func facts(of job: BackupModel.Job) -> ScheduledJob {
        let (facts, trouble) = JobFacts(workspace: service.workspace).scheduled(job)
        if let trouble {
            service.log.error("schedule cannot be followed", ["job": job.name.text, "reason": trouble.message])
        }
        return facts
    }

    private func remember(_ run: Run, of job: JobName) {
        guard let instant = run.scheduledFor else { return }
        runIDs[JobRun(job: job, run: .instant(instant, attempt: run.attempt))] = run.id
    }

    func watchCatalog() {
        do {
            unheard += try feed.changes()
            try hearWhatIsNew()
            let steady = DaemonClock.system.steady()
            if steady - lastSweep >= Self.sweepInterval {
                lastSweep = steady
                try sweep()
            }
            if stuck == nil && givingUp.isEmpty { trouble = nil }
        } catch {
            catalogFailed(error)
        }
    }

    /// One that cannot be followed now keeps none of the others, and its turn comes again.
    private func hearWhatIsNew() throws {
        var failure: (any Error)?
        unheard = unheard.filter { change in
            do {
                try hear(change)
                return false
            } catch let error as BackupError where error.code == .runNotFound {
                // It has left the history already.
                return false
            } catch {
                failure = failure ?? error
                return true
            }
        }
        if let failure { throw failure }
    }

    private func hear(_ change: CatalogChange) throws {
        guard let name = change.job.flatMap({ try? JobName($0) }) else { return }
        switch change.action {
        case .runRecorded, .runWithdrawn:
            guard let id = change.run else { return }
            try hear(of: service.workspace.catalog.run(id), job: name)
        default: try readAgain(name)
        }
    }

    private func hear(of run: Run, job: JobName) throws {
        let what = run.scheduledFor.map { SchedulerRun.instant($0, attempt: run.attempt) } ?? .request(run.id)
        if isLeftInTheQueue(run) {
            found(run, what, of: job)
        } else if run.state == .cancelled, underWay[job]?.id != run.id {
            runIDs[JobRun(job: job, run: what)] = nil
            tell(.withdrawn([(what, job)]))
        }
    }

    private func found(_ run: Run, _ what: SchedulerRun, of job: JobName) {
        guard runIDs[JobRun(job: job, run: what)] == nil, underWay[job]?.id != run.id else { return }
        remember(run, of: job)
        tell(.found(what, job: job))
    }

    private func readAgain(_ name: JobName) throws {
        do {
            let job = try service.workspace.catalog.job(named: name)
            tell(.jobChanged(facts(of: job)))
        } catch let error as BackupError where error.code == .jobNotFound {
            tell(.jobDeleted(name))
        }
    }

    /// What comes round: the clocks are looked at every quarter of an hour, what was left half-way every hour, the history once
    /// a day.
    private func keepHouse() {
        let steady = DaemonClock.system.steady()
        if steady - lastClockReading >= Self.clockInterval {
            lastClockReading = steady
            readClock()
        }
        if lastHistory.map({ steady - $0 >= Self.historyInterval }) ?? true {
            lastHistory = steady
            service.pruneHistory()
        }
        if steady - lastRecovery >= Self.recoveryInterval {
            lastRecovery = steady
            service.recover()
        }
    }

    /// Runs of processes that died meanwhile.
    private func sweep() throws {
        keepHouse()
        try Recovery(workspace: service.workspace).settleRuns(now: service.clock.now())
        for run in try service.workspace.catalog.activeRuns() where isLeftInTheQueue(run) {
            guard let job = run.job.flatMap({ try? JobName($0) }) else { continue }
            let what = run.scheduledFor.map { SchedulerRun.instant($0, attempt: run.attempt) } ?? .request(run.id)
            found(run, what, of: job)
        }
    }

    func reload() {
        service.manager.reloading()
        do {
            let jobs = try service.workspace.catalog.jobs()
            let there = Set(jobs.map(\.name))
            for job in jobs { tell(.jobChanged(facts(of: job))) }
            for name in scheduler.names where !there.contains(name) { tell(.jobDeleted(name)) }
            service.log.info("everything was read again", ["jobs": "\(jobs.count)"])
        } catch {
            catalogFailed(error)
        }
        SystemFigures.trimMemory()
        service.manager.ready("running")
    }
}

extension SchedulerLoop {
    /// The run waits, and there is nobody who will start it.
    private func isLeftInTheQueue(_ run: Run) -> Bool {
        guard run.state == .queued, run.kind == .backup else { return false }
        return run.owner.map(service.workspace.isAlive) != true
    }
}
