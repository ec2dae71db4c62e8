internal import BackupModel
internal import MongoArchive

/// Finds out what a dump takes: names first, then options, indexes and ids.
struct DumpCatalogReader {
    let connection: MongoConnection
    let request: DumpRequest
    let server: ServerDescription
    let check: () throws -> Void
    let warn: (String) throws -> Void

    /// In the archive's order. Throws `sourceNotFound` for a database or collection that is not there.
    func collections() throws -> [DumpCollection] {
        var found: [DumpCollection] = []
        switch request.scope {
        case .deployment:
            for database in try connection.databaseNames().sorted() where DumpRules.takes(database: database) {
                found += try collections(of: database)
            }
        case .database(let database):
            try requireDatabase(database)
            found = try collections(of: database)
            if request.withUsers, database != "admin" { found += DumpCollection.usersAndRoles(of: database) }
        case .collection(let namespace):
            found = [try collection(namespace)]
        }
        guard !found.isEmpty || request.allowEmpty else { throw emptySource() }
        return found.sorted(by: DumpCollection.precedes)
    }

    /// What a dump takes, by name only, users and roles of one database aside. Throws as `collections` does.
    func names() throws -> [Named] {
        switch request.scope {
        case .deployment: break
        case .database(let database): try requireDatabase(database)
        case .collection(let namespace): return [try named(namespace)]
        }
        let found = try namesIfThere()
        guard !found.isEmpty || request.allowEmpty else { throw emptySource() }
        return found
    }

    /// The same of what is there, be it nothing.
    func namesIfThere() throws -> [Named] {
        let databases: [String]
        switch request.scope {
        case .deployment: databases = try connection.databaseNames().filter(DumpRules.takes(database:))
        case .database(let database): databases = [database]
        case .collection(let namespace):
            return try connection.collection(namespace).map { [Named(namespace: namespace, kind: $0.kind)] } ?? []
        }
        return try databases.flatMap { database in
            try check()
            return try connection.collections(in: database).compactMap { listed -> Named? in
                let namespace = Namespace(database: database, collection: listed.name)
                let isTaken = DumpRules.takes(namespace, in: request.scope) && request.selection.contains(namespace)
                return isTaken ? Named(namespace: namespace, kind: listed.kind) : nil
            }
        }
    }

    struct Named: Sendable {
        var namespace: Namespace
        var kind: CollectionKind
    }

    private func named(_ namespace: Namespace) throws -> Named {
        guard DumpRules.takes(namespace, in: request.scope) else { throw bucketsAlone(namespace) }
        guard let listed = try connection.collection(namespace) else { throw missing(namespace) }
        // The tool would dump the view without the documents that were asked for.
        guard listed.kind != .view || request.options.query == nil else {
            throw BackupError(
                .unsupported, "cannot dump a part of '\(namespace)': it is a view, not a collection",
                hint: "dump a part of the collection that it is a view on.")
        }
        return Named(namespace: namespace, kind: listed.kind)
    }

    private func collections(of database: String) throws -> [DumpCollection] {
        try check()
        let listed = try connection.collections(in: database)
        let ids = Dictionary(listed.map { (NameKey($0.name), $0.uuid) }, uniquingKeysWith: { first, _ in first })
        return try listed.compactMap { collection in
            let namespace = Namespace(database: database, collection: collection.name)
            guard DumpRules.takes(namespace, in: request.scope), request.selection.contains(namespace) else {
                return nil
            }
            try check()
            let buckets = collection.kind == .timeseries ? ids[NameKey(namespace.buckets.collection)] : nil
            return try dumpCollection(collection, in: database, uuid: collection.uuid ?? buckets ?? nil)
        }
    }

    private func collection(_ namespace: Namespace) throws -> DumpCollection {
        guard DumpRules.takes(namespace, in: request.scope) else { throw bucketsAlone(namespace) }
        guard let listed = try connection.collection(namespace) else { throw missing(namespace) }
        let buckets = listed.kind == .timeseries ? try connection.collection(namespace.buckets)?.uuid : nil
        let found = try dumpCollection(listed, in: namespace.database, uuid: listed.uuid ?? buckets)
        guard var found else {
            throw BackupError(.sourceChanged, "cannot dump '\(namespace)': it was dropped just now")
        }
        if let query = request.options.query { found.filter = try filter(query, for: listed, namespace) }
        return found
    }

    private func dumpCollection(
        _ listed: ListedCollection, in database: String, uuid: String?
    ) throws -> DumpCollection? {
        let namespace = Namespace(database: database, collection: listed.name)
        if listed.kind == .timeseries, server.hasViewlessTimeSeries {
            throw BackupError(
                .unsupported,
                "cannot dump time series '\(namespace)' from MongoDB \(server.version): its buckets cannot be read there",
                hint: "use engine 'mongodump' with a version of the tools from 100.13 on, or exclude it.")
        }
        let indexes = listed.kind == .view ? [] : try connection.indexes(of: namespace)
        guard let indexes else {
            try warn("'\(namespace)' was dropped before it could be read, and is not in the archive")
            return nil
        }
        return try DumpCollection(listed, in: database, uuid: uuid, indexes: indexes)
    }

    private func filter(_ query: String, for listed: ListedCollection, _ namespace: Namespace) throws -> BSONDocument {
        guard listed.kind == .collection else {
            throw BackupError(
                .unsupported, "cannot dump a part of '\(namespace)': it is a \(listed.kind.rawValue), not a collection",
                hint: "use --engine mongodump for a part of a time series.")
        }
        do {
            return try ExtendedJSON.parse(query)
        } catch {
            throw BackupError(.usage, "cannot read the query of '\(namespace)': \(error)")
        }
    }

    private func bucketsAlone(_ namespace: Namespace) -> BackupError {
        BackupError(
            .unsupported, "cannot dump '\(namespace)' by itself: it holds the buckets of a time series",
            hint: "dump '\(namespace.timeSeriesOfBuckets ?? namespace)' instead.")
    }

    private func missing(_ namespace: Namespace) -> BackupError {
        BackupError(
            .sourceNotFound, "cannot dump '\(namespace)': there is no such collection on '\(server.host)'",
            hint: "names are case-sensitive; 'mongosh' lists them with 'show collections'.")
    }

    private func requireDatabase(_ database: String) throws {
        guard try connection.collections(in: database).isEmpty, !request.allowEmpty else { return }
        throw BackupError(
            .sourceNotFound, "cannot dump database '\(database)': there is no such database on '\(server.host)'",
            hint: "database names are case-sensitive; 'mongosh' lists them with 'show dbs'.")
    }

    private func emptySource() -> BackupError {
        BackupError(
            .emptySource, "cannot make a dump of nothing: no namespace on '\(server.host)' is selected",
            hint: "look at the patterns of '--include' and '--exclude', and at what this user may see.")
    }
}

/// A name compared by its bytes.
struct NameKey: Hashable {
    private let bytes: [UInt8]

    init(_ name: String) {
        bytes = Array(name.utf8)
    }
}

extension ServerDescription {
    /// From 8.3 on a time series has no bucket collection that could be read by its name.
    var hasViewlessTimeSeries: Bool { !versionNumbers.lexicographicallyPrecedes([8, 3]) }

    /// Major, minor, patch; empty for a version that is none.
    var versionNumbers: [Int] {
        let numbers = version.split(whereSeparator: { "-+".contains($0) }).first?.split(separator: ".") ?? []
        return numbers.prefix(3).compactMap { Int($0) }
    }
}
