import Foundation

@testable import BackupEngines
import BackupModel
import MongoArchive

/// Everything of one database that a dump and restore must bring over.
struct CollectionState: Equatable {
    var kind: CollectionKind
    var options: BSONDocument
    /// By name: the server's order is that of building.
    var indexes: [String: BSONDocument]
    /// Over the documents; nil for a view.
    var hash: String?
}

extension [BSONDocument] {
    /// Index definitions without their version, which a restore brings up to date; the order of options means nothing.
    var byName: [String: BSONDocument] {
        let normal = map { index in
            BSONDocument(index.elements.filter { $0.key != "v" }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
        return Dictionary(
            normal.map { ($0["name"]?.stringValue ?? "", $0) }, uniquingKeysWith: { first, _ in first })
    }
}

extension TestServer {
    func state(of database: String) throws -> [String: CollectionState] {
        let deployment = try deployment()
        let hashes = try deployment.runCommand(database, ["dbHash": 1])["collections"]?.documentValue ?? .empty
        var state: [String: CollectionState] = [:]
        for collection in try deployment.collections(in: database) {
            let indexes = collection.kind == .view ? [] : try deployment.indexes(of: collection.namespace) ?? []
            let place = collection.kind == .timeseries ? collection.namespace.buckets : collection.namespace
            state[collection.namespace.collection] = CollectionState(
                kind: collection.kind, options: collection.options,
                indexes: indexes.byName,
                hash: hashes[place.collection]?.stringValue)
        }
        return state
    }

    func insert(_ documents: [BSONDocument], into namespace: Namespace) throws {
        let connection = try connect()
        let outcome = try documents.flatMap(\.bytes).withUnsafeBytes {
            try connection.insert($0, count: documents.count, into: namespace, options: ["validate": false])
        }
        guard outcome.failures.isEmpty else {
            throw BackupError(.failed, outcome.failures.first?.message ?? "insert failed")
        }
    }

    func count(_ namespace: Namespace) throws -> Int64 {
        let reply = try deployment().runCommand(namespace.database, ["count": .string(namespace.collection)])
        return reply["n"]?.asInt64 ?? -1
    }

    func run(_ database: String, _ command: BSONDocument) throws {
        _ = try deployment().runCommand(database, command, write: true)
    }
}

/// Names that one test has for itself.
func scratchDatabase(_ name: String = #function) -> String {
    let plain = name.prefix { $0 != "(" }.prefix(28)
    return "t_\(plain)_\(UInt32.random(in: 0...UInt32.max))"
}
