package import BackupModel

/// What a namespace of the archive is.
package enum CollectionKind: String, Sendable, Codable {
    case collection, view, timeseries
    /// The oplog, and users and roles of one database.
    case special = ""
}

/// One namespace as the prelude announces it.
package struct ArchiveCollection: Sendable, Equatable {
    package var namespace: Namespace
    /// Nil when there is no type: tools up to 4.2.
    package var kind: CollectionKind?
    /// The text as it stands in the archive; "" for none.
    package var metadataJSON: String

    package init(namespace: Namespace, kind: CollectionKind?, metadataJSON: String) {
        self.namespace = namespace
        self.kind = kind
        self.metadataJSON = metadataJSON
    }

    package static func == (left: ArchiveCollection, right: ArchiveCollection) -> Bool {
        left.namespace == right.namespace && left.kind == right.kind
            && left.metadataJSON.utf8.elementsEqual(right.metadataJSON.utf8)
    }

    /// Options and indexes; nil when the archive has none for this namespace.
    package func metadata() throws -> CollectionMetadata? {
        guard !metadataJSON.isEmpty else { return nil }
        return try CollectionMetadata(ExtendedJSON.parse(metadataJSON))
    }
}

extension ArchiveCollection {
    /// The kind, guessed from name and options where the archive does not say.
    ///
    /// `timeseries` without a `kind` is a dump by tools up to 4.2: its documents are measurements, not buckets.
    package func effectiveKind() throws -> CollectionKind {
        if let kind { return kind }
        if namespace == .oplog || namespace.isUsersOrRoles && namespace.database != "admin" { return .special }
        let options = try metadata()?.options ?? .empty
        if options["viewOn"] != nil { return .view }
        return options["timeseries"] != nil ? .timeseries : .collection
    }

    init(_ document: BSONDocument) throws(FieldError) {
        let fields = try FieldReader(document, known: ["db", "collection", "metadata", "size", "type"])
        let namespace = try fields.namespace()
        // Always 0, and of no use; but something else than a number is damage.
        _ = try fields.number("size")
        let type = try fields.string("type")
        let kind = type.flatMap { CollectionKind(rawValue: $0) }
        guard kind != nil || type == nil else { throw FieldError("has the unknown type '\(type ?? "")'") }
        self.init(namespace: namespace, kind: kind, metadataJSON: try fields.string("metadata") ?? "")
    }

    /// As mongodump writes it.
    var document: BSONDocument {
        var builder = BSONBuilder()
        builder.append("db", .string(namespace.database))
        builder.append("collection", .string(namespace.collection))
        builder.append("metadata", .string(metadataJSON))
        builder.append("size", .int32(0))
        if let kind { builder.append("type", .string(kind.rawValue)) }
        return builder.build()
    }
}
