internal import BackupModel
internal import MongoArchive

/// One namespace of a dump: how the archive announces it and where its documents are read.
struct DumpCollection: Sendable {
    var archived: ArchiveCollection
    /// Where the documents are; nil for a view, which has none.
    var data: Namespace?
    var filter: BSONDocument
    /// Of the collection that holds the documents, to notice that another one took its place.
    var uuid: String?

    var namespace: Namespace { archived.namespace }

    /// A collection, view or time series with its metadata. Throws when the metadata cannot be written so that it
    /// reads back the same.
    init(_ listed: ListedCollection, in database: String, uuid: String?, indexes: [BSONDocument]) throws {
        let namespace = Namespace(database: database, collection: listed.name)
        let metadata = CollectionMetadata(
            options: listed.options, indexes: indexes, uuid: listed.uuid, collectionName: listed.name,
            kind: listed.kind)
        do {
            archived = ArchiveCollection(
                namespace: namespace, kind: listed.kind, metadataJSON: try metadata.json())
        } catch {
            throw BackupError(
                .unsupported,
                "cannot write the options and indexes of '\(namespace)' to an archive: \(error)",
                hint: "exclude it with '--exclude', or change the definition so that it has no names like '$oid'.")
        }
        data = listed.kind == .view ? nil : listed.kind == .timeseries ? namespace.buckets : namespace
        filter = .empty
        self.uuid = uuid
    }

    /// Users or roles of one database, under the names that mongodump gives them.
    init(special name: String, of database: String, filter: BSONDocument) {
        archived = ArchiveCollection(
            namespace: Namespace(database: database, collection: "$admin." + name), kind: .special, metadataJSON: "")
        data = Namespace(database: "admin", collection: name)
        self.filter = filter
    }

    static func usersAndRoles(of database: String) -> [DumpCollection] {
        let own: BSONDocument = ["db": .string(database)]
        return [
            DumpCollection(special: "system.users", of: database, filter: own),
            DumpCollection(special: "system.roles", of: database, filter: own),
            DumpCollection(special: "system.version", of: database, filter: .empty),
        ]
    }
}

extension DumpCollection {
    /// The archive's order: users and roles must be complete before the first ordinary namespace, users first.
    static func precedes(_ left: DumpCollection, _ right: DumpCollection) -> Bool {
        (left.rank, left.namespace) < (right.rank, right.namespace)
    }

    private var rank: Int {
        guard namespace.isUsersOrRoles else { return 3 }
        return ["users", "roles", "version"].firstIndex { namespace.collection.hasSuffix("." + $0) } ?? 3
    }
}
