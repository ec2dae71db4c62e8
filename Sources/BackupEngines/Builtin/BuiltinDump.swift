internal import BackupModel
internal import BackupPipeline
internal import Foundation
internal import MongoArchive

/// The writing side of a dump: turns what the reading side finds into an archive, on the caller's thread.
///
/// Nothing here waits for a server, so that a cancellation ends it within a moment whatever the server does.
struct BuiltinDump {
    /// How many bytes the reading side may be ahead in the collection that is being written, and in each later one.
    private static let readAhead = 8 << 20
    private static let readAheadLater = 4 << 20

    /// How many connections read, and whether several may read one collection.
    struct Readers: Sendable {
        var count: Int
        var splits: Bool

        /// The number a job asks for is what it gets. Else: reading a collection by its `_id` costs the server twice the
        /// work of reading it as it lies, which pays where there are processors to spare.
        init(_ wanted: Int?, processors: Int = ProcessInfo.processInfo.activeProcessorCount) {
            count = max(1, wanted ?? (processors < 4 ? 2 : 4))
            splits = count > 1 && (wanted != nil || processors >= 4)
        }
    }

    private let uri: MongoURI
    private let request: DumpRequest
    private let toolVersion: String
    private let monitor: any RunMonitor

    init(_ request: DumpRequest, toolVersion: String, monitor: any RunMonitor) throws {
        uri = try MongoURI(request.uri).reading(request.options.readPreference)
        self.request = request
        if request.options.oplog {
            throw BackupError(
                .unsupported, "cannot take the oplog along with engine 'builtin'",
                hint: "use --engine mongodump or --engine docker.")
        }
        self.toolVersion = toolVersion
        self.monitor = monitor
        if request.withUsers, case .collection = request.scope {
            throw BackupError(
                .usage, "cannot dump users and roles with a single collection",
                hint: "users and roles belong to a database or to the whole deployment.")
        }
    }

    func run(into sink: any ByteSink) throws -> DumpReport {
        let lanes = Lanes<DumpEvent>(capacity: Self.readAhead, capacityAhead: Self.readAheadLater)
        let pool = DocumentBufferPool(size: DumpReader.bufferSize)
        let readers = Readers(request.options.parallelCollections)
        let thread = WorkThread("dump") { [uri, request, monitor] in
            DumpReader(uri: uri, request: request, readers: readers, monitor: monitor, lanes: lanes, pool: pool).run()
        }
        defer {
            lanes.cancel()
            // Lets it say goodbye to the server, if it can.
            thread.join(within: 1)
        }
        do {
            return try write(lanes, pool, into: sink)
        } catch let error as ArchiveError {
            throw error.backupError
        }
    }

    private func write(
        _ lanes: Lanes<DumpEvent>, _ pool: DocumentBufferPool, into sink: any ByteSink
    ) throws -> DumpReport {
        var writer = ArchiveWriter(sink: sink.write)
        var report: DumpReport?
        var namespaces: [Namespace] = []
        var warnings: [String] = []
        while let (event, lane) = try lanes.receive(check: monitor.cancellation.check) {
            switch event {
            case .described(let server):
                report = DumpReport(server: server, consistency: .perCollection)
            case .prelude(let collections):
                let version = report?.server?.version
                // Collections are read at the same time, and written one after the other: each lies in one range.
                try writer.prelude(
                    ArchiveHeader(concurrentCollections: 1, serverVersion: version, toolVersion: toolVersion),
                    collections)
                namespaces = collections.map(\.namespace)
            case .documents(let buffer):
                let namespace = namespaces[lane - 1]
                try writer.appendBlock(buffer.bytes, to: namespace)
                monitor.advanced(namespace, documents: Int64(buffer.documents), bytes: Int64(buffer.count))
                pool.give(buffer)
            case .ended(let documents, let bytes):
                let namespace = namespaces[lane - 1]
                try writer.end(namespace)
                report?.namespaces.append(DumpedNamespace(namespace: namespace, documents: documents, bytes: bytes))
                monitor.finished(namespace, documents: documents)
            case .warning(let text):
                warnings.append(text)
                monitor.warning(text)
            }
        }
        guard var report else { throw BackupError(.failed, "cannot dump: the reader ended without a word") }
        try writer.finish()
        report.warnings = warnings
        return report
    }
}
