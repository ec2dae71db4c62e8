package import BackupEngines
import BackupModel
package import MongoArchive

/// Everything of one collection that a dump and a restore must bring over.
package struct CollectionState: Equatable, Sendable {
    package var kind: CollectionKind
    package var options: BSONDocument
    /// By name: the server's order is that of building.
    package var indexes: [String: BSONDocument]
    /// The server's own hash over the documents; nil for a view.
    package var hash: String?
}

extension MongoDeployment {
    /// What a database holds, by the names of its collections.
    package func state(of database: String) throws -> [String: CollectionState] {
        let hashes = try runCommand(database, ["dbHash": 1])["collections"]?.documentValue ?? .empty
        var state: [String: CollectionState] = [:]
        for collection in try collections(in: database) {
            let indexes = collection.kind == .view ? [] : try indexes(of: collection.namespace) ?? []
            let place = collection.kind == .timeseries ? collection.namespace.buckets : collection.namespace
            state[collection.namespace.collection] = CollectionState(
                kind: collection.kind, options: collection.options,
                indexes: Dictionary(
                    indexes.map { ($0["name"]?.stringValue ?? "", $0) }, uniquingKeysWith: { first, _ in first }),
                hash: hashes[place.collection]?.stringValue)
        }
        return state
    }

    package func count(_ database: String, _ collection: String) throws -> Int64 {
        try runCommand(database, ["count": .string(collection)])["n"]?.asInt64 ?? -1
    }

    package func insert(_ documents: [BSONValue], into database: String, _ collection: String) throws {
        let reply = try runCommand(
            database,
            [
                "insert": .string(collection), "documents": .array(documents), "ordered": false,
                "bypassDocumentValidation": true,
            ], write: true)
        guard reply["writeErrors"] == nil else { throw SetupError("cannot insert: \(reply)") }
    }

    package func perform(_ database: String, _ command: BSONDocument) throws {
        _ = try runCommand(database, command, write: true)
    }
}
