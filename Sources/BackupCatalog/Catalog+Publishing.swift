package import BackupModel
import Foundation
import GRDB

/// A snapshot that lies in its repository, with what its manifest says of the run that made it.
package struct FoundSnapshot: Sendable {
    package var snapshot: Snapshot
    package var namespaces: [SnapshotNamespace]
    package var run: Run

    package init(snapshot: Snapshot, namespaces: [SnapshotNamespace], run: Run) {
        self.snapshot = snapshot
        self.namespaces = namespaces
        self.run = run
    }
}

extension Catalog {
    /// Enters a snapshot with its namespaces and ends its run as succeeded, all or nothing. For the owner of the run,
    /// or for who recovers it after the manifest is in place. Gives the run as it is then.
    @discardableResult
    package func publish(
        _ snapshot: Snapshot, namespaces: [SnapshotNamespace], run: Run, _ act: Act
    ) throws -> Run {
        try write { database in
            try check(snapshot, namespaces, run)
            try database.insert(snapshot, namespaces: namespaces)
            var run = run
            run.state = .succeeded
            run.snapshot = snapshot.id
            run.error = nil
            let ended = try database.end(run, act)
            try database.record(.snapshotPublished, snapshot.subject, act)
            return ended
        }
    }

    /// Enters snapshots that lie in their repository but are not in the catalog, all in one transaction: who is killed
    /// half-way begins anew, and does not leave a part that looks whole. The runs are added where the catalog does not have
    /// them, and stay as they are otherwise. Gives why some could not be entered.
    package func adopt(_ found: some Sequence<FoundSnapshot>, _ act: Act) throws -> [BackupError] {
        try write { database in
            var refused: [BackupError] = []
            for one in found {
                do {
                    try database.inSavepoint {
                        try adopt(one, in: database, act)
                        return .commit
                    }
                } catch let error as BackupError {
                    refused.append(error)
                }
            }
            return refused
        }
    }

    private func adopt(_ found: FoundSnapshot, in database: Database, _ act: Act) throws {
        let snapshot = found.snapshot
        var run = found.run
        try check(snapshot, found.namespaces, run)
        try database.insert(snapshot, namespaces: found.namespaces)
        if let known = try database.runIfThere(run.id) {
            guard known.state.isTerminal else {
                throw BackupError(
                    .refused,
                    "cannot take in snapshot '\(snapshot.id.escapedForDisplay)': "
                        + "its run is still \(known.state.rawValue)")
            }
        } else {
            run.state = .succeeded
            run.snapshot = snapshot.id
            run.error = nil
            run.startedAt = run.startedAt ?? snapshot.createdAt
            run.finishedAt = run.finishedAt ?? act.time
            try database.insert(run)
        }
        try database.record(.snapshotAdopted, snapshot.subject, act)
    }

    private func check(_ snapshot: Snapshot, _ namespaces: [SnapshotNamespace], _ run: Run) throws {
        let problem =
            if snapshot.run != run.id || snapshot.job != run.job {
                "it is not of run '\(run.id)' and its job"
            } else if !run.makesSnapshot {
                "a run of kind \(run.kind.rawValue) makes none"
            } else if snapshot.state != .good {
                "it is \(snapshot.state.rawValue)"
            } else if snapshot.namespaceCount != namespaces.count {
                "it has \(namespaces.count) namespaces and says \(snapshot.namespaceCount)"
            } else {
                String?.none
            }
        if let problem {
            throw BackupError(
                .catalogFailed, "cannot publish snapshot '\(snapshot.id.escapedForDisplay)': \(problem)")
        }
    }
}

extension Database {
    /// The namespaces go first: a snapshot's row seals them.
    fileprivate func insert(_ snapshot: Snapshot, namespaces: [SnapshotNamespace]) throws {
        try refuseSecond(snapshot)
        let statement = try makeStatement(
            sql: """
                INSERT INTO snapshot_namespace
                    (snapshot, position, database, collection, type, documents, bytes, crc64, indexes, digest)
                VALUES
                    (:snapshot, :position, :database, :collection, :type, :documents, :bytes, :crc64, :indexes, :digest)
                """)
        for (position, namespace) in namespaces.enumerated() {
            try statement.execute(arguments: namespace.row(of: snapshot.id, position: position).arguments())
        }
        try execute(
            sql: """
                INSERT INTO snapshot
                    (id, job, run, repository, created_at, state, engine_name, engine_version, server_version,
                    consistency, file, stored_bytes, uncompressed_bytes, sha256, manifest_sha256, documents,
                    namespace_count, verified_at, pin_reason, pin_until, size_accepted_at, digest)
                VALUES
                    (:id, :job, :run, :repository, :created_at, :state, :engine_name, :engine_version, :server_version,
                    :consistency, :file, :stored_bytes, :uncompressed_bytes, :sha256, :manifest_sha256, :documents,
                    :namespace_count, :verified_at, :pin_reason, :pin_until, :size_accepted_at, :digest)
                """,
            arguments: snapshot.row.arguments())
    }

    private func refuseSecond(_ snapshot: Snapshot) throws {
        let other = try String.fetchOne(
            self,
            sql: "SELECT id FROM snapshot WHERE id = ? OR run = ? OR (repository = ? AND file = ?)",
            arguments: [snapshot.id, snapshot.run.text, snapshot.repository, snapshot.file])
        if let other {
            throw BackupError(
                .refused,
                "cannot publish snapshot '\(snapshot.id.escapedForDisplay)': "
                    + "the catalog has '\(other.escapedForDisplay)' with the same id, run or file")
        }
        guard try repository(named: snapshot.repository) != nil else {
            throw BackupError(
                .noRepository,
                "cannot publish snapshot '\(snapshot.id.escapedForDisplay)': "
                    + "there is no repository '\(snapshot.repository.escapedForDisplay)'")
        }
    }
}
