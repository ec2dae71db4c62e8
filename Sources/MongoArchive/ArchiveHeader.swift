/// The first document of an archive. Every field may be missing.
package struct ArchiveHeader: Sendable, Equatable {
    /// How many namespaces may be open at once; `mongorestore` hangs when there are more. Nothing to allocate by.
    package var concurrentCollections: Int32?
    /// Of the format; "0.1" in every release, and looked at by nobody.
    package var version: String?
    package var serverVersion: String?
    package var toolVersion: String?

    package init(
        concurrentCollections: Int32? = 1, version: String? = "0.1", serverVersion: String?, toolVersion: String?
    ) {
        self.concurrentCollections = concurrentCollections
        self.version = version
        self.serverVersion = serverVersion
        self.toolVersion = toolVersion
    }
}

extension ArchiveHeader {
    /// Whether `mongorestore` since 100.16.0 would read on: it wants x.y.z, with or without a suffix.
    package var hasServerVersionForMongorestore: Bool {
        serverVersion.map { Self.numbers($0) >= 3 } ?? false
    }

    /// Missing, "" and "unknown" (what mongodump writes when it could not ask) are honest; so is a short x.y. Anything
    /// else that is not a version is damage.
    var hasCredibleServerVersion: Bool {
        guard let serverVersion, !serverVersion.isEmpty, serverVersion != "unknown" else { return true }
        return Self.numbers(serverVersion) >= 2
    }

    /// How many of the leading three parts between dots are numbers; the third may have a suffix after '-' or '+'.
    private static func numbers(_ version: String) -> Int {
        let parts = version.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        var count = 0
        for (index, part) in parts.enumerated() {
            let number = index == 2 ? part.prefix { $0 != "-" && $0 != "+" } : part
            guard !number.isEmpty, number.utf8.count <= 9, number.utf8.allSatisfy({ (48...57).contains($0) }) else {
                return index == 2 ? 0 : count
            }
            count += 1
        }
        return count
    }
}

extension ArchiveHeader {
    init(_ document: BSONDocument) throws(FieldError) {
        let fields = try FieldReader(
            document, known: ["concurrent_collections", "version", "server_version", "tool_version"])
        concurrentCollections = try fields.int32("concurrent_collections")
        version = try fields.string("version")
        serverVersion = try fields.string("server_version")
        toolVersion = try fields.string("tool_version")
        guard hasCredibleServerVersion else {
            throw FieldError("has '\(serverVersion ?? "")' for the server's version")
        }
    }

    var document: BSONDocument {
        var builder = BSONBuilder()
        if let concurrentCollections { builder.append("concurrent_collections", .int32(concurrentCollections)) }
        if let version { builder.append("version", .string(version)) }
        if let serverVersion { builder.append("server_version", .string(serverVersion)) }
        if let toolVersion { builder.append("tool_version", .string(toolVersion)) }
        return builder.build()
    }
}
