internal import BackupModel
internal import MongoArchive

/// What lets the server remove a document by itself: a TTL index, a clustered collection or a time series that expires.
///
/// Used for a lower bound of what must be there after a restore, so every doubt counts as "may have expired".
struct ExpiryRule: Sendable {
    private let path: [String]
    private let milliseconds: Int64
    /// Whether a value that is no date keeps the document for ever, as it does for TTL indexes.
    private let othersStay: Bool

    /// The rules of a collection as the archive or the server has it.
    static func all(options: BSONDocument, indexes: [BSONDocument]) -> [ExpiryRule] {
        var rules = indexes.compactMap { index -> ExpiryRule? in
            guard let seconds = index["expireAfterSeconds"], index["clustered"] == nil,
                let key = Array((index["key"]?.documentValue ?? .empty).elements).first?.key
            else { return nil }
            return ExpiryRule(key, after: seconds, othersStay: true)
        }
        if let seconds = options["expireAfterSeconds"] {
            let field = options["timeseries"]?.documentValue?["timeField"]?.stringValue.map { "control.max." + $0 }
            rules.append(ExpiryRule(field ?? "_id", after: seconds, othersStay: false))
        }
        return rules
    }

    private init(_ path: String, after seconds: BSONValue, othersStay: Bool) {
        self.path = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let (product, overflow) = (seconds.asInt64 ?? 0).multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? 0 : product
        self.othersStay = othersStay
    }

    /// `milliseconds` since 1970.
    func mayHaveExpired(_ document: BSONDocument, by milliseconds: Int64) -> Bool {
        // Partial indexes expire fewer documents, never more.
        let values = Self.values(of: .document(document), at: path[...])
        guard !values.isEmpty || othersStay else { return true }
        return values.contains { value in
            guard let date = value.dateTimeValue else { return !othersStay }
            let (end, overflow) = date.addingReportingOverflow(self.milliseconds)
            return !overflow && end <= milliseconds
        }
    }

    /// All that an index on the path would have: arrays are looked into at each step.
    private static func values(of value: BSONValue, at path: ArraySlice<String>) -> [BSONValue] {
        guard let name = path.first else { return value.arrayValues ?? [value] }
        let inner = value.documentValue?[name].map { values(of: $0, at: path.dropFirst()) } ?? []
        guard case .array(let array) = value else { return inner }
        let indexed = array[name].map { values(of: $0, at: path.dropFirst()) } ?? []
        return indexed
            + array.elements.filter { $0.value.documentValue != nil }.flatMap { values(of: $0.value, at: path) }
    }
}
