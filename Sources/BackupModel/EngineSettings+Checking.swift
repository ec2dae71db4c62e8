extension EngineSettings {
    /// Refuses what no run could do, when the job is made. `withUsers` and `scope` are the job's.
    package func check(engine: EngineChoice, scope: DumpScope, withUsers: Bool) throws {
        try place.check(engine: engine)
        try dump.check(scope: scope)
        try effort.check()
        guard engine == .builtin, let name = optionForToolsOnly else { return }
        throw BackupError(
            .usage, "cannot use \(name) with engine 'builtin': it is an option of mongodump",
            hint: "choose --engine mongodump or --engine docker, or leave it out.")
    }

    /// The first setting that the built-in engine does not know.
    package var optionForToolsOnly: String? {
        if dump.oplog { return "--oplog" }
        if !dump.extraArguments.isEmpty { return "--extra-tool-arg" }
        return place.option
    }
}

extension LoadOptions {
    /// `renames`, `isPart` and `existing` are the restore's.
    package func check(engine: EngineChoice, place: ToolPlace, existing: ExistingPolicy, choice: RestoreChoice) throws {
        try place.check(engine: engine)
        try ToolArguments.check(extraArguments)
        for (name, number) in [
            ("--parallel-collections", parallelCollections), ("--insertion-workers", insertionWorkers),
        ] { try requireCount(number, name) }
        if let writeConcern { _ = try WriteConcern(writeConcern) }
        if preservesUUID {
            guard existing == .drop else {
                throw BackupError(.usage, "cannot use --preserve-uuid without --existing drop")
            }
            // mongorestore renames the original instead (`ARCHIVE-FORMAT.md`, B6).
            guard choice.mapping.isIdentity else {
                throw BackupError(
                    .usage, "cannot use --preserve-uuid with renaming: the original would lose its documents")
            }
        }
        if replaysOplog {
            guard choice.mapping.isIdentity, choice.selection.isEverything else {
                throw BackupError(
                    .usage, "cannot use --oplog-replay with a selection or with renaming: an oplog is about everything")
            }
        }
        guard engine == .builtin, let name = optionForToolsOnly ?? place.option else { return }
        throw BackupError(
            .usage, "cannot use \(name) with engine 'builtin': it is an option of mongorestore",
            hint: "choose --engine mongodump or --engine docker, or leave it out.")
    }

    /// The first option that the built-in engine does not know.
    package var optionForToolsOnly: String? {
        if replaysOplog { return "--oplog-replay" }
        if preservesUUID { return "--preserve-uuid" }
        if maintainsOrder { return "--maintain-insertion-order" }
        if parallelCollections != nil { return "--parallel-collections" }
        return extraArguments.isEmpty ? nil : "--extra-tool-arg"
    }
}

extension ToolPlace {
    /// The first setting that is there.
    var option: String? {
        if toolsDirectory != nil { return "--tools-dir" }
        if image != nil { return "--image or --mongo-version" }
        if runtime != nil { return "--container-runtime" }
        return network == nil ? nil : "--container-network"
    }

    func check(engine: EngineChoice) throws {
        if engine == .docker {
            guard let image else {
                throw BackupError(
                    .usage, "cannot use engine 'docker' without an image",
                    hint: "give --mongo-version, for example 8.0, or --image.")
            }
            guard toolsDirectory == nil else {
                throw BackupError(.usage, "cannot use --tools-dir with engine 'docker': its tools are in the image")
            }
            try Self.requireReference(image, "--image")
        } else if isContainer {
            throw BackupError(
                .usage,
                "cannot use \(ToolPlace(image: image, runtime: runtime, network: network).option ?? "an image") "
                    + "with engine '\(engine.rawValue)'", hint: "choose --engine docker.")
        }
        if let network { try Self.requireReference(network, "--container-network") }
        if let toolsDirectory, !toolsDirectory.hasPrefix("/") {
            throw BackupError(
                .usage, "cannot use --tools-dir '\(toolsDirectory.escapedForDisplay)': it is not absolute")
        }
    }

    /// Names of images and networks: what a runtime takes, and nothing that it could take for an option.
    private static func requireReference(_ text: String, _ option: String) throws {
        let allowed = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-/:@".utf8.contains(byte)
        }
        guard allowed, let first = text.utf8.first, first != UInt8(ascii: "-"), text.utf8.count <= 512 else {
            throw BackupError(
                .usage, "cannot use \(option) '\(text.escapedForDisplay)': not a name of letters, digits and ._-/:@")
        }
    }

    /// The official image of a version: `8.0`, `3.6.23`, `7.0-jammy`.
    package static func image(ofVersion version: String) throws -> String {
        let parts = version.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let areNumbers = numbers.allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 3 && part.utf8.allSatisfy { (48...57).contains($0) }
        }
        guard areNumbers, (1...3).contains(numbers.count) else {
            throw BackupError(
                .usage, "cannot use --mongo-version '\(version.escapedForDisplay)': not a version like 8.0 or 3.6.23")
        }
        let image = "mongo:\(version)"
        try requireReference(image, "--mongo-version")
        return image
    }
}

extension DumpOptions {
    func check(scope: DumpScope) throws {
        if oplog {
            guard scope == .deployment else {
                throw BackupError(
                    .usage, "cannot take the oplog along with \(scope): it is about the whole deployment",
                    hint: "leave out --oplog, or --database and --collection.")
            }
        }
        if query != nil {
            guard case .collection = scope else {
                throw BackupError(
                    .usage, "cannot use --query without one collection", hint: "give --collection DATABASE.NAME.")
            }
        }
        try requireCount(parallelCollections, "--parallel-collections")
        try ToolArguments.check(extraArguments)
    }
}

extension Effort {
    func check() throws {
        try requireCount(threads, "--threads", within: Self.threadCounts)
        try requireCount(nice, "--nice", within: Self.niceValues)
    }
}

private func requireCount(_ number: Int?, _ option: String, within range: ClosedRange<Int> = 1...64) throws {
    guard let number, !range.contains(number) else { return }
    throw BackupError(
        .usage, "cannot use \(option) \(number): not within \(range.lowerBound) to \(range.upperBound)")
}

/// Arguments for a tool that its user gives as they are.
package enum ToolArguments {
    /// Options that would break a run, or that are set in another way here. In lower case, without the dashes.
    private static let refused: [String: String] = [
        "archive": "the archive is what we read", "out": "the archive is what we read",
        "o": "the archive is what we read",
        "gzip": "we compress the archive", "dir": "the archive is what we write", "uri": "give the job's --uri",
        "host": "give the job's --uri or --host", "h": "give the job's --uri or --host",
        "port": "give the job's --uri or --port", "username": "give the job's --uri or --user",
        "u": "give the job's --uri or --user", "password": "give the job's --uri-file or --password-file",
        "p": "give the job's --uri-file or --password-file", "config": "the tool's secrets are given in it",
        "authenticationdatabase": "give the job's --authentication-database",
        "awssessiontoken": "it is a secret: put it into the URI",
        "sslpemkeypassword": "it is a secret: put it into the URI",
        "destinationpassword": "it is a secret", "db": "give the job's --database", "d": "give the job's --database",
        "collection": "give the job's --collection", "c": "give the job's --collection",
        "query": "give the job's --query", "q": "give the job's --query", "queryfile": "give the job's --query",
        "oplog": "give the job's --oplog", "oplogreplay": "give --oplog-replay", "oplogfile": "it reads another file",
        "oploglimit": "the tool fails with it on an archive", "dumpdbusersandroles": "give the job's --with-users",
        "restoredbusersandroles": "give --with-users", "excludecollection": "give the job's --exclude",
        "excludecollectionswithprefix": "give the job's --exclude",
        "viewsascollections": "the archive would not be that of the source",
        "numparallelcollections": "give --parallel-collections", "j": "give --parallel-collections",
        "numinsertionworkerspercollection": "give --insertion-workers",
        "readpreference": "give the job's --read-preference",
        "writeconcern": "give --write-concern", "nsinclude": "give --ns-include", "nsexclude": "give --ns-exclude",
        "nsfrom": "give --ns-from", "nsto": "give --ns-to", "drop": "give --existing drop", "dryrun": "give --dry-run",
        "noindexrestore": "give --no-indexes", "preserveuuid": "give --preserve-uuid",
        "maintaininsertionorder": "give --maintain-insertion-order",
        "quiet": "what the tool says is how we know what it did",
        "help": "it would do nothing else", "version": "it would do nothing else",
        "nooptionsrestore": "collections would not be those of the archive",
        "bypassdocumentvalidation": "it is given always",
    ]

    /// Refuses what is no option in one word, and options of the list, whichever way they are spelled.
    package static func check(_ arguments: [String]) throws {
        for argument in arguments {
            let shown = shown(argument)
            guard argument.hasPrefix("-"), argument.utf8.count > 1, !argument.utf8.contains(0) else {
                throw BackupError(
                    .usage, "cannot pass on '\(shown)': it is not an option", hint: "write --option=value as one word.")
            }
            guard argument.hasPrefix("--") else {
                throw BackupError(.usage, "cannot pass on '\(shown)': write the long form of the option")
            }
            let name = argument.dropFirst(2).prefix { $0 != "=" }.lowercased()
            guard isName(name) else {
                throw BackupError(
                    .usage, "cannot pass on '\(shown)': its name is not one of letters and digits",
                    hint: "write --option=value as one word.")
            }
            if let reason = reason(toRefuse: name) {
                throw BackupError(.usage, "refusing to pass on '\(shown)': \(reason)")
            }
            guard !argument.contains("://") else {
                throw BackupError(.usage, "refusing to pass on '\(shown)': a connection string may hold a secret")
            }
        }
    }

    /// Of an argument, what surely is no value: what is refused may be refused for the secret in it.
    private static func shown(_ argument: String) -> String {
        guard argument.hasPrefix("-") else { return "..." }
        guard argument.hasPrefix("--") else {
            return String(argument.unicodeScalars.prefix(2)).escapedForDisplay + "..."
        }
        let name = String(
            String.UnicodeScalarView(
                argument.unicodeScalars.dropFirst(2).prefix {
                    $0.isASCII && ($0.properties.isAlphabetic || $0 == "-" || ("0"..."9").contains($0))
                }))
        let lower = name.lowercased()
        let ends = (secretWords + ["password"]).compactMap { word in lower.firstRange(of: word)?.upperBound }
        guard let end = ends.max() else { return "--" + name }
        return "--" + lower[..<end] + (end == lower.endIndex ? "" : "...")
    }

    private static func isName(_ name: String) -> Bool {
        let isPlain = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
        return isPlain && !name.isEmpty && !name.hasPrefix("-")
    }

    /// An option of the list, also cut short or with more behind it, and one whose name sounds like a secret: whoever
    /// mistypes `--password` has the secret in the command line all the same.
    private static func reason(toRefuse name: String) -> String? {
        if let reason = refused[name] { return reason }
        guard !harmless.contains(name) else { return nil }
        if secretWords.contains(where: name.contains) { return "it may be a secret" }
        let similar = refused.keys.filter { $0.utf8.count > 1 && ($0.hasPrefix(name) || name.hasPrefix($0)) }
        return similar.min().map { "it looks like '--\($0)' (\(refused[$0] ?? ""))" }
    }

    private static let secretWords = ["pass", "pw", "secret", "token", "credential"]

    /// Options of the tools, in lower case, that look like one of the others and are not.
    private static let harmless: Set<String> = ["ssl"]
}
