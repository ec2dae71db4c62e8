internal import BackupModel
internal import Foundation
internal import MongoArchive

/// Makes of an index as an archive has it the definition that `createIndexes` takes today.
enum IndexDefinition {
    /// The definitions to build, in order, without those that come with the collection itself.
    static func restorable(_ indexes: [BSONDocument], of collection: CollectionMetadata) -> [BSONDocument] {
        let hasCollation = hasDefaultCollation(collection.options)
        var made: [BSONDocument] = []
        for index in indexes where !comesWithCollection(index) {
            let key = convertedKey(index["key"]?.documentValue ?? .empty)
            let definition = definition(index, key: key.document, hasDefaultCollation: hasCollation)
            // `{a: true}` and `{a: 1}` were two indexes once, and are one now.
            let isRepetition = key.isConverted && made.contains { $0["key"] == definition["key"] }
            if !isRepetition { made.append(definition) }
        }
        return made
    }

    /// The default index on `_id`, and the one that a clustered collection is.
    static func comesWithCollection(_ index: BSONDocument) -> Bool {
        if index["clustered"]?.isTrue ?? false { return true }
        guard index["partialFilterExpression"] == nil else { return false }
        let key = Array((index["key"]?.documentValue ?? .empty).elements)
        guard key.count == 1, key[0].key == "_id" else { return false }
        return convertedValue(key[0].value)?.asDouble == 1 || key[0].value.asDouble == 1
    }

    /// What `create` is told of the index on `_id`: its collation must be the collection's. Nil when there is nothing
    /// to tell.
    static func identifierIndex(_ indexes: [BSONDocument]) -> BSONDocument? {
        guard let index = indexes.first(where: { $0["name"]?.stringValue == "_id_" }),
            let collation = index["collation"], !isSimple(collation)
        else { return nil }
        return ["key": ["_id": 1], "name": "_id_", "collation": collation]
    }

    private static func definition(
        _ index: BSONDocument, key: BSONDocument, hasDefaultCollation: Bool
    ) -> BSONDocument {
        var builder = BSONBuilder()
        builder.append("key", .document(key))
        // Without it the index would take the collection's collation, which it did not have.
        let isSimplified = hasDefaultCollation && index["collation"] == nil
        if index["name"]?.stringValue == nil { builder.append("name", .string(name(for: key))) }
        for (name, value) in index.elements {
            switch name {
            // The server writes the namespace itself and builds its current version.
            case "key", "ns", "v": continue
            case "name" where value.stringValue == nil: continue
            case "expireAfterSeconds" where value.asDouble?.isNaN ?? false:
                builder.append(name, .int32(.max))
            default: builder.append(name, value)
            }
        }
        if isSimplified { builder.append("collation", ["locale": "simple"]) }
        return builder.build()
    }

    private static func name(for key: BSONDocument) -> String {
        key.elements.map { name, value in
            let direction = value.stringValue ?? value.asInt64.map { String($0) } ?? "1"
            return "\(name)_\(direction)"
        }.joined(separator: "_")
    }

    static func hasDefaultCollation(_ options: BSONDocument) -> Bool {
        options["collation"].map { !isSimple($0) } ?? false
    }

    private static func isSimple(_ collation: BSONValue) -> Bool {
        collation.documentValue?["locale"]?.stringValue == "simple"
    }
}

// Key values of servers before 3.4, which took anything that was not negative for 1.
extension IndexDefinition {
    static func convertedKey(_ key: BSONDocument) -> (document: BSONDocument, isConverted: Bool) {
        var builder = BSONBuilder()
        var isConverted = false
        for (name, value) in key.elements {
            let converted = convertedValue(value)
            if converted != nil { isConverted = true }
            builder.append(name, converted ?? value)
        }
        return (isConverted ? builder.build() : key, isConverted)
    }

    /// Nil when the value stays.
    static func convertedValue(_ value: BSONValue) -> BSONValue? {
        switch value {
        case .int32(let number): number == 0 ? 1 : nil
        case .int64(let number): number == 0 ? 1 : nil
        case .double(let number): abs(number) < 1e-9 ? (number >= 0 ? 1 : -1) : nil
        case .string(let text): text.isEmpty ? 1 : nil
        case .decimal128(let bytes): isZero(decimal: bytes) ? 1 : nil
        default: 1
        }
    }

    // All digits of the coefficient are zero; what is left of the bits are sign and exponent.
    private static func isZero(decimal bytes: [UInt8]) -> Bool {
        guard bytes.count == 16 else { return false }
        let isFinite = bytes[15] & 0x78 != 0x78
        return isFinite && bytes[..<14].allSatisfy { $0 == 0 } && bytes[14] & 0x01 == 0
    }
}
