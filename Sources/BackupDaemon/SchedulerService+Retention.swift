import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

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

    /// Removes runs and logs that are older than the history is to be.
    func pruneHistory() {
        guard let age = historyAge else { return }
        do {
            let runs = try PruneHistory(workspace: workspace).run(olderThan: age, isDryRun: false, now: clock.now())
            if !runs.isEmpty { log.info("old runs were removed", ["runs": "\(runs.count)"]) }
        } catch {
            log.error("old runs cannot be removed", ["reason": BackupError(error).message])
        }
    }
}
