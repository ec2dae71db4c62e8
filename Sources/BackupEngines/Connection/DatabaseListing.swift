internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// A collection, view or time series as `listCollections` gives it.
struct ListedCollection: Sendable {
    var name: String
    var kind: CollectionKind
    var options: BSONDocument
    /// 32 hexadecimal digits; views and time series have none.
    var uuid: String?

    init?(_ document: BSONDocument) {
        guard let name = document["name"]?.stringValue else { return nil }
        self.name = name
        kind = (document["type"]?.stringValue).flatMap(CollectionKind.init(rawValue:)) ?? .collection
        options = document["options"]?.documentValue ?? .empty
        uuid = document["info"]?.documentValue?["uuid"]?.uuidValue.map(\.hexadecimal)
    }
}

extension MongoConnection {
    /// All databases. Refused where the user may see some of them only: left to itself, the server would then name those
    /// as if they were all.
    func databaseNames() throws -> [String] {
        let command: BSONDocument = ["listDatabases": 1, "nameOnly": true, "authorizedDatabases": false]
        let reply = try run(command, on: "admin", to: "list the databases")
        return (reply["databases"]?.arrayValues ?? []).compactMap { $0.documentValue?["name"]?.stringValue }
    }

    /// Everything in one database, or the one thing of that name.
    func collections(in database: String, named name: String? = nil) throws -> [ListedCollection] {
        var command: BSONDocument = ["listCollections": 1, "cursor": [:]]
        if let name { command = ["listCollections": 1, "filter": ["name": .string(name)], "cursor": [:]] }
        return try explaining("list the collections of '\(database)'") {
            try list(command, on: database).compactMap(ListedCollection.init)
        }
    }

    func collection(_ namespace: Namespace) throws -> ListedCollection? {
        try collections(in: namespace.database, named: namespace.collection).first {
            $0.name.utf8.elementsEqual(namespace.collection.utf8)
        }
    }

    /// The index documents as they are; nil when the collection is not there (any more).
    func indexes(of namespace: Namespace) throws -> [BSONDocument]? {
        let command: BSONDocument = ["listIndexes": .string(namespace.collection), "cursor": [:]]
        return try explaining("list the indexes of '\(namespace)'") {
            do {
                return try list(command, on: namespace.database)
            } catch let error as ServerError where error.code == ServerCode.namespaceNotFound {
                return nil
            }
        }
    }

    /// Documents and bytes as the server counts them for itself; nil where it does not say.
    func estimate(_ namespace: Namespace) -> (documents: Int64, bytes: Int64)? {
        let name = BSONValue.string(namespace.collection)
        if let stats = try? run(["collStats": name], on: namespace.database), let count = stats["count"]?.asInt64 {
            return (count, stats["size"]?.asInt64 ?? 0)
        }
        let reply = try? run(["count": name], on: namespace.database)
        return (reply?["n"]?.asInt64).map { ($0, 0) }
    }
}

extension [UInt8] {
    var hexadecimal: String {
        reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
