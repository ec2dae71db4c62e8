import BackupCatalog
package import BackupModel
package import Foundation

/// Ends a run, whichever process has it: one that waits at once, one that goes on when its owner hears of it.
package struct CancelRun {
    /// The owner hears of it with its heartbeat, and then its work may take so long to end.
    package static let patience: TimeInterval = 30

    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// Waits until the run has ended, and gives it as it is then; one that does not end in time is given as it is.
    package func cancel(
        _ id: RunID, now: @Sendable () -> Date = { Date.now },
        pause: () -> Void = { Thread.sleep(forTimeInterval: 0.1) }
    ) throws -> Run {
        var run = try workspace.catalog.requestCancel(id, workspace.act(now()))
        let deadline = now().addingTimeInterval(Self.patience)
        while !run.state.isTerminal && now() < deadline {
            pause()
            // Its owner may be gone, and cannot hear.
            try Recovery(workspace: workspace).settleRuns(now: now())
            run = try workspace.catalog.run(id)
        }
        return run
    }
}
