internal import BackupModel
internal import BackupPipeline
internal import Foundation
internal import MongoArchive

/// A restore by the tool: look at the target, feed the tool, and find out what has arrived.
struct ToolRestore {
    private let engine: MongodumpEngine
    private let request: RestoreRequest
    private let uri: MongoURI
    private let monitor: any RunMonitor
    private let run: ToolRun

    init(_ engine: MongodumpEngine, _ request: RestoreRequest, monitor: any RunMonitor) throws {
        self.engine = engine
        self.request = request
        self.monitor = monitor
        uri = try MongoURI(request.uri)
        try uri.requireAcknowledgedWrites()
        run = ToolRun(engine, uri, monitor: monitor)
    }

    func run(feed: (any ByteSink) throws -> Void) throws -> RestoreReport {
        try refuseServersOwn()
        let users = try usersDatabase()
        let target = try prepareTarget()
        for warning in engine.version.warnings(server: target.server) { run.transcript.warn(warning) }
        let tap = RestoreTap(startedAt: Self.now)
        let exit = try run.run(arguments(users), reads: true) { process in
            let sink = ToolSink(
                process, RestoreTapHandler(tap: tap, always: request.withUsers || request.options.replaysOplog),
                check: monitor.cancellation.check)
            do {
                try feed(sink)
            } catch  where sink.isDeaf {
                // Why it does not listen any more is what its end says.
                process.closeInput()
            }
            try process.output.readAll(check: monitor.cancellation.check) { _ in }
        }
        let said = run.transcript.current
        guard exit == .exited(0) else { throw run.failure(exit) }
        guard said.total != nil || engine.version.isBefore(4, 2) else {
            throw BackupError(
                .toolFailed, "cannot tell what was restored: mongorestore ended with status 0 and gave no count",
                hint: "'backupctl log' shows the last lines that it printed.")
        }
        return try report(target, said, tap)
    }

    /// Milliseconds since 1970.
    private static var now: Int64 { Int64(clamping: Int(Date().timeIntervalSince1970)) * 1000 }

    private func arguments(_ usersDatabase: String?) -> [String] {
        var words = ["--archive", "--bypassDocumentValidation"]
        let options = request.options
        // With users in the archive it would drop all others.
        if drops, !request.withUsers { words.append("--drop") }
        if !request.withIndexes { words.append("--noIndexRestore") }
        if let usersDatabase { words += ["--db=\(usersDatabase)", "--restoreDbUsersAndRoles"] }
        if options.replaysOplog { words.append("--oplogReplay") }
        if options.preservesUUID { words.append("--preserveUUID") }
        if options.maintainsOrder { words.append("--maintainInsertionOrder") }
        if let count = options.parallelCollections { words.append("--numParallelCollections=\(count)") }
        if let count = options.insertionWorkers { words.append("--numInsertionWorkersPerCollection=\(count)") }
        if let concern = options.writeConcern { words.append("--writeConcern=\(concern)") }
        return words + options.extraArguments
    }

    private var drops: Bool { request.namespaces.contains { $0.action == .drop } }

    /// Whatever a plan says, these are never written from an archive.
    private func refuseServersOwn() throws {
        for namespace in request.namespaces.map(\.namespace) where !namespace.isUsersOrRoles && namespace != .oplog {
            let isSystem = namespace.collection.utf8.starts(with: "system.".utf8) && namespace.collection != "system.js"
            guard isSystem || ["local", "$external", ""].contains(namespace.database) else { continue }
            throw BackupError(.refused, "refusing to restore into '\(namespace)': it is the server's own")
        }
    }

    /// The one database whose users and roles are restored with it; nil for those of a whole deployment.
    private func usersDatabase() throws -> String? {
        let special = request.namespaces.map(\.namespace).filter { $0.isUsersOrRoles && $0.database != "admin" }
        guard request.withUsers, let database = special.first?.database else { return nil }
        guard request.namespaces.allSatisfy({ $0.namespace.database == database }) else {
            throw BackupError(
                .unsupported, "cannot restore the users of '\(database)' together with other databases by mongorestore",
                hint: "use --engine builtin, or restore the databases one by one.")
        }
        return database
    }

    /// The target before the restore.
    private struct Target: Sendable {
        var server: ServerDescription
        /// Of the collections that documents are added to; buckets for a time series.
        var documents: [Namespace: Int64]
    }

    /// Checks once more what the plan rests upon, and drops what the tool cannot be told to drop.
    private func prepareTarget() throws -> Target {
        try interruptibly(monitor.cancellation) { [uri, request, drops] in
            let connection = try MongoConnection(uri, patience: .writing)
            let server = try connection.describe()
            for item in request.namespaces where item.action == .create && !item.namespace.isUsersOrRoles {
                guard item.namespace != .oplog, try connection.collection(item.namespace) != nil else { continue }
                throw BackupError(.targetExists, "cannot restore '\(item.namespace)': it exists on the target by now")
            }
            if request.withUsers, drops {
                for item in request.namespaces where item.action == .drop && !item.namespace.isUsersOrRoles {
                    _ = try connection.run(
                        ["drop": .string(item.namespace.collection)], on: item.namespace.database, as: .write,
                        to: "drop '\(item.namespace)'")
                }
            }
            let merged = request.collections.filter { $0.action == .merge }.map(\.namespace)
            let documents = try Self.arrivals(of: Set(merged), on: connection).compactMapValues(\.documents)
            return Target(server: server, documents: documents)
        }
    }
}

extension ToolRestore {
    private func report(
        _ target: Target, _ said: ToolTranscript.Said, _ tap: RestoreTap
    ) throws -> RestoreReport {
        var restored: [Namespace: (documents: Int64, failures: Int64)] = [:]
        for (name, counts) in said.restored { restored[ToolTranscript.namespace(name)] = counts }
        let there = try arrived()
        var namespaces = request.namespaces.map { item in
            var result = RestoredNamespace(namespace: item.namespace)
            if item.namespace.isUsersOrRoles { return result }
            if item.namespace == .oplog {
                result.restored = said.oplogEntries == nil ? 0 : tap.oplogEntries
                if said.oplogEntries == nil { result.errors = ["mongorestore did not say that it applied the oplog"] }
                return result
            }
            if let counts = restored[item.namespace] { (result.restored, result.failed) = counts }
            guard let arrival = there[item.namespace] else {
                result.restored = 0
                result.errors.append("it is not on the target")
                return result
            }
            let before = item.action == .merge ? target.documents[item.namespace] ?? 0 : 0
            compare(&result, with: arrival, before: before, isAdded: item.action == .merge, tap)
            return result
        }
        blame(said, on: &namespaces)
        try account(for: tap, in: &namespaces)
        if let total = said.total {
            warnAbout(total, namespaces)
        } else {
            run.transcript.warn(
                "tools \(engine.version) do not say how many documents failed: the target was counted")
        }
        return RestoreReport(server: target.server, namespaces: namespaces, warnings: run.transcript.current.warnings)
    }

    /// An error that names no collection is about one that has failures.
    private func blame(_ said: ToolTranscript.Said, on namespaces: inout [RestoredNamespace]) {
        let failed = namespaces.indices.filter { namespaces[$0].failed > 0 }
        for index in failed {
            let namespace = namespaces[index].namespace
            let own = said.troubles[namespace.description] ?? said.troubles[namespace.buckets.description]
            namespaces[index].errors += own ?? (failed.count == 1 ? said.troubles[""] : nil) ?? []
        }
    }

    private func warnAbout(_ total: (documents: Int64, failures: Int64), _ namespaces: [RestoredNamespace]) {
        let failures = namespaces.reduce(Int64(0)) { $0 &+ $1.failed }
        guard total.failures != failures else { return }
        run.transcript.warn(
            "mongorestore counts \(total.failures) failed documents in all, and \(failures) by namespace")
    }

    /// What the target has of a namespace afterwards.
    struct Arrival: Sendable {
        /// Buckets for a time series; nil for a view, and where the server does not say.
        var documents: Int64?
        /// Whether the server removes documents by itself after a time.
        var expires: Bool
        /// Whether it does where there is no room for more.
        var isCapped: Bool
    }

    /// The target cannot have fewer documents than it had and the tool says it restored, those aside that the server
    /// itself may have removed.
    private func compare(
        _ result: inout RestoredNamespace, with arrival: Arrival, before: Int64, isAdded: Bool, _ tap: RestoreTap
    ) {
        guard let count = arrival.documents, count < before &+ result.restored else { return }
        // What the target had may expire by rules of its own, and make room in a capped collection.
        guard !isAdded || !(arrival.expires || arrival.isCapped) else {
            run.transcript.warn(
                "'\(result.namespace)' had \(before) documents and has \(count): the server removes some by itself, so "
                    + "whether \(result.restored) were added cannot be told")
            return
        }
        guard arrival.expires else {
            let were = before == 0 ? "" : ", \(before) were there before"
            result.errors.append(
                "mongorestore says that \(result.restored) documents were restored\(were), and \(count) are there")
            result.restored = min(max(0, count &- before), result.restored)
            return
        }
        // What failed may be among what stays.
        let staying = (tap.expiring[result.namespace]?.staying ?? 0) &- result.failed
        guard Self.now > tap.deadline || count >= min(staying, result.restored) else {
            result.errors.append(
                "mongorestore says that \(result.restored) documents were restored, and \(count) are there, though "
                    + "\(staying) cannot have expired")
            result.restored = count
            return
        }
        run.transcript.warn(
            "'\(result.namespace)' has \(count) of \(result.restored) documents left: its documents expire")
    }

    /// Which of the namespaces the target has.
    private func arrived() throws -> [Namespace: Arrival] {
        try interruptibly(monitor.cancellation) { [uri, request] in
            try Self.arrivals(
                of: Set(request.collections.map(\.namespace)), on: MongoConnection(uri, patience: .writing))
        }
    }

    private static func arrivals(
        of wanted: Set<Namespace>, on connection: MongoConnection
    ) throws -> [Namespace: Arrival] {
        var there: [Namespace: Arrival] = [:]
        for database in Set(wanted.map(\.database)) {
            for listed in try connection.collections(in: database) {
                let namespace = Namespace(database: database, collection: listed.name)
                guard wanted.contains(namespace) else { continue }
                let place = listed.kind == .timeseries ? namespace.buckets : namespace
                var arrival = Arrival(
                    documents: listed.kind == .view ? nil : connection.estimate(place)?.documents,
                    expires: listed.options["expireAfterSeconds"] != nil,
                    isCapped: listed.options["capped"]?.isTrue ?? false)
                if listed.kind == .collection, !arrival.expires {
                    let indexes = try connection.indexes(of: namespace) ?? []
                    arrival.expires = indexes.contains { $0["expireAfterSeconds"] != nil }
                }
                there[namespace] = arrival
            }
        }
        return there
    }

    /// The tool says nothing of users and roles: each is looked for.
    private func account(for tap: RestoreTap, in namespaces: inout [RestoredNamespace]) throws {
        let found = try interruptibly(monitor.cancellation) { [uri, tap] in
            let connection = try MongoConnection(uri, patience: .writing)
            return try tap.names.mapValues { try RestoreTap.count($0, on: connection) }
        }
        for index in namespaces.indices where namespaces[index].namespace.isUsersOrRoles {
            let namespace = namespaces[index].namespace
            namespaces[index].restored = found[namespace] ?? tap.others[namespace] ?? 0
            let missing = (tap.names[namespace]?.count ?? 0) - Int(namespaces[index].restored)
            guard missing > 0 else { continue }
            namespaces[index].failed = Int64(missing)
            namespaces[index].errors = ["\(missing) of them are not on the target"]
        }
    }
}

extension RestoreRequest {
    /// What is neither users, roles nor the oplog.
    fileprivate var collections: [RestoreNamespace] {
        namespaces.filter { !$0.namespace.isUsersOrRoles && $0.namespace != .oplog }
    }
}

/// Where the archive goes: into the tool.
private final class ToolSink: ByteSink {
    private struct Deaf: Error {}

    /// The tool does not read any more.
    private(set) var isDeaf = false

    private let process: ToolProcess
    /// Nil once there is nothing more to look at.
    private var tap: ArchiveReader<RestoreTapHandler>?
    private let check: () throws -> Void

    init(_ process: ToolProcess, _ tap: RestoreTapHandler, check: @escaping () throws -> Void) {
        self.process = process
        self.tap = ArchiveReader(handler: tap)
        self.check = check
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        if let tap {
            try tap.feed(bytes)
            if tap.handler.isDone { self.tap = nil }
        }
        isDeaf = try !process.feed(bytes, check: check)
        if isDeaf { throw Deaf() }
    }

    func finish() throws {
        try tap?.finish()
        process.closeInput()
    }
}
