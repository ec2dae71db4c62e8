import BackupCatalog
import BackupModel
import BackupStorage
import Foundation

/// Reads a stored snapshot back, from first to last byte, and enters in the catalog what that showed.
struct ProveSnapshot {
    let workspace: Workspace

    /// Nil when it is what its manifest says; else why it is not, and it is `damaged` from then on. Throws when it cannot
    /// be read, which proves nothing. `check` is called often, and may throw.
    func prove(_ snapshot: Snapshot, at time: Date, check: () throws -> Void) throws -> BackupError? {
        do {
            let repository = try workspace.repository(snapshot.repository)
            let location = try SnapshotLocation(id: snapshot.id)
            let read = try repository.manifest(of: location)
            guard read.sha256 == snapshot.manifestSHA256 else {
                throw BackupError(
                    .snapshotDamaged,
                    "cannot trust snapshot '\(snapshot.id)': its manifest is not the one that the catalog knows")
            }
            try SnapshotChecker.require(repository.openArchive(location), read.manifest) { _ in try check() }
        } catch let error as BackupError where error.code == .snapshotDamaged {
            try workspace.markDamaged(snapshot, error, at: time)
            return error
        }
        try workspace.catalog.setVerified(snapshot: snapshot.id, workspace.act(time))
        return nil
    }
}

extension Workspace {
    /// What was found to be damaged fills no slot of retention and is no latest one any more.
    func markDamaged(_ snapshot: Snapshot, _ error: BackupError, at time: Date) throws {
        guard try catalog.snapshot(matching: snapshot.id).state == .good else { return }
        try catalog.setState(.damaged, ofSnapshot: snapshot.id, detail: error.message, act(time))
    }
}
