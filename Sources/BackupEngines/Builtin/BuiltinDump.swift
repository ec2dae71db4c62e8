internal import BackupModel
internal import BackupPipeline
internal import MongoArchive

/// The writing side of a dump: turns what the reading side finds into an archive, on the caller's thread.
///
/// Nothing here waits for a server, so that a cancellation ends it within a moment whatever the server does.
struct BuiltinDump {
    /// How many bytes the reading side may be ahead.
    private static let readAhead = 16 << 20

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
        let channel = Channel<DumpEvent>(capacity: Self.readAhead)
        let thread = WorkThread("dump") { [uri, request, monitor] in
            DumpReader(uri: uri, request: request, monitor: monitor, channel: channel).run()
        }
        defer {
            channel.cancel()
            // Lets it say goodbye to the server, if it can.
            thread.join(within: 1)
        }
        do {
            return try write(channel, into: sink)
        } catch let error as ArchiveError {
            throw error.backupError
        }
    }

    private func write(_ channel: Channel<DumpEvent>, into sink: any ByteSink) throws -> DumpReport {
        var writer = ArchiveWriter(sink: sink.write)
        var report: DumpReport?
        var warnings: [String] = []
        while let event = try channel.receive(check: monitor.cancellation.check) {
            switch event {
            case .described(let server):
                report = DumpReport(server: server, consistency: .perCollection)
            case .prelude(let collections):
                let version = report?.server?.version
                try writer.prelude(
                    ArchiveHeader(concurrentCollections: 1, serverVersion: version, toolVersion: toolVersion),
                    collections)
            case .documents(let bytes, let count, let namespace):
                try bytes.withUnsafeBytes { try writer.append($0, to: namespace) }
                monitor.advanced(namespace, documents: Int64(count), bytes: Int64(bytes.count))
            case .ended(let dumped):
                try writer.end(dumped.namespace)
                report?.namespaces.append(dumped)
                monitor.finished(dumped.namespace, documents: dumped.documents)
            case .warning(let text):
                warnings.append(text)
                monitor.warning(text)
            case .failed(let error):
                throw error
            }
        }
        guard var report else { throw BackupError(.failed, "cannot dump: the reader ended without a word") }
        try writer.finish()
        report.warnings = warnings
        return report
    }
}
