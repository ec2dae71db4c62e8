package import Foundation

/// A reason to remove nothing of a job now, however clear its retention plan is.
package enum PruneBrake: Hashable, Sendable {
    case noRun
    case newestRun(RunID, RunState)
    case clockJumped(Date)
    case suspiciouslySmall(SizeAnomaly)

    package enum Code: String, Sendable, CaseIterable {
        case newestRun = "newest-run"
        case clockJump = "clock-jump"
        case anomaly
    }

    package var code: Code {
        switch self {
        case .noRun, .newestRun: .newestRun
        case .clockJumped: .clockJump
        case .suspiciouslySmall: .anomaly
        }
    }

    /// How many percent of a job's good snapshots are removed at once, unless told otherwise.
    package static let usualShare = 50
}

extension PruneBrake: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noRun: "there is no run of the job that succeeded"
        case .newestRun(let run, let state): "the newest run '\(run)' did not succeed: it is \(state.rawValue)"
        case .clockJumped(let time): "the clock jumped at \(Timestamp.rfc3339(time))"
        case .suspiciouslySmall(let anomaly): "\(anomaly)"
        }
    }

    /// What ends it.
    package var remedy: String {
        switch self {
        case .noRun, .newestRun: "retention goes on after the next run that succeeds."
        case .clockJumped: "retention goes on once the clock was steady for a day; --accept-clock says it is right."
        case .suspiciouslySmall:
            "look at the snapshot; retention goes on after the next run of a usual size; --accept-anomaly says it is right."
        }
    }
}

/// What of a job's history decides whether its snapshots may be pruned.
package struct PruneSituation: Sendable {
    /// Backups of the job in any order; restores, checks and prunes are left out.
    package var runs: [Run]
    package var clock: ClockReading?
    /// Good snapshots, the newest first, none of them of the future.
    package var sizes: [SnapshotSize]

    package init(runs: [Run], clock: ClockReading?, sizes: [SnapshotSize]) {
        self.runs = runs
        self.clock = clock
        self.sizes = sizes
    }

    /// Every brake that holds.
    package var brakes: [PruneBrake] {
        var brakes: [PruneBrake] = []
        if let newest = Self.newest(of: runs) {
            if newest.state != .succeeded { brakes.append(.newestRun(newest.id, newest.state)) }
        } else {
            brakes.append(.noRun)
        }
        if let jump = clock?.jumpedAt { brakes.append(.clockJumped(jump)) }
        if let newest = sizes.first, let anomaly = SizeAnomaly.find(in: newest, before: Array(sizes.dropFirst())) {
            brakes.append(.suspiciouslySmall(anomaly))
        }
        return brakes
    }

    /// The newest attempt. One that was skipped for another one that ran says nothing; one that was missed stands at
    /// the instant at which it should have been.
    private static func newest(of runs: [Run]) -> Run? {
        func order(_ run: Run) -> (Date, String) {
            (run.state == .missed ? run.scheduledFor ?? run.queuedAt : run.queuedAt, run.id.text)
        }
        return runs.filter { ($0.kind == .backup || $0.kind == .import) && $0.state != .skipped }
            .max { order($0) < order($1) }
    }
}
