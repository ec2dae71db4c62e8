import BackupEngines
import BackupModel
import BackupPipeline
import Foundation
import MongoArchive

/// The work of a restore, in two parts: `prepare` reads and decides, `perform` writes.
struct Restore: Sendable {
    let workspace: Workspace
    let request: RestoreRequested
    let uri: String
    let progress: RunProgress
    /// The run in the history; nil for a dry run.
    var run: RunID?

    struct Prepared: @unchecked Sendable {
        // Handed from one thread to the next, which wait for each other: never used by two at once.
        var source: RestoreSource
        var plan: RestorePlan
        var engine: any Engine
        /// The snapshot was read whole, and is what its manifest says.
        var provesAll = false

        var selected: Set<Namespace> { Set(plan.entries.map(\.source)) }
    }

    func prepare() throws -> Prepared {
        // What is wrong with the file is known in a moment; reading all of it is not.
        if let path = SnapshotName.path(request.source) { _ = try InspectArchive.open(path) }
        // Before all that takes long: a tool that is not there, or cannot do what is asked.
        let engine = try workspace.engine(
            EngineOrder(
                choice: request.engine, restoring: request.options, place: request.place, uri: uri, progress: progress))
        progress.runs(on: engine.identity)
        let deployment = try MongoDeployment(uri: uri)
        try deployment.ping()
        let source = try RestoreSource.open(request.source, workspace: workspace, progress: progress, reader: run)
        progress.enter(.planning)
        let plan = try RestorePlan.make(archive: source.namespaces(), choice: request.choice) {
            try progress.cancellation.check()
            return try live($0, deployment)
        }
        for entry in plan.entries { progress.note("plan: \(entry.action.rawValue) '\(entry.target)'") }
        for skipped in plan.skipped { progress.note("plan: leave out '\(skipped.namespace)': \(skipped.reason)") }
        var prepared = Prepared(source: source, plan: plan, engine: engine)
        if plan.conflicts.isEmpty {
            prepared.provesAll = try source.check(prepared.selected, progress: progress)
        }
        return prepared
    }

    private func live(_ namespace: Namespace, _ deployment: MongoDeployment) throws -> LiveNamespace? {
        guard let there = try deployment.collection(namespace) else { return nil }
        return LiveNamespace(
            type: there.kind.rawValue, documents: deployment.estimatedCount(there) ?? 0,
            definition: there.kind == .view ? try ExtendedJSON.canonical(there.options) : nil)
    }

    func perform(_ prepared: Prepared) throws -> RestoreReport {
        progress.enter(.restoring)
        let documents = prepared.plan.entries.reduce(Int64(0)) { $0 &+ $1.expected }
        progress.expected(documents: documents, bytes: 0, namespaces: prepared.plan.entries.count)
        let restoreRequest = RestoreRequest(
            uri: uri,
            namespaces: prepared.plan.entries.map {
                RestoreNamespace(namespace: $0.target, action: RestoreNamespace.Action($0.action))
            }, withUsers: request.choice.withUsers, withIndexes: request.withIndexes,
            options: request.options)
        return try prepared.engine.restore(restoreRequest, monitor: progress) { sink in
            try feed(prepared, into: sink)
        }
    }

    /// The archive, selected and renamed, its checksums proved once more on the way.
    private func feed(_ prepared: Prepared, into sink: any ByteSink) throws {
        let targets = Dictionary(prepared.plan.entries.map { ($0.source, $0.target) }) { first, _ in first }
        let selected = prepared.selected
        let rewriter = ArchiveRewriter(
            select: selected.contains, selectSpecial: selected.contains, rename: { targets[$0] ?? $0 },
            concurrentCollections: prepared.source.concurrentCollections,
            writer: ArchiveWriter { try sink.write($0) })
        let reader = ArchiveReader(
            handler: rewriter, options: ArchiveReaderOptions { selected.contains($0) })
        do {
            let source = try prepared.source.open(selected)
            try source.copy(to: ReaderSink(reader), check: progress.cancellation.check)
            try reader.finish()
        } catch {
            throw BackupError(reading: prepared.source.name, error)
        }
        try reader.handler.finish()
        try sink.finish()
        progress.enter(.indexing)
    }
}

/// Feeds a reader from a stream.
final class ReaderSink<Handler: ArchiveHandler>: ByteSink {
    private let reader: ArchiveReader<Handler>

    init(_ reader: ArchiveReader<Handler>) {
        self.reader = reader
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try reader.feed(bytes) }
    func finish() throws {}
}

extension RestoreNamespace.Action {
    init(_ action: RestorePlan.Action) {
        switch action {
        // A plan with conflicts is refused before it comes here; `create` fails on what exists.
        case .create, .conflict: self = .create
        case .merge: self = .merge
        case .drop: self = .drop
        }
    }
}
