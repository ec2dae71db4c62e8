import BackupCatalog
package import BackupModel
import BackupPipeline
import BackupStorage
package import Foundation

/// Brings catalog and repository in line after whatever died: runs whose owner is gone end as what they were, what they
/// left unfinished is swept, deletions that were begun are finished, snapshots that the catalog has not heard of are
/// entered. Every step can be killed and repeated.
package struct Recovery {
    let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// Does what can be done, and gives what could not be done in words: it must not keep a run from its own work.
    package func recover(now: Date) -> [String] {
        var troubles: [String] = []
        func attempt(_ what: String, _ body: () throws -> Void) {
            do { try body() } catch { troubles.append("cannot \(what): \(BackupError(error).message)") }
        }
        attempt("settle runs whose process is gone") { try settleRuns(now: now) }
        attempt("remove what showed that processes lived") { try OwnerMark.sweep(workspace.state.owners) }
        // A repository that is not there is for those to report who need it.
        guard let repository = try? workspace.repository(Workspace.defaultRepository) else { return troubles }
        attempt("sweep what unfinished runs left") { try sweep(repository) }
        attempt("finish deletions") { try finishDeletions(in: repository, now: now) }
        attempt("enter snapshots that are not listed") { try enterUnlisted(of: repository, now: now) }
        return troubles
    }

    private func sweep(_ repository: DirectoryRepository) throws {
        // Asked for each file that is found: its run may have begun since this did.
        _ = try repository.sweepIncoming { id in
            do {
                return try !workspace.catalog.run(id).state.isTerminal
            } catch let error as BackupError where error.code == .runNotFound {
                return false
            } catch {
                return true
            }
        }
    }

    private func finishDeletions(in repository: DirectoryRepository, now: Date) throws {
        for snapshot in try workspace.catalog.deletingSnapshots() {
            try DeleteSnapshot(workspace: workspace, repository: repository).finish(snapshot, now: now)
        }
    }

    /// Those of runs that could not tell the catalog, or that were ended while the repository was away; and all there are
    /// when the catalog has no history at all.
    private func enterUnlisted(of repository: DirectoryRepository, now: Date) throws {
        let recent = try workspace.catalog.runs(limit: 50)
        let hasHistory = recent.contains { $0.state.isTerminal }
        let candidates =
            hasHistory
            ? recent.filter { $0.kind == .backup && $0.mayHaveStored }.compactMap { run in
                run.job.flatMap { try? JobName($0) }.flatMap { try? SnapshotLocation(job: $0, run: run.id) }
            }
            : try repository.snapshots().filter(\.hasManifest).map(\.location)
        let unlisted = try candidates.filter { try !workspace.catalog.hasSnapshot($0.id) }
        guard !unlisted.isEmpty else { return }
        let found = unlisted.lazy.compactMap { stored($0, in: repository)?.found }
        if let refused = try workspace.catalog.adopt(found, workspace.act(now)).first { throw refused }
    }

    /// Ends the runs whose owner is gone. What waits in the queue is left to the next scheduler: it never started.
    package func settleRuns(now: Date) throws {
        for run in try workspace.catalog.activeRuns() where run.state == .running {
            guard let owner = run.owner, !workspace.isAlive(owner) else { continue }
            try settle(run, now: now)
        }
    }

    private func settle(_ run: Run, now: Date) throws {
        if run.kind == .backup, let job = run.job.flatMap({ try? JobName($0) }),
            let location = try? SnapshotLocation(job: job, run: run.id),
            let repository = try? workspace.repository(Workspace.defaultRepository),
            let found = stored(location, in: repository)
        {
            var finished = run
            finished.succeed(with: found.snapshot(createdAt: run.startedAt), at: found.read.manifest.finishedAt)
            finished.warnings = found.read.manifest.warnings
            try workspace.catalog.publish(
                found.snapshot(createdAt: run.startedAt), namespaces: found.read.manifest.catalogNamespaces,
                run: finished, workspace.act(now))
            return
        }
        let reason = BackupError(
            .interrupted, "interrupted: process \(run.owner?.processID ?? 0), which owned the run, is gone")
        try workspace.catalog.markInterrupted(run, reason: reason, workspace.act(now))
    }

    /// A snapshot that was complete: it has a manifest, before which the file was read back, and the file is still there
    /// in its length.
    private func stored(_ location: SnapshotLocation, in repository: DirectoryRepository) -> StoredSnapshot? {
        guard let read = try? repository.manifest(of: location), let archive = try? repository.openArchive(location),
            archive.size == UInt64(clamping: read.manifest.storedBytes)
        else { return nil }
        return StoredSnapshot(location: location, read: read)
    }
}

private struct StoredSnapshot {
    var location: SnapshotLocation
    var read: ReadManifest

    /// For a catalog that knows nothing of it.
    var found: FoundSnapshot {
        let manifest = read.manifest
        let snapshot = snapshot(createdAt: nil)
        var run = Run(
            id: location.run, kind: .backup, job: location.job.text, trigger: .manual, queuedAt: manifest.startedAt)
        run.startedAt = manifest.startedAt
        run.succeed(with: snapshot, at: manifest.finishedAt)
        run.warnings = manifest.warnings
        return FoundSnapshot(snapshot: snapshot, namespaces: manifest.catalogNamespaces, run: run)
    }

    func snapshot(createdAt: Date?) -> Snapshot {
        read.manifest.snapshot(
            at: location, repository: Workspace.defaultRepository, createdAt: createdAt, manifestSHA256: read.sha256)
    }
}

extension SnapshotManifest {
    /// The catalog's row for this snapshot, which was read back and checked before its manifest was written.
    /// Manifests have times to the second; the run's own start, where it is known, keeps snapshots in their order.
    func snapshot(
        at location: SnapshotLocation, repository: String, createdAt: Date?, manifestSHA256: String
    ) -> Snapshot {
        Snapshot(
            id: snapshotId, job: job.text, run: run, repository: repository, createdAt: createdAt ?? startedAt,
            state: .good,
            engine: engine, serverVersion: server.version, consistency: consistency, file: location.archivePath,
            storedBytes: storedBytes, uncompressedBytes: uncompressedBytes, sha256: sha256,
            manifestSHA256: manifestSHA256, documents: documents, namespaceCount: namespaces.count,
            verifiedAt: finishedAt)
    }

    var catalogNamespaces: [SnapshotNamespace] {
        namespaces.map {
            SnapshotNamespace(
                namespace: $0.namespace, type: $0.type, documents: $0.documents, bytes: $0.bytes, crc64: $0.crc64,
                indexes: $0.indexes)
        }
    }
}

extension Run {
    /// Its snapshot may be in the repository although the catalog does not have it.
    fileprivate var mayHaveStored: Bool { error?.code == .snapshotUnlisted || error?.code == .interrupted }

    mutating func succeed(with snapshot: Snapshot, at time: Date) {
        state = .succeeded
        finishedAt = time
        self.snapshot = snapshot.id
        engine = snapshot.engine
        counters.documents = snapshot.documents
        counters.namespaces = Int64(snapshot.namespaceCount)
        counters.uncompressedBytes = snapshot.uncompressedBytes
        counters.storedBytes = snapshot.storedBytes
    }

    /// Ends a run that did not make it. How the work ended says the state: cancelled, interrupted, or failed.
    package mutating func fail(with error: BackupError, at time: Date) {
        switch error.code {
        case .cancelled: state = .cancelled
        case .interrupted: state = .interrupted
        default: state = .failed
        }
        finishedAt = time
        self.error = error
    }
}

extension BackupError {
    /// Any error as one of ours. Only errors of ours were written for people; others are shown as they are.
    package init(_ error: any Error) {
        self = (error as? BackupError) ?? BackupError(.failed, "cannot go on: \(error)")
    }
}
