internal import BackupModel
internal import BackupPipeline
internal import Foundation
internal import MongoArchive

/// A restore from beginning to end.
struct BuiltinRestore {
    private static let connections = 4
    /// How long a restore that stops waits for batches that are on their way.
    private static let patience = 5.0

    private let uri: MongoURI
    private let writeConcern: WriteConcern?
    private let request: RestoreRequest
    private let monitor: any RunMonitor

    init(_ request: RestoreRequest, monitor: any RunMonitor) throws {
        uri = try MongoURI(request.uri)
        writeConcern = try request.options.writeConcern.map { try WriteConcern($0) }
        self.request = request
        self.monitor = monitor
    }

    func run(feed: (any ByteSink) throws -> Void) throws -> RestoreReport {
        let (connection, server) = try interruptibly(monitor.cancellation) { [uri] in
            let connection = try MongoConnection(uri, patience: .writing)
            return (connection, try connection.describe())
        }
        let tally = RestoreTally(monitor: monitor)
        let connections = request.options.insertionWorkers ?? Self.connections
        let queue = BatchQueue(workers: connections, cancellation: monitor.cancellation)
        let pool = DocumentBufferPool(size: BatchCutter.maximumBytes)
        let handler = RestoreHandler(
            connection: connection, server: server, request: request, tally: tally, queue: queue, pool: pool,
            cancellation: monitor.cancellation)
        let threads = (0..<connections).map { number in
            insertionThread(number, queue: queue, pool: pool, tally: tally, server: server)
        }
        defer {
            queue.close()
            let deadline = Date(timeIntervalSinceNow: Self.patience)
            for thread in threads { thread.join(within: max(0, deadline.timeIntervalSinceNow)) }
        }
        do {
            try read(feed, handler)
            try queue.drain()
            try finish(handler, connection, tally)
        } catch {
            if handler.hasUsers { clearUsers() }
            throw (error as? ArchiveError)?.backupError ?? error
        }
        return RestoreReport(server: server, namespaces: tally.namespaces, warnings: tally.allWarnings)
    }

    private func read(_ feed: (any ByteSink) throws -> Void, _ handler: RestoreHandler) throws {
        let sink = RestoreSink(ArchiveReader(handler: handler))
        try feed(sink)
        guard sink.isFinished else {
            throw BackupError(.archiveDamaged, "cannot restore: the archive was not read to its end")
        }
    }

    private func insertionThread(
        _ number: Int, queue: BatchQueue, pool: DocumentBufferPool, tally: RestoreTally, server: ServerDescription
    ) -> WorkThread {
        WorkThread("restore \(number)") { [uri, writeConcern] in
            var inserter: BatchInserter?
            while let batch = queue.take(worker: number) {
                do {
                    let ready =
                        try inserter
                        ?? BatchInserter(
                            connection: MongoConnection(uri, patience: .writing), server: server, tally: tally,
                            writeConcern: writeConcern)
                    inserter = ready
                    try ready.work(batch)
                    tally.completed(batch.index)
                    queue.done(batch)
                    if let documents = batch.documents { pool.give(documents) }
                } catch {
                    queue.done(batch, failure: error)
                }
            }
        }
    }

    /// Takes credentials out of the temporary collections, if the server still answers.
    private func clearUsers() {
        WorkThread("users") { [uri] in
            guard let connection = try? MongoConnection(uri, patience: .writing) else { return }
            try? UsersAndRoles.clear(on: connection)
        }.join(within: Self.patience)
    }

    /// What must wait for the documents.
    private func finish(_ handler: RestoreHandler, _ connection: MongoConnection, _ tally: RestoreTally) throws {
        if handler.hasUsers {
            try interruptibly(monitor.cancellation) {
                try connection.explaining("restore users and roles") {
                    try handler.users.merge(handler.targets)
                    try handler.users.clear()
                }
            }
        }
        guard request.withIndexes else { return }
        let orders = handler.targets.enumerated().compactMap { index, target -> IndexBuilder.Order? in
            guard target.role == .data, target.state == .ended, target.kind != .view, !tally.isGivenUp(index) else {
                return nil
            }
            let definitions = IndexDefinition.restorable(target.metadata.indexes, of: target.metadata)
            return definitions.isEmpty
                ? nil : IndexBuilder.Order(index: index, namespace: target.namespace, definitions: definitions)
        }
        let builder = IndexBuilder(
            uri: uri, tally: tally, cancellation: monitor.cancellation, workers: Self.connections)
        try builder.build(orders)
    }
}

extension RestoreHandler {
    var hasUsers: Bool { targets.contains { $0.role != .data } }
}

/// Where the archive's bytes go in.
private final class RestoreSink: ByteSink {
    private let reader: ArchiveReader<RestoreHandler>
    private(set) var isFinished = false

    init(_ reader: ArchiveReader<RestoreHandler>) {
        self.reader = reader
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try reader.feed(bytes) }

    func finish() throws {
        try reader.finish()
        isFinished = true
    }
}
