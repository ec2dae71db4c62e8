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

/// A length of time as it is typed, in seconds.
struct DurationArgument: ExpressibleByArgument {
    let seconds: Int

    init?(argument: String) {
        guard let seconds = DurationText.seconds(argument) else { return nil }
        self.seconds = seconds
    }
}
