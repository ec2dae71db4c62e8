import BackupCatalog
import BackupModel
import BackupOperations
import Foundation
import Synchronization

/// What goes when something new has come.
extension SchedulerService {
    /// Prunes the job by its policy as it is now. The run has succeeded whatever comes of this.
    func prune(_ name: JobName, cancellation: Cancellation) {
        guard !cancellation.isCancelled, let job = try? workspace.catalog.job(named: name) else { return }
        var prune = PruneJob(workspace: workspace, cancellation: cancellation, now: clock.now)
        prune.recoversFirst = false
        guard let result = prune.afterRun(job: job) else { return }
        for warning in result.warnings { log.warning("pruning", ["job": name.text, "reason": warning]) }
        if let error = result.error {
            log.warning("job was not pruned", ["job": name.text, "reason": error.message])
        }
        guard !result.removed.isEmpty else { return }
        log.info(
            "snapshots were removed",
            ["job": name.text, "removed": "\(result.removed.count)", "kept": "\(result.plan.kept.count)"])
    }

    /// What was left half-way - a deletion, a snapshot that is not listed, a file of a killed command - is brought to its end, on
    /// a thread of its own: a repository may hang.
    func recover() {
        let mayBegin = isRecovering.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        guard mayBegin else { return }
        let thread = Thread { [self] in
            for trouble in Recovery(workspace: workspace).recover(now: clock.now()) {
                log.warning("recovery", ["reason": trouble])
            }
            isRecovering.store(false, ordering: .releasing)
        }
        thread.name = "backupctl-recovery"
        thread.start()
    }

    /// Removes runs and logs that are older than the history is to be.
    func pruneHistory() {
        guard let age = historyAge else { return }
        do {
            if let jump = try workspace.peekClock(at: clock.now())?.jumpedAt {
                log.warning(
                    "old runs stay: the clock was set, and has to be steady for a day", ["at": Timestamp.rfc3339(jump)])
                return
            }
            let runs = try PruneHistory(workspace: workspace).run(olderThan: age, isDryRun: false, now: clock.now())
            if !runs.isEmpty { log.info("old runs were removed", ["runs": "\(runs.count)"]) }
        } catch {
            log.error("old runs cannot be removed", ["reason": BackupError(error).message])
        }
    }
}
