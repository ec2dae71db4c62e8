package import BackupModel
import Foundation
import GRDB

/// Which snapshots a deletion must leave, as they are in its own transaction: what a plan was made from may have changed.
package enum SparedSnapshots: Sendable {
    /// None: a person was asked, and said so.
    case none
    /// The last good one that its job has.
    case lastGood
    /// The newest good one and the newest verified one of their job: for automation.
    case newest
}

extension Catalog {
    /// Says that a run reads a snapshot, so that nothing deletes it meanwhile. For a restore or a check, before it opens
    /// the archive; ends with the run. Refuses when a deletion came first.
    package func hold(snapshot id: String, by run: RunID) throws {
        try write { database in
            let snapshot = try database.snapshot(id)
            guard snapshot.state != .deleting else {
                throw BackupError(
                    .snapshotNotFound, "cannot read snapshot '\(id.escapedForDisplay)': it is being deleted")
            }
            var reader = try database.run(run)
            guard reader.state == .running, !reader.makesSnapshot else {
                throw BackupError(.interrupted, "cannot go on with run '\(run)': it is \(reader.state.rawValue) by now")
            }
            reader.snapshot = id
            try database.update(reader)
        }
    }

    /// Refuses when one of these snapshots is pinned, or is being read.
    package func requireNotHeld(_ ids: [String], _ act: Act) throws {
        try read { database in
            for id in ids { try database.refuseIfHeld(database.snapshot(id), sparing: .none, act) }
        }
    }

    /// The snapshots that running restores and checks read, with those runs.
    package func readers() throws -> [String: RunID] {
        let runs = try activeRuns().filter { $0.state == .running && !$0.makesSnapshot }
        return Dictionary(runs.compactMap { run in run.snapshot.map { ($0, run.id) } }) { first, _ in first }
    }
}

extension Database {
    func refuseIfHeld(_ snapshot: Snapshot, sparing spared: SparedSnapshots, _ act: Act) throws {
        let shown = snapshot.id.escapedForDisplay
        if let pin = snapshot.pin, pin.holds(at: act.time) {
            throw BackupError(
                .refused, "refusing to delete snapshot '\(shown)': it is pinned: \(pin.reason.escapedForDisplay)",
                hint: "'backupctl unpin \(shown)' takes the pin away.")
        }
        if let reader = try reader(of: snapshot.id) {
            throw BackupError(
                .locked, "cannot delete snapshot '\(shown)': run '\(reader.escapedForDisplay)' is reading it",
                hint: "try again once that run has ended.")
        }
        guard snapshot.state == .good else { return }
        switch spared {
        case .none: break
        case .lastGood:
            if try !hasOtherGoodSnapshot(than: snapshot) {
                throw BackupError(
                    .refused, "refusing to delete the last good snapshot of job '\(snapshot.job.escapedForDisplay)'",
                    hint: "make another one with 'backupctl run \(snapshot.job.escapedForDisplay)' first.")
            }
        case .newest:
            if try isNewest(snapshot, act) {
                throw BackupError(
                    .refused, "refusing to delete snapshot '\(shown)': it is the newest good one of its job by now")
            }
        }
    }

    private func reader(of snapshot: String) throws -> String? {
        try String.fetchOne(
            self,
            sql: """
                SELECT id FROM run INDEXED BY run_active
                WHERE state IN ('queued', 'running') AND state = 'running' AND kind NOT IN ('backup', 'import')
                    AND snapshot = ?
                """, arguments: [snapshot])
    }

    private func hasOtherGoodSnapshot(than snapshot: Snapshot) throws -> Bool {
        try Bool.fetchOne(
            self,
            sql: "SELECT EXISTS (SELECT 1 FROM snapshot WHERE state = 'good' AND job = ? AND id <> ?)",
            arguments: [snapshot.job, snapshot.id]) ?? false
    }

    /// Whether no good snapshot of the job is newer, or no verified one is; those of the future do not count.
    private func isNewest(_ snapshot: Snapshot, _ act: Act) throws -> Bool {
        try Bool.fetchOne(
            self,
            sql: """
                SELECT NOT EXISTS (
                        SELECT 1 FROM snapshot
                        WHERE state = 'good' AND job = :job AND (created_at, id) > (:created, :id)
                            AND created_at <= :limit)
                    OR (:verified AND NOT EXISTS (
                        SELECT 1 FROM snapshot
                        WHERE state = 'good' AND job = :job AND (created_at, id) > (:created, :id)
                            AND created_at <= :limit AND verified_at IS NOT NULL))
                """,
            arguments: [
                "job": snapshot.job, "created": snapshot.createdAt.catalogMilliseconds, "id": snapshot.id,
                "limit": (act.time + RetentionPolicy.clockTolerance).catalogMilliseconds,
                "verified": snapshot.verifiedAt != nil,
            ]) ?? true
    }
}
