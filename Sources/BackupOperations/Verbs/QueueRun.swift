import BackupCatalog
package import BackupModel
package import Foundation

/// Puts a run into the queue, for a daemon to start.
package struct QueueRun {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    package func queue(_ job: JobName, now: Date) throws -> Run {
        _ = try workspace.catalog.job(named: job)
        var generator = SystemRandomNumberGenerator()
        let run = Run(
            id: RunID(at: now, using: &generator), kind: .backup, job: job.text, trigger: .manual, queuedAt: now)
        try workspace.catalog.record(run, workspace.act(now))
        return run
    }
}
