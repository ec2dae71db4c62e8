package import BackupModel

/// What a prune is told beside the job's policy.
package struct PruneOptions: Sendable {
    package var isDryRun = false
    /// The newest snapshot has the right size, however small it is.
    package var acceptsAnomaly = false
    /// The clock is right, though it jumped.
    package var acceptsClock = false
    /// At most so many percent of the job's good snapshots at once.
    package var share = PruneBrake.usualShare

    package init() {}
}

/// What a prune decided and did.
package struct PruneResult: Sendable {
    package enum State: String, Sendable {
        /// A dry run.
        case planned
        /// There was nothing to remove.
        case nothing
        /// A brake held; nothing was removed.
        case refused
        case succeeded, partial, failed
    }

    package var job: String
    package var state: State
    package var plan = RetentionPlan.empty
    package var brakes: [PruneBrake] = []
    /// The run in the history; nil for a dry run and when there was nothing to do.
    package var run: Run?
    /// What is gone, in the order in which it went.
    package var removed: [String] = []
    package var warnings: [String] = []
    package var error: BackupError?

    package init(job: String, state: State, error: BackupError? = nil) {
        self.job = job
        self.state = state
        self.error = error
    }

    package var exitStatus: Int32 {
        guard let error else { return 0 }
        return state == .partial && error.code != .cancelled
            ? BackupError.Code.incomplete.exitStatus : max(1, error.code.exitStatus)
    }

    /// What a sequence of deletions came to.
    struct Removed: Sendable {
        var snapshots: [String] = []
        var warnings: [String] = []
        var error: BackupError?

        /// One that was pinned, is being read or became the newest since the plan was made is left, and that is right;
        /// everything else is a failure, and the others still get their turn.
        mutating func take(_ failure: BackupError, of snapshot: String) {
            switch failure.code {
            case .refused, .locked, .snapshotNotFound: warnings.append("left '\(snapshot)': \(failure.message)")
            default: error = error ?? failure
            }
        }
    }

    mutating func take(_ done: Removed) {
        removed = done.snapshots
        warnings += done.warnings
        error = done.error
    }

    /// What a plan has to tell beside its lists.
    mutating func take(_ plan: RetentionPlan, _ brakes: [PruneBrake]) {
        self.plan = plan
        self.brakes = brakes
        for candidate in plan.future {
            warnings.append("snapshot '\(candidate.id)' is dated in the future: it is kept and fills no slot")
        }
        if !plan.postponed.isEmpty {
            let count = plan.postponed.count
            warnings.append(
                "\(count) more \(count == 1 ? "snapshot waits" : "snapshots wait") for the next prune: "
                    + "too many to remove at once; --max-share allows more")
        }
    }
}
