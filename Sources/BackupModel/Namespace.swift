/// A collection, view or time series of one deployment: `database.collection`.
///
/// Equality is by bytes of the two names. A database name has no dot, so the first dot of the written form divides
/// the two; collection names may hold further dots.
package struct Namespace: Hashable, Sendable, Codable {
    package var database: String
    package var collection: String

    package init(database: String, collection: String) {
        self.database = database
        self.collection = collection
    }

    /// Reads `database.collection`; nil when there is no dot or one of the two parts is empty.
    package init?(parsing text: String) {
        let bytes = text.utf8
        guard let dot = bytes.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        let database = String(text[..<dot])
        let collection = String(text[bytes.index(after: dot)...])
        guard !database.isEmpty, !collection.isEmpty else { return nil }
        self.init(database: database, collection: collection)
    }

    // Swift compares strings by canonical equivalence; MongoDB by bytes: 'é' composed and decomposed are two names.
    package static func == (left: Namespace, right: Namespace) -> Bool {
        left.database.utf8.elementsEqual(right.database.utf8)
            && left.collection.utf8.elementsEqual(right.collection.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in database.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0))
        for byte in collection.utf8 { hasher.combine(byte) }
    }
}

extension Namespace: CustomStringConvertible {
    package var description: String { "\(database).\(collection)" }
}

extension Namespace: Comparable {
    package static func < (left: Namespace, right: Namespace) -> Bool {
        if left.database.utf8.elementsEqual(right.database.utf8) {
            return left.collection.utf8.lexicographicallyPrecedes(right.collection.utf8)
        }
        return left.database.utf8.lexicographicallyPrecedes(right.database.utf8)
    }
}

extension Namespace {
    /// The prefix of the collection that holds the raw buckets of a time series (servers before 8.3).
    package static let bucketsPrefix = "system.buckets."

    /// The time series that this bucket collection belongs to, or nil when it is not one.
    package var timeSeriesOfBuckets: Namespace? {
        guard collection.utf8.starts(with: Self.bucketsPrefix.utf8) else { return nil }
        return Namespace(database: database, collection: String(collection.dropFirst(Self.bucketsPrefix.count)))
    }

    /// The bucket collection of a time series of this name.
    package var buckets: Namespace { Namespace(database: database, collection: Self.bucketsPrefix + collection) }
}
