import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

/// What is decided becomes so.
extension SchedulerLoop {
    func tell(_ event: SchedulerEvent) {
        let answer = scheduler.handle(event, at: now)
        wakeAt = answer.wakeAt
        // A second answer while one is stuck is done after it, in its order.
        if let first = stuck {
            stuck = SchedulerAnswer(decisions: first.decisions + answer.decisions, wakeAt: answer.wakeAt)
        } else {
            perform(answer)
        }
    }

    func retryWhatIsStuck() {
        flushGivingUp()
        guard let answer = stuck, stopReason == nil else { return }
        stuck = nil
        perform(answer)
    }

    private func perform(_ answer: SchedulerAnswer) {
        let taken: [(run: SchedulerRun, job: JobName)]
        do {
            taken = try writeRows(of: answer.decisions)
        } catch {
            stuck = answer
            catalogFailed(error)
            return
        }
        for case .giveUp(let job, let run, let state, let reason) in answer.decisions {
            guard let id = runIDs.removeValue(forKey: JobRun(job: job, run: run)) ?? run.requestID else { continue }
            givingUp.append(GivingUp(id: id, state: state, reason: reason))
            count(state, of: job)
            service.log.warning("run does not start", ["job": job.text, "run": id.text, "reason": reason])
        }
        flushGivingUp()
        for decision in answer.decisions {
            switch decision {
            case .start(let job, let run) where !taken.contains { $0.job == job && $0.run == run }: start(job, run)
            case .retry(let job, let instant, let attempt, let time):
                service.log.info(
                    "run will be tried again",
                    [
                        "job": job.text, "scheduledFor": Timestamp.rfc3339(instant), "attempt": "\(attempt)",
                        "at": Timestamp.rfc3339(time),
                    ])
            default: break
            }
        }
        if !taken.isEmpty { tell(.withdrawn(taken)) }
    }

    /// One transaction for all rows of an answer. Gives the queued ones that others have.
    private func writeRows(of decisions: [SchedulerDecision]) throws -> [(run: SchedulerRun, job: JobName)] {
        let rows = decisions.flatMap(\.rows)
        guard !rows.isEmpty else { return [] }
        var generator = SystemRandomNumberGenerator()
        let time = service.clock.now()
        let runs = try service.workspace.catalog.record(
            instants: rows, owner: owner, makeID: { RunID(at: time, using: &generator) }, service.workspace.act(time))
        trouble = nil
        var taken: [(run: SchedulerRun, job: JobName)] = []
        for (row, run) in zip(rows, runs) {
            guard let job = try? JobName(row.job) else { continue }
            let key = SchedulerRun.instant(row.instant, attempt: row.attempt)
            guard let run else {
                if row.state == .queued { taken.append((key, job)) }
                continue
            }
            if row.state == .queued {
                runIDs[JobRun(job: job, run: key)] = run.id
            } else {
                count(row.state, of: job)
                service.log.warning(
                    "instant without a run",
                    [
                        "job": row.job, "scheduledFor": Timestamp.rfc3339(row.instant), "state": row.state.rawValue,
                        "reason": row.reason?.message ?? "",
                    ])
            }
        }
        return taken
    }

    private func flushGivingUp() {
        guard !givingUp.isEmpty else { return }
        let catalog = service.workspace.catalog
        givingUp.removeAll { one in
            do {
                var run = try catalog.run(one.id)
                // Somebody else started it.
                guard run.state != .running else { return true }
                run.state = one.state
                run.error = BackupError(one.state == .missed ? .missed : .skipped, one.reason)
                try catalog.finish(run, service.workspace.act(service.clock.now()))
                return true
            } catch let error as BackupError where [.refused, .runNotFound].contains(error.code) {
                // It has ended already.
                return true
            } catch {
                catalogFailed(error)
                return false
            }
        }
    }

    private func start(_ name: JobName, _ run: SchedulerRun) {
        guard let id = runIDs[JobRun(job: name, run: run)] ?? run.requestID else { return }
        let cancellation = Cancellation()
        underWay[name] = UnderWay(id: id, cancellation: cancellation)
        let attempt = RunAttempt(service: service, owner: owner, job: name, id: id, cancellation: cancellation)
        let thread = Thread { attempt.run() }
        thread.name = "backupctl-job"
        thread.start()
    }

    func catalogFailed(_ error: any Error) {
        let message = BackupError(error).message
        if trouble != message { service.log.error("the catalog does not work", ["reason": message]) }
        trouble = message
    }

    /// Whether what was wrong with the catalog still is.
    func checkCatalog() {
        guard stuck == nil, givingUp.isEmpty else { return }
        do {
            _ = try service.workspace.catalog.lastEvent()
            if trouble != nil { service.log.info("the catalog works again") }
            trouble = nil
        } catch {
            catalogFailed(error)
        }
    }
}

extension SchedulerRun {
    fileprivate var requestID: RunID? {
        if case .request(let id) = self { id } else { nil }
    }
}

extension SchedulerDecision {
    /// The rows that make the decision true.
    fileprivate var rows: [InstantRow] {
        switch self {
        case .missed(let job, let instants):
            return instants.map { instant in
                InstantRow(
                    job: job.text, instant: instant, state: .missed,
                    reason: BackupError(.missed, "missed: nothing was there to start it in time"))
            }
        case .missedMany(let job, let count, let first, let last):
            let span = "\(Timestamp.rfc3339(first)) to \(Timestamp.rfc3339(last))"
            return [
                InstantRow(
                    job: job.text, instant: last, state: .missed,
                    reason: BackupError(.missed, "missed \(count) instants, from \(span)"))
            ]
        case .skipped(let job, let instant, let reason):
            return [
                InstantRow(
                    job: job.text, instant: instant, state: .skipped,
                    reason: BackupError(.skipped, "skipped: \(reason)"))
            ]
        case .queue(let job, let instant, let attempt, let trigger):
            return [
                InstantRow(job: job.text, instant: instant, attempt: attempt, trigger: trigger, state: .queued)
            ]
        case .giveUp, .start, .retry: return []
        }
    }
}

extension DaemonLog {
    func ended(_ run: Run) {
        var data = ["job": run.job ?? "", "run": run.id.text, "state": run.state.rawValue]
        data["snapshot"] = run.snapshot
        data["reason"] = run.error?.message
        switch run.state {
        case .succeeded: info("run ended", data)
        case .cancelled, .interrupted: warning("run ended", data)
        default: error("run ended", data)
        }
    }
}
