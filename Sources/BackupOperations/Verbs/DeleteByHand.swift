import BackupCatalog
package import BackupModel
package import Foundation

/// What a person does to one snapshot: delete it, pin it, unpin it.
package struct DeleteByHand {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// Refuses what no answer to a question could allow, so that nobody is asked in vain.
    package func check(_ snapshot: Snapshot, isForced: Bool, now: Date) throws {
        if let pin = snapshot.pin, pin.holds(at: now) {
            throw BackupError(
                .refused, "refusing to delete snapshot '\(snapshot.id)': it is pinned: \(pin.reason.escapedForDisplay)",
                hint: "'backupctl unpin \(snapshot.id)' takes the pin away.")
        }
        guard !isForced, snapshot.state == .good,
            try !workspace.snapshots(job: snapshot.job).contains(where: { $0.state == .good && $0.id != snapshot.id })
        else { return }
        throw BackupError(
            .refused, "refusing to delete the last good snapshot of job '\(snapshot.job)'",
            hint: "make another one with 'backupctl run \(snapshot.job)' first; --force deletes it all the same.")
    }

    /// Deletes it for good. Without `isForced` the last good one of its job stays, and one whose manifest is not the one
    /// that the catalog knows.
    package func delete(_ snapshot: Snapshot, isForced: Bool, now: Date) throws {
        try check(snapshot, isForced: isForced, now: now)
        let deletion = DeleteSnapshot(
            workspace: workspace, repository: try workspace.repository(snapshot.repository))
        if snapshot.state == .deleting { return try deletion.finish(snapshot, now: now) }
        try deletion.delete(
            snapshot, sparing: isForced ? .none : .lastGood, proof: isForced ? .none : .known,
            reason: isForced ? "by hand, forced" : "by hand", now: now)
    }

    /// Pins a snapshot, again with another reason if it was pinned before; `until` is the last moment of the pin.
    package func pin(_ snapshot: Snapshot, reason: String, until: Date?, now: Date) throws -> SnapshotPin {
        guard !reason.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty else {
            throw BackupError(
                .usage, "cannot pin snapshot '\(snapshot.id)' without a reason",
                hint: "say in --reason why it must stay, for whoever finds it pinned.")
        }
        if let until, until <= now {
            throw BackupError(
                .usage, "cannot pin snapshot '\(snapshot.id)' until \(Timestamp.rfc3339(until)): that time is past")
        }
        let pin = SnapshotPin(reason: reason, until: until)
        try workspace.catalog.setPin(pin, ofSnapshot: snapshot.id, workspace.act(now))
        return pin
    }

    package func unpin(_ snapshot: Snapshot, now: Date) throws {
        try workspace.catalog.setPin(nil, ofSnapshot: snapshot.id, workspace.act(now))
    }
}
