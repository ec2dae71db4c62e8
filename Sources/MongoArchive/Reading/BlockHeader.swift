import BackupModel

/// The document before each block. The order of its fields is free; an unknown one is damage, as for `mongorestore`.
struct BlockHeader {
    let namespace: Namespace
    /// Whether this block ends its namespace.
    let isEnd: Bool
    let checksum: Int64?

    init(_ document: BSONDocument) throws(FieldError) {
        let fields = try FieldReader(document, known: ["db", "collection", "EOF", "CRC"], refusingOthers: true)
        namespace = try fields.namespace()
        isEnd = try fields.bool("EOF") ?? false
        checksum = try fields.int64("CRC")
    }

    static func document(_ namespace: Namespace, end checksum: UInt64?) -> BSONDocument {
        [
            "db": .string(namespace.database),
            "collection": .string(namespace.collection),
            "EOF": .bool(checksum != nil),
            "CRC": .int64(Int64(bitPattern: checksum ?? 0)),
        ]
    }
}
