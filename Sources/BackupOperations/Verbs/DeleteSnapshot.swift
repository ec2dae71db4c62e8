import BackupCatalog
import BackupModel
import BackupStorage
import Foundation

/// Deletes one snapshot: catalog `deleting`, manifest, archive, catalog row. Each step can be repeated after a kill.
struct DeleteSnapshot {
    let workspace: Workspace
    let repository: DirectoryRepository

    func delete(_ snapshot: Snapshot, reason: String, now: Date) throws {
        try workspace.catalog.beginDeleting(
            snapshot: snapshot.id, sparingLastGood: false, reason: reason, workspace.act(now))
        try repository.delete(SnapshotLocation(id: snapshot.id))
        try workspace.catalog.finishDeleting(snapshot: snapshot.id, workspace.act(now))
    }
}
