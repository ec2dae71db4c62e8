internal import BackupModel

/// Which namespaces a dump takes: those that mongodump takes (`ARCHIVE-FORMAT.md`, A6), no more and no fewer.
enum DumpRules {
    private static let configCollections: Set<String> = [
        "chunks", "collections", "databases", "settings", "shards", "tags", "version",
    ]
    private static let usersAndRoles: Set<String> = ["system.users", "system.roles", "system.version"]

    /// Databases of a whole deployment. `local` is that server's own; the internal ones are nobody's data.
    static func takes(database: String) -> Bool {
        database != "local" && !database.utf8.starts(with: "__mdb_internal".utf8)
    }

    /// Collections of one database, whether it is read for itself or as part of a deployment.
    static func takes(_ namespace: Namespace, in scope: DumpScope) -> Bool {
        let name = namespace.collection
        if case .collection = scope { return !name.utf8.starts(with: Namespace.bucketsPrefix.utf8) }
        if namespace.database == "config" {
            return scope == .database("config")
                ? !name.utf8.starts(with: "system.".utf8) : configCollections.contains(name)
        }
        if name == "system.js" || (namespace.database == "admin" && usersAndRoles.contains(name)) { return true }
        guard !name.utf8.starts(with: "system.".utf8) else { return false }
        return !name.utf8.contains(UInt8(ascii: "$")) || name.contains(".oplog.$")
    }
}
