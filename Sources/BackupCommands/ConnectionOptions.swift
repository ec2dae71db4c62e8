import ArgumentParser
import BackupModel
import BackupOperations

/// How a connection string is given for a job: as it is, by a file, or by an environment variable.
struct SourceConnectionOptions: ParsableArguments {
    @Option(
        name: .customLong("uri"),
        help: "Connection string: mongodb://... or mongodb+srv://... One with a password is safer in a file.")
    var uri: String?

    @Option(name: .customLong("uri-file"), help: "File (mode 0600) whose first line is the connection string.")
    var uriFile: String?

    @Option(name: .customLong("uri-env"), help: "Environment variable with the connection string, read at run time.")
    var uriEnvironment: String?

    func given() throws -> GivenConnection? {
        try chooseOne(uri, uriFile, uriEnvironment, names: ["--uri", "--uri-file", "--uri-env"])
    }
}

/// The same for the target of a restore.
struct TargetConnectionOptions: ParsableArguments {
    @Option(name: .customLong("to"), help: "Connection string of the target.")
    var uri: String?

    @Option(name: .customLong("to-file"), help: "File (mode 0600) whose first line is the target's connection string.")
    var uriFile: String?

    @Option(name: .customLong("to-env"), help: "Environment variable with the target's connection string.")
    var uriEnvironment: String?

    func given() throws -> GivenConnection? {
        try chooseOne(uri, uriFile, uriEnvironment, names: ["--to", "--to-file", "--to-env"])
    }
}

private func chooseOne(
    _ literal: String?, _ file: String?, _ variable: String?, names: [String]
) throws -> GivenConnection? {
    let given = [
        literal.map(GivenConnection.literal), file.map(GivenConnection.file),
        variable.map(GivenConnection.environment),
    ].compactMap { $0 }
    guard given.count <= 1 else {
        throw BackupError(.usage, "cannot use more than one of \(names.joined(separator: ", "))")
    }
    return given.first
}

extension DumpScope {
    /// Reads `--database` and `--collection`; a collection is `NAME` beside a database, or `DATABASE.NAME` alone.
    init(database: String?, collection: String?) throws {
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

/// A length of time as it is typed, in seconds.
struct DurationArgument: ExpressibleByArgument {
    let seconds: Int

    init?(argument: String) {
        guard let seconds = DurationText.seconds(argument) else { return nil }
        self.seconds = seconds
    }
}
