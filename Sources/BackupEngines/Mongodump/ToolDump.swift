internal import BackupModel
internal import BackupPipeline
internal import MongoArchive

/// A dump by the tool: ask the server, run the tool, compare.
struct ToolDump {
    private let engine: MongodumpEngine
    private let request: DumpRequest
    private let uri: MongoURI
    private let monitor: any RunMonitor
    private let run: ToolRun

    init(_ engine: MongodumpEngine, _ request: DumpRequest, monitor: any RunMonitor) throws {
        self.engine = engine
        self.request = request
        self.monitor = monitor
        uri = try MongoURI(request.uri).reading(request.options.readPreference)
        run = ToolRun(engine, uri, monitor: monitor)
        if request.withUsers, case .collection = request.scope {
            throw BackupError(
                .usage, "cannot dump users and roles with a single collection",
                hint: "users and roles belong to a database or to the whole deployment.")
        }
    }

    func run(into sink: any ByteSink) throws -> DumpReport {
        let before = try lookAround()
        for warning in engine.version.warnings(server: before?.server) { run.transcript.warn(warning) }
        let filter = DumpFilter(request, into: sink)
        let exit = try run.run(arguments, reads: false) { process in
            try process.output.readAll(check: monitor.cancellation.check) { bytes in
                monitor.advanced(
                    ToolTranscript.namespace(run.transcript.current.current), documents: 0, bytes: Int64(bytes.count))
                try filter.write(bytes)
            }
        }
        guard exit == .exited(0) else {
            // Whether the archive is whole all the same is for those to find out who read it.
            try? filter.finish()
            throw run.failure(exit)
        }
        try filter.finish()
        let said = run.transcript.current
        if said.dumped.isEmpty, said.oplogEntries == nil {
            run.transcript.warn("mongodump did not say what it dumped: its counts could not be compared")
        }
        return DumpReport(
            server: before?.server, consistency: request.options.oplog ? .pointInTime : .perCollection,
            namespaces: dumped(said), coverage: .named, expected: try stillThere(before),
            warnings: run.transcript.current.warnings)
    }

    private var arguments: [String] {
        var words = ["--archive"]
        switch request.scope {
        case .deployment: break
        case .database(let name): words.append("--db=\(name)")
        case .collection(let namespace):
            words += ["--db=\(namespace.database)", "--collection=\(namespace.collection)"]
        }
        if request.withUsers, request.scope != .deployment, request.scope != .database("admin") {
            words.append("--dumpDbUsersAndRoles")
        }
        let options = request.options
        if let query = options.query { words.append("--query=\(query)") }
        if let preference = options.readPreference { words.append("--readPreference=\(preference.rawValue)") }
        if options.oplog { words.append("--oplog") }
        if let count = options.parallelCollections { words.append("--numParallelCollections=\(count)") }
        return words + options.extraArguments
    }

    /// What the tool reports by name; of what the job leaves out, nothing.
    private func dumped(_ said: ToolTranscript.Said) -> [DumpedNamespace] {
        var found = said.dumped.map { name, documents in
            DumpedNamespace(namespace: ToolTranscript.namespace(name), documents: documents, bytes: 0)
        }
        if let entries = said.oplogEntries {
            found.append(DumpedNamespace(namespace: .oplog, documents: entries, bytes: 0))
        }
        return found.filter { request.takes($0.namespace) }.sorted { $0.namespace < $1.namespace }
    }
}

// What the server says of itself and of what there is to dump: the tool alone would call an empty dump a success.
extension ToolDump {
    struct Surroundings: Sendable {
        var server: ServerDescription
        var namespaces: [Namespace]
    }

    /// Nil where only the container can reach the server.
    private func lookAround() throws -> Surroundings? {
        do {
            return try interruptibly(monitor.cancellation) { [uri, request, monitor] in
                let connection = try MongoConnection(uri, patience: .reading)
                let server = try connection.describe()
                if request.options.oplog { try server.requireOplog() }
                let listing = DumpCatalogReader(
                    connection: connection, request: request, server: server, check: monitor.cancellation.check,
                    warn: { _ in })
                let found = try listing.names()
                Self.announce(found, on: connection, monitor)
                return Surroundings(server: server, namespaces: found.map(\.namespace))
            }
        } catch let error as BackupError where error.code == .serverUnreachable && engine.isInNetwork {
            run.transcript.warn(
                "the server can be reached from the container's network only: it was not asked what there is to dump")
            return nil
        }
    }

    private static func announce(
        _ found: [DumpCatalogReader.Named], on connection: MongoConnection, _ monitor: any RunMonitor
    ) {
        var documents: Int64 = 0
        var bytes: Int64 = 0
        for item in found where item.kind != .view && !monitor.cancellation.isCancelled {
            let place = item.kind == .timeseries ? item.namespace.buckets : item.namespace
            guard let estimate = connection.estimate(place) else { continue }
            documents &+= estimate.documents
            bytes &+= estimate.bytes
        }
        monitor.expected(documents: documents, bytes: bytes, namespaces: found.count)
    }

    /// Of the namespaces that were there before, those that still are: each must be in the archive.
    private func stillThere(_ before: Surroundings?) throws -> [Namespace] {
        guard let before else { return [] }
        return try interruptibly(monitor.cancellation) { [uri, request, monitor] in
            let connection = try MongoConnection(uri, patience: .reading)
            var request = request
            request.allowEmpty = true
            let listing = DumpCatalogReader(
                connection: connection, request: request, server: before.server,
                check: monitor.cancellation.check, warn: { _ in })
            let after = Set(try listing.namesIfThere().map(\.namespace))
            return before.namespaces.filter(after.contains)
        }
    }
}

/// Passes on what the job selects; everything as it is when it selects everything.
private final class DumpFilter {
    private let sink: any ByteSink
    private let reader: ArchiveReader<ArchiveRewriter>?

    init(_ request: DumpRequest, into sink: any ByteSink) {
        self.sink = sink
        guard !request.selection.isEverything else {
            reader = nil
            return
        }
        let rewriter = ArchiveRewriter(
            select: request.takes, selectSpecial: request.takes, writer: ArchiveWriter { try sink.write($0) })
        reader = ArchiveReader(handler: rewriter)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard let reader else { return try sink.write(bytes) }
        try explained { try reader.feed(bytes) }
    }

    func finish() throws {
        guard let reader else { return }
        try explained {
            try reader.finish()
            try reader.handler.finish()
        }
    }

    private func explained(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as ArchiveError {
            throw BackupError(.archiveDamaged, "cannot trust the archive that mongodump made: \(error)")
        }
    }
}

extension DumpRequest {
    /// Whether a namespace of the tool's archive is among what was asked for. The users and roles of a database come
    /// with it when they were asked for, and the oplog goes with everything.
    func takes(_ namespace: Namespace) -> Bool {
        if namespace == .oplog || namespace.isUsersOrRoles && namespace.database != "admin" { return true }
        return selection.contains(namespace)
    }
}

extension ServerDescription {
    /// Refuses to take the oplog of what has none, or has many.
    package func requireOplog() throws {
        guard topology != .replicaSet else { return }
        let what = topology == .sharded ? "a sharded cluster" : "a standalone server"
        throw BackupError(
            .unsupported, "cannot take the oplog along: '\(host)' is \(what)",
            hint: "--oplog needs a replica set; leave it out with --no-oplog.")
    }
}

extension MongoURI {
    /// The same with another read preference, which takes its tags along.
    func reading(_ preference: ReadPreference?) throws -> MongoURI {
        guard let preference else { return self }
        var parts = parts
        parts.options.removeAll { ["readpreference", "readpreferencetags"].contains($0.name.lowercased()) }
        parts.options.append((name: "readPreference", value: preference.rawValue))
        return try MongoURI(parts.text)
    }
}
