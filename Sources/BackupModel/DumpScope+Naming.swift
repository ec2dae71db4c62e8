extension DumpScope {
    /// Reads a database and a collection; the collection is `NAME` beside a database, or `DATABASE.NAME` alone.
    package init(database: String?, collection: String?) throws {
        if let database {
            let name = Namespace(database: database, collection: "x")
            if database.isEmpty || name.problem != nil {
                throw BackupError(
                    .invalidName,
                    "cannot use database name '\(database.escapedForDisplay)': \(name.problem ?? "it is empty")")
            }
        }
        switch (database, collection) {
        case (nil, nil): self = .deployment
        case (let database?, nil): self = .database(database)
        case (let database?, let collection?):
            guard !collection.isEmpty else { throw BackupError(.invalidName, "cannot use an empty collection name") }
            self = .collection(Namespace(database: database, collection: collection))
        case (nil, let collection?):
            guard let namespace = Namespace(parsing: collection) else {
                throw BackupError(
                    .invalidName, "cannot use collection '\(collection.escapedForDisplay)': there is no database",
                    hint: "give --database too, or write DATABASE.COLLECTION.")
            }
            self = .collection(namespace)
        }
    }
}

extension JobSource {
    /// Refuses what no dump could take.
    package func check() throws {
        guard withUsers, case .collection = scope else { return }
        throw BackupError(
            .usage, "cannot take users along with one collection", hint: "--with-users goes with --database.")
    }
}
