import BackupEngines
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive

/// The work of a backup: the archive through the stages into the repository, checked, then published.
struct Backup: Sendable {
    let workspace: Workspace
    let job: BackupModel.Job
    let run: Run
    let progress: RunProgress
    let now: @Sendable () -> Date

    /// What the catalog is to know of it.
    struct Published: Sendable {
        var snapshot: Snapshot
        var namespaces: [SnapshotNamespace]
    }

    /// To be called on a thread that was made for it.
    func perform() throws -> Published {
        let location = try SnapshotLocation(job: job.name, run: run.id)
        let repository = try workspace.repository(job.repository)
        let text = try workspace.secrets().resolve(job.source.connection, of: job.name)
        let uri = try MongoURI(text)
        let scope = effectiveScope(uri)
        giveWay()
        let incoming = try repository.createIncoming(for: run.id)
        do {
            let dump = try dump(uri: text, scope: scope, into: incoming)
            let unproved = SnapshotManifest(
                location: location, repositoryId: repository.repositoryId, startedAt: run.startedAt ?? now(),
                finishedAt: now(), engine: dump.engine, server: dump.server,
                consistency: dump.report.consistency, source: source(uri, scope), content: dump.content,
                compression: job.settings.effort.compression, warnings: progress.current.warnings)
            progress.enter(.checking)
            var manifest = unproved
            let published = try repository.publish(incoming) { stored in
                manifest = try proved(unproved, by: stored)
                try progress.commit()
                return manifest
            }
            return Published(
                snapshot: manifest.snapshot(
                    at: location, repository: job.repository, createdAt: run.startedAt,
                    manifestSHA256: published.manifestSHA256),
                namespaces: manifest.catalogNamespaces)
        } catch {
            try? incoming.discard()
            throw error
        }
    }

    /// From here on this thread, and all that it starts, is as nice as the job wants. Nothing asks the catalog after this:
    /// its threads are those of the whole process.
    private func giveWay() {
        guard let nice = job.settings.effort.nice else { return }
        do {
            try workspace.beNice(nice)
        } catch {
            progress.warning(BackupError(error).message)
        }
    }

    /// A database in the URI's path is the one to back up, as mongodump has it. `admin` stands there for logging in:
    /// it does not narrow anything.
    private func effectiveScope(_ uri: MongoURI) -> DumpScope {
        guard job.source.scope == .deployment, let database = uri.database, !database.isEmpty, database != "admin"
        else { return job.source.scope }
        return .database(database)
    }

    private struct Dump {
        var report: DumpReport
        var server: SnapshotManifest.Server
        var engine: EngineIdentity
        var content: SnapshotContent
    }

    private func dump(uri: String, scope: DumpScope, into incoming: any IncomingFile) throws -> Dump {
        let effort = job.settings.effort
        let gzip = try GzipStage(into: incoming, compression: effort.compression, workers: effort.threads)
        defer { gzip.abandon() }
        let index = IndexStage(
            into: CountingStage(into: gzip) { [progress] _ in
                try progress.cancellation.check()
                progress.stored(bytes: Int64(clamping: incoming.writtenBytes))
            })
        let engine = try workspace.engine(
            EngineOrder(choice: job.engine, settings: job.settings, uri: uri, progress: progress))
        progress.runs(on: engine.identity)
        let request = DumpRequest(
            uri: uri, scope: scope, selection: job.source.selection, withUsers: job.source.withUsers,
            allowEmpty: job.policy.allowEmpty, options: job.settings.dump)
        progress.note("dumping \(scope) with engine \(engine.identity.name) \(engine.identity.version)")
        let report: DumpReport
        do {
            report = try engine.dump(request, into: index, monitor: progress)
            try index.finish()
        } catch let error as ArchiveError {
            throw BackupError(.archiveDamaged, "cannot trust the archive that the engine made: \(error)")
        } catch var error as BackupError where error.code == .toolFailed {
            if (try? index.finish()) != nil { error.message += " (the archive was complete; it is not kept)" }
            throw error
        }
        for warning in report.warnings { progress.warning(warning) }
        try requireContent(index.index, scope: scope)
        try requireAgreement(report, index.index)
        warnIfEmpty(index.index, scope: scope)
        return Dump(
            report: report,
            server: report.server.map(SnapshotManifest.Server.init)
                ?? SnapshotManifest.Server(version: index.index.header.serverVersion),
            engine: engine.identity,
            content: SnapshotContent(index: index.index, members: gzip.members, storedBytes: gzip.storedBytes))
    }

    /// A dump in which nothing of the user's is, is a failure: that is what a wrong database name looks like.
    private func requireContent(_ index: ArchiveIndex, scope: DumpScope) throws {
        guard !job.policy.allowEmpty, !index.collections.contains(where: { !$0.holdsUsers }) else { return }
        throw BackupError(
            .emptySource, "cannot back up \(scope): nothing in it is selected by the job",
            hint: "check --database, --include and --exclude, or give --allow-empty if this is meant.")
    }

    /// Collections without any document can be right, and are what a query or a server mixed up looks like.
    private func warnIfEmpty(_ index: ArchiveIndex, scope: DumpScope) {
        let content = index.namespaces.filter { $0.kind != .special && !$0.namespace.isUsersOrRoles }
        guard !job.policy.allowEmpty, content.allSatisfy({ $0.documents == 0 }) else { return }
        let places = content.count == 1 ? "namespace" : "namespaces"
        progress.warning(
            "not one document in the \(content.count) \(places) of \(scope)"
                + (job.settings.dump.query == nil ? "" : " that the query selects"))
    }

    /// What the engine says it dumped must be what passed, and what the server has must be in it.
    private func requireAgreement(_ report: DumpReport, _ index: ArchiveIndex) throws {
        var passed = Dictionary(index.namespaces.map { ($0.namespace, $0.documents) }) { first, _ in first }
        if let missing = report.expected.first(where: { passed[$0] == nil }) {
            throw BackupError(
                .archiveDamaged, "cannot trust the archive: '\(missing)' is on the server, and the engine left it out")
        }
        for dumped in report.namespaces {
            let documents = passed.removeValue(forKey: dumped.namespace)
            guard documents != dumped.documents else { continue }
            throw BackupError(
                .archiveDamaged,
                "cannot trust the archive: the engine reports \(dumped.documents) documents of '\(dumped.namespace)', "
                    + "and \(documents ?? 0) passed")
        }
        guard report.coverage == .all || !report.namespaces.isEmpty else { return }
        let unnamed = index.namespaces.filter { namespace in
            guard report.coverage == .named else { return true }
            return namespace.documents > 0 && namespace.kind != .special && !namespace.namespace.isUsersOrRoles
        }
        guard let extra = unnamed.map(\.namespace).filter({ passed[$0] != nil }).min() else { return }
        throw BackupError(
            .archiveDamaged, "cannot trust the archive: '\(extra)' passed, and the engine does not report it")
    }

    /// Reads back what lies in the repository, from first to last byte: a snapshot is not published on trust.
    private func proved(_ manifest: SnapshotManifest, by stored: any StoredFile) throws -> SnapshotManifest {
        try SnapshotChecker.sealed(manifest, by: stored, workers: job.settings.effort.threads) { [progress] count in
            try progress.cancellation.check()
            progress.checked(bytes: Int64(count))
        }
    }

    private func source(_ uri: MongoURI, _ scope: DumpScope) -> SnapshotManifest.Source {
        var collection: String?
        if case .collection(let namespace) = scope { collection = namespace.collection }
        return SnapshotManifest.Source(
            hosts: uri.hosts, database: scope.database, collection: collection,
            include: job.source.selection.include.map(\.text), exclude: job.source.selection.exclude.map(\.text),
            withUsers: job.source.withUsers, query: job.settings.dump.query)
    }
}

extension SnapshotManifest.Server {
    init(_ server: ServerDescription) {
        self.init(
            version: server.version, featureCompatibilityVersion: server.fcv, topology: server.topology.rawValue,
            replicaSet: server.replicaSet)
    }
}

extension ArchiveCollection {
    var holdsUsers: Bool {
        ArchivedNamespace(namespace: namespace, type: kind?.rawValue ?? "", documents: 0).holdsUsers
    }
}
