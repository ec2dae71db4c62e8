package import BackupModel
package import MongoArchive

/// A deployment as plans, checks and tests see it: what is there, and single commands. One thread at a time.
package final class MongoDeployment {
    let connection: MongoConnection

    /// Does not connect yet. `uri` is a secret.
    package init(uri: String) throws {
        connection = try MongoConnection(try MongoURI(uri), patience: .reading)
    }

    /// Connects; throws `serverUnreachable`, `authenticationFailed` or `notAuthorized` in the words of a person.
    package func describe() throws -> ServerDescription { try connection.describe() }

    /// Connects, authenticates, and has the server answer.
    package func ping() throws {
        _ = try connection.run(["ping": 1], on: "admin", to: "reach the server")
    }

    package func databases() throws -> [String] { try connection.databaseNames() }

    /// What `listCollections` shows of a database, sorted by name; the buckets of time series are left out.
    package func collections(in database: String) throws -> [DeployedCollection] {
        try connection.collections(in: database)
            .map { DeployedCollection($0, in: database) }
            .filter { $0.namespace.timeSeriesOfBuckets == nil && $0.namespace.collection != "system.views" }
            .sorted { $0.namespace < $1.namespace }
    }

    package func collection(_ namespace: Namespace) throws -> DeployedCollection? {
        try connection.collection(namespace).map { DeployedCollection($0, in: namespace.database) }
    }

    /// The documents of `listIndexes`; nil when there is no such collection. A view has none.
    package func indexes(of namespace: Namespace) throws -> [BSONDocument]? { try connection.indexes(of: namespace) }

    /// The server's own quick count, of buckets for a time series; nil where it does not say.
    package func estimatedCount(_ collection: DeployedCollection) -> Int64? {
        guard collection.kind != .view else { return 0 }
        let place = collection.kind == .timeseries ? collection.namespace.buckets : collection.namespace
        return connection.estimate(place)?.documents
    }

    /// Runs one command where the URI's read preference says (`write`: on the primary) and gives the reply.
    package func runCommand(
        _ database: String, _ command: BSONDocument, write: Bool = false
    ) throws -> BSONDocument {
        let name = command.keys.first ?? ""
        return try connection.run(
            command, on: database, as: write ? .write : .read, to: "run '\(name)' on '\(database)'")
    }

    /// All documents of a command that answers with a cursor.
    package func runCursorCommand(_ database: String, _ command: BSONDocument) throws -> [BSONDocument] {
        let name = command.keys.first ?? ""
        return try connection.explaining("run '\(name)' on '\(database)'") {
            try connection.list(command, on: database)
        }
    }

    package func drop(_ namespace: Namespace) throws {
        _ = try connection.run(
            ["drop": .string(namespace.collection)], on: namespace.database, as: .write, to: "drop '\(namespace)'")
    }

    package func dropDatabase(_ database: String) throws {
        _ = try connection.run(
            ["dropDatabase": 1], on: database, as: .write, to: "drop database '\(database)'")
    }
}

/// A collection, view or time series that is there now.
package struct DeployedCollection: Sendable, Hashable {
    package var namespace: Namespace
    package var kind: CollectionKind
    package var options: BSONDocument
    package var uuid: String?

    init(_ listed: ListedCollection, in database: String) {
        namespace = Namespace(database: database, collection: listed.name)
        kind = listed.kind
        options = listed.options
        uuid = listed.uuid
    }
}
