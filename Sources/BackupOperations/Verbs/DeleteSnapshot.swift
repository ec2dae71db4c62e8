import BackupCatalog
import BackupModel
import BackupStorage
import Foundation

/// Deletes one snapshot: proof, catalog `deleting`, manifest, archive, catalog row. Each step can be repeated after a kill.
struct DeleteSnapshot {
    let workspace: Workspace
    let repository: DirectoryRepository

    /// What must be so before a file goes.
    enum Proof {
        /// The manifest is the one that the catalog knows, and the archive has the length that both say.
        case whole
        /// The manifest is the one that the catalog knows, or neither file is there.
        case known
        /// The names alone: a person was told, and insisted.
        case none
    }

    func delete(
        _ snapshot: Snapshot, sparing spared: SparedSnapshots, proof: Proof, reason: String, now: Date
    ) throws {
        try repository.delete(SnapshotLocation(id: snapshot.id)) { pair in
            try require(proof, snapshot, pair)
            try workspace.catalog.beginDeleting(
                snapshot: snapshot.id, sparing: spared, reason: reason, workspace.act(now))
        }
        try workspace.catalog.finishDeleting(snapshot: snapshot.id, workspace.act(now))
    }

    /// Goes on with what was proved and marked before, and interrupted.
    func finish(_ snapshot: Snapshot, now: Date) throws {
        try repository.delete(SnapshotLocation(id: snapshot.id))
        try workspace.catalog.finishDeleting(snapshot: snapshot.id, workspace.act(now))
    }

    private func require(_ proof: Proof, _ snapshot: Snapshot, _ pair: StoredPair) throws {
        let isKnown = pair.manifestSHA256 == snapshot.manifestSHA256
        let holds =
            switch proof {
            case .whole: isKnown && pair.archiveBytes == UInt64(exactly: snapshot.storedBytes)
            case .known: isKnown || (pair.manifestSHA256 == nil && pair.archiveBytes == nil)
            case .none: true
            }
        guard !holds else { return }
        throw BackupError(
            .snapshotDamaged,
            "refusing to delete snapshot '\(snapshot.id)': its catalog row and its manifest do not agree",
            hint: "'backupctl catalog check' says what is there; 'backupctl delete --force' deletes it all the same.")
    }
}
