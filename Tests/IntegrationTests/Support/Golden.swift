import BackupTestSupport
import Foundation
import MongoArchive

/// What the server said of a golden archive's data when it was dumped.
struct Golden {
    struct Name: Hashable, CustomStringConvertible {
        var database: String
        var collection: String
        var description: String { "\(database).\(collection)" }
    }

    struct Expectation {
        var hash: String?
        var indexes: Set<String>
    }

    /// Before the name of a time series in the name of its buckets, which the hash is over.
    static let buckets = "system.buckets."

    private(set) var namespaces: [Name: Expectation] = [:]

    init(_ name: String) throws {
        let text = try String(contentsOfFile: GoldenArchives.path(name + ".json"), encoding: .utf8)
        let described = try ExtendedJSON.parse(text)["namespaces"]?.documentValue ?? .empty
        for (name, entry) in described.elements {
            guard let dot = name.firstIndex(of: "."), let entry = entry.documentValue else { continue }
            let indexes = (entry["indexes"]?.arrayValues ?? []).compactMap { $0.documentValue?["name"]?.stringValue }
            let name = Name(database: String(name[..<dot]), collection: String(name[name.index(after: dot)...]))
            namespaces[name] = Expectation(hash: entry["dbhash_md5"]?.stringValue, indexes: Set(indexes))
        }
    }

    func hash(of name: Name) -> String? {
        let buckets = Name(database: name.database, collection: Self.buckets + name.collection)
        return namespaces[buckets]?.hash ?? namespaces[name]?.hash
    }
}
