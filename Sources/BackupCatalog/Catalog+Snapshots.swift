package import BackupModel
package import Foundation
import GRDB

extension Catalog {
    /// Snapshots in whatever state, the newest first: of one job or of all.
    package func snapshots(job: String? = nil, limit: Int? = nil) throws -> [Snapshot] {
        let limit = limit ?? -1
        return try read { database in
            let rows =
                if let job {
                    try Row.fetchCursor(
                        database, sql: "SELECT * FROM snapshot WHERE job = ? ORDER BY created_at DESC, id DESC LIMIT ?",
                        arguments: [job, limit])
                } else {
                    try Row.fetchCursor(
                        database, sql: "SELECT * FROM snapshot ORDER BY created_at DESC, id DESC LIMIT ?",
                        arguments: [limit])
                }
            return try Array(rows.map { try Snapshot(CatalogRow(.snapshot, reading: $0)) })
        }
    }

    /// Those whose deletion was begun and is not at its end, the newest first.
    package func deletingSnapshots() throws -> [Snapshot] {
        try read { database in
            try database.rows(
                of: .snapshot,
                "SELECT * FROM snapshot WHERE state = 'deleting' ORDER BY created_at DESC, id DESC", Snapshot.init)
        }
    }

    package func hasSnapshot(_ id: String) throws -> Bool {
        try read {
            try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM snapshot WHERE id = ?)", arguments: [id]) ?? false
        }
    }

    /// The snapshot of this id, or the only one whose id begins so.
    package func snapshot(matching prefix: String) throws -> Snapshot {
        try read { database in
            let row = try Row.fetchMatch(
                database, prefix: prefix, noun: "snapshot", notFound: .snapshotNotFound,
                sql: "SELECT * FROM snapshot WHERE id >= :first AND id < :end ORDER BY id LIMIT 11")
            return try Snapshot(CatalogRow(.snapshot, reading: row))
        }
    }

    /// The newest good snapshot of a job, at or before a time when one is given; nil when there is none.
    package func newestGoodSnapshot(of job: String, atOrBefore time: Date? = nil) throws -> Snapshot? {
        try read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT * FROM snapshot
                    WHERE state = 'good' AND job = ? AND created_at <= ?
                    ORDER BY created_at DESC, id DESC LIMIT 1
                    """,
                arguments: [job, time?.catalogMilliseconds ?? Int64.max]
            ).map { try Snapshot(CatalogRow(.snapshot, reading: $0)) }
        }
    }

    /// A snapshot's namespaces in the order of its archive.
    package func namespaces(of snapshot: String) throws -> [SnapshotNamespace] {
        try read { database in
            let wanted = try database.snapshot(snapshot).namespaceCount
            let namespaces = try Array(
                Row.fetchCursor(
                    database, sql: "SELECT * FROM snapshot_namespace WHERE snapshot = ? ORDER BY position",
                    arguments: [snapshot]
                ).map { try SnapshotNamespace(CatalogRow(.snapshotNamespace, reading: $0)) })
            guard namespaces.count == wanted else {
                throw DamagedRow(
                    table: Table.snapshot.rawValue, key: snapshot.escapedForDisplay,
                    reason: "it has \(namespaces.count) of its \(wanted) namespaces")
            }
            return namespaces
        }
    }
}

extension Catalog {
    /// Says what was found out about a snapshot: damaged, missing, or good after all. Nothing happens when it is so
    /// already. For `deleting` there is `beginDeleting`.
    package func setState(_ state: SnapshotState, ofSnapshot id: String, detail: String? = nil, _ act: Act) throws {
        guard state != .deleting else {
            throw BackupError(.catalogFailed, "cannot mark snapshot '\(id.escapedForDisplay)' as deleting this way")
        }
        try change(id, .snapshotChanged, detail: detail.map { "\(state.rawValue): \($0)" } ?? state.rawValue, act) {
            $0.state = state
        }
    }

    /// Says that a snapshot was read end to end at the act's time and proved to be good.
    package func setVerified(snapshot id: String, _ act: Act) throws {
        try change(id, .snapshotVerified, act) {
            $0.state = .good
            $0.verifiedAt = act.time
        }
    }

    /// Pins a snapshot, so that it cannot be deleted, or takes its pin away.
    package func setPin(_ pin: SnapshotPin?, ofSnapshot id: String, _ act: Act) throws {
        try change(id, pin == nil ? .snapshotUnpinned : .snapshotPinned, detail: pin?.reason, act) { $0.pin = pin }
    }

    /// Says that a person found a snapshot's size to be right.
    package func acceptSize(ofSnapshot id: String, _ act: Act) throws {
        try change(id, .snapshotSizeAccepted, act) { $0.sizeAcceptedAt = act.time }
    }

    /// The first step of deleting a snapshot; its manifest and its file go after this, and `finishDeleting` is last.
    ///
    /// Refuses a pinned one, one that a restore or a check is reading, and those that `spared` names. Marking it twice
    /// does no harm.
    package func beginDeleting(snapshot id: String, sparing spared: SparedSnapshots, reason: String, _ act: Act) throws
    {
        try write { database in
            var snapshot = try database.snapshot(id)
            guard snapshot.state != .deleting else { return }
            try database.refuseIfHeld(snapshot, sparing: spared, act)
            snapshot.pin = nil
            snapshot.state = .deleting
            try database.update(snapshot)
            try database.record(
                .snapshotChanged, snapshot.subject, detail: "\(SnapshotState.deleting.rawValue): \(reason)", act)
        }
    }

    /// The last step: the snapshot's files are gone, and so is its row. Its run stays.
    package func finishDeleting(snapshot id: String, _ act: Act) throws {
        try write { database in
            let snapshot = try database.snapshot(id)
            guard snapshot.state == .deleting else {
                throw BackupError(
                    .refused,
                    "cannot remove snapshot '\(id.escapedForDisplay)' from the catalog: it is not marked as deleting")
            }
            try database.execute(sql: "DELETE FROM snapshot WHERE id = ?", arguments: [id])
            try database.record(.snapshotDeleted, snapshot.subject, act)
        }
    }

    private func change(
        _ id: String, _ action: EventAction, detail: String? = nil, _ act: Act, _ body: (inout Snapshot) -> Void
    ) throws {
        try write { database in
            let old = try database.snapshot(id)
            guard old.state != .deleting else {
                throw BackupError(
                    .refused, "cannot change snapshot '\(id.escapedForDisplay)': it is being deleted")
            }
            var snapshot = old
            body(&snapshot)
            guard snapshot != old else { return }
            try database.update(snapshot)
            try database.record(action, snapshot.subject, detail: detail, act)
        }
    }
}

extension Snapshot {
    var subject: EventSubject { EventSubject(repository: repository, job: job, run: run, snapshot: id) }
}

extension Database {
    func snapshot(_ id: String) throws -> Snapshot {
        let row = try Row.fetchOne(self, sql: "SELECT * FROM snapshot WHERE id = ?", arguments: [id])
        guard let row else {
            throw BackupError(
                .snapshotNotFound, "cannot find snapshot '\(id.escapedForDisplay)': the catalog has none of that id")
        }
        return try Snapshot(CatalogRow(.snapshot, reading: row))
    }

    /// What may change of a snapshot.
    func update(_ snapshot: Snapshot) throws {
        try execute(
            sql: """
                UPDATE snapshot
                SET state = :state, verified_at = :verified_at, pin_reason = :pin_reason, pin_until = :pin_until,
                    size_accepted_at = :size_accepted_at, digest = :digest
                WHERE id = :id
                """,
            arguments: snapshot.row.arguments())
    }

}
