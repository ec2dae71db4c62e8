/// How a collection is made again: the content of its metadata.
package struct CollectionMetadata: Sendable, Equatable {
    package var options: BSONDocument
    /// As `listIndexes` gives them, the one on `_id` included.
    package var indexes: [BSONDocument]
    /// 32 hexadecimal digits; nil for views, "" in dumps of 4.2.
    package var uuid: String?
    package var collectionName: String?
    package var kind: CollectionKind?

    package init(
        options: BSONDocument = .empty, indexes: [BSONDocument] = [], uuid: String? = nil,
        collectionName: String? = nil, kind: CollectionKind? = nil
    ) {
        self.options = options
        self.indexes = indexes
        self.uuid = uuid
        self.collectionName = collectionName
        self.kind = kind
    }
}

/// Metadata that is JSON but not of this shape.
package struct MetadataError: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var description: String { message }
}

extension CollectionMetadata {
    /// Unknown fields are ignored; null counts as missing.
    init(_ document: BSONDocument) throws(MetadataError) {
        self.init()
        for (key, value) in document.elements where value != .null {
            switch key {
            case "options": options = try Self.require(value.documentValue, key, "a document")
            case "indexes":
                let values = try Self.require(value.arrayValues, key, "an array")
                indexes = []
                for value in values { indexes.append(try Self.require(value.documentValue, key, "documents")) }
            case "uuid": uuid = try Self.require(value.stringValue, key, "a string")
            case "collectionName": collectionName = try Self.require(value.stringValue, key, "a string")
            case "type":
                let text = try Self.require(value.stringValue, key, "a string")
                kind = try Self.require(CollectionKind(rawValue: text), key, "a known type")
            default: break
            }
        }
    }

    private static func require<Value>(
        _ value: Value?, _ key: String, _ expected: String
    ) throws(MetadataError) -> Value {
        guard let value else { throw MetadataError(message: "metadata field '\(key)' is not \(expected)") }
        return value
    }

    /// The text for the archive. Throws when an option would not read back as the same bytes: names that look like
    /// Extended JSON's own (`$oid` in a view's `$literal`), strings that are not UTF-8.
    package func json() throws -> String {
        var builder = BSONBuilder()
        if !options.isEmpty { builder.append("options", .document(options)) }
        builder.append("indexes", .array(indexes.map { .document($0) }))
        if let uuid { builder.append("uuid", .string(uuid)) }
        if let collectionName { builder.append("collectionName", .string(collectionName)) }
        if let kind { builder.append("type", .string(kind.rawValue)) }
        return try ExtendedJSON.reversible(builder.build())
    }
}
