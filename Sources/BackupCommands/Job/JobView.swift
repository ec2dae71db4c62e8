import BackupModel

/// How a job is shown. Connection strings appear redacted only.
enum JobView {
    static func json(_ job: BackupModel.Job) -> JSONValue {
        .object([
            "name": .string(job.name.text), "source": source(job.source), "engine": .string(job.engine.rawValue),
            "settings": settings(job.settings),
            "repository": .string(job.repository), "allowEmpty": JSONValue(job.policy.allowEmpty),
            "timeout": JSONValue(job.policy.timeout), "stallTimeout": JSONValue(job.policy.stallTimeout),
            "schedule": JSONValue(job.schedule?.rule.text), "timeZone": JSONValue(job.timeZone),
            "catchUp": JSONValue(job.schedule?.catchUp), "jitter": JSONValue(job.schedule?.jitter),
            "retries": JSONValue(job.schedule?.retries), "retention": retention(job.retention),
            "paused": JSONValue(job.pausedAt != nil), "pausedAt": JSONValue(job.pausedAt),
            "createdAt": JSONValue(job.createdAt), "updatedAt": JSONValue(job.updatedAt),
        ])
    }

    private static func settings(_ settings: EngineSettings) -> JSONValue {
        .object([
            "toolsDir": JSONValue(settings.place.toolsDirectory), "image": JSONValue(settings.place.image),
            "containerRuntime": JSONValue(settings.place.runtime?.rawValue),
            "containerNetwork": JSONValue(settings.place.network),
            "readPreference": JSONValue(settings.dump.readPreference?.rawValue),
            "query": JSONValue(settings.dump.query), "oplog": JSONValue(settings.dump.oplog),
            "parallelCollections": JSONValue(settings.dump.parallelCollections),
            "extraToolArgs": JSONValue(settings.dump.extraArguments),
            "compression": .string(settings.effort.compression.rawValue),
            "threads": JSONValue(settings.effort.threads), "nice": JSONValue(settings.effort.nice),
        ])
    }

    /// The rules by their keys, as `retention plan` takes them.
    static func retention(_ policy: RetentionPolicy?) -> JSONValue {
        guard let policy else { return .null }
        var rules: [String: JSONValue] = [:]
        for (unit, count) in policy.counts { rules[unit.countKey] = JSONValue(count) }
        for (unit, span) in policy.spans { rules[unit.spanKey] = .string("\(span)") }
        return .object(JSONMembers(rules))
    }

    private static func source(_ source: JobSource) -> JSONValue {
        var uri: String?
        var file: String?
        var variable: String?
        switch source.connection {
        case .literal(let text), .stored(let text): uri = text
        case .file(let path): file = path
        case .environment(let name): variable = name
        }
        var collection: String?
        if case .collection(let namespace) = source.scope { collection = namespace.collection }
        return .object([
            "uri": JSONValue(uri), "uriFile": JSONValue(file), "uriEnv": JSONValue(variable),
            "database": JSONValue(source.scope.database), "collection": JSONValue(collection),
            "include": JSONValue(source.selection.include.map(\.text)),
            "exclude": JSONValue(source.selection.exclude.map(\.text)), "withUsers": JSONValue(source.withUsers),
        ])
    }

    static func connection(_ reference: ConnectionReference) -> String {
        switch reference {
        case .literal(let text), .stored(let text): text
        case .file(let path): "file \(path)"
        case .environment(let name): "environment variable \(name)"
        }
    }

    static func what(_ source: JobSource) -> String {
        var parts = [source.scope == .deployment ? "what the URI names, else everything" : "\(source.scope)"]
        if !source.selection.include.isEmpty {
            parts.append("only \(source.selection.include.map(\.text).joined(separator: " "))")
        }
        if !source.selection.exclude.isEmpty {
            parts.append("without \(source.selection.exclude.map(\.text).joined(separator: " "))")
        }
        if source.withUsers { parts.append("with users") }
        return parts.joined(separator: ", ")
    }

    private static func schedule(_ job: BackupModel.Job) -> [(String, String)] {
        let zone = job.timeZone ?? "UTC"
        guard let schedule = job.schedule else { return [("runs", "when somebody says so")] }
        return [
            ("runs", schedule.rule.inWords(zoneName: zone)), ("rule", schedule.rule.text), ("time zone", zone),
            ("catch-up", schedule.catchUp == 0 ? "none" : "within \(DurationText.text(schedule.catchUp))"),
            (
                "jitter",
                schedule.jitter == 0
                    ? "none"
                    : "\(DurationText.text(job.scheduleDelay)) of "
                        + DurationText.text(schedule.jitter)
            ),
            ("retries", "\(schedule.retries)"),
        ]
    }

    private static func settingsInWords(_ settings: EngineSettings) -> [String] {
        let dump = settings.dump
        let words: [String?] = [
            settings.place.toolsDirectory.map { "tools in \($0)" }, settings.place.image.map { "image \($0)" },
            settings.place.runtime.map { "run by \($0.rawValue)" }, settings.place.network.map { "network \($0)" },
            dump.readPreference.map { "read from \($0.rawValue)" }, dump.query.map { "only \($0.escapedForDisplay)" },
            dump.oplog ? "with the oplog" : nil, dump.parallelCollections.map { "\($0) collections at once" },
        ]
        return words.compactMap { $0 } + dump.extraArguments.map(\.escapedForDisplay)
    }

    private static func effortInWords(_ effort: Effort) -> String {
        var words = [effort.compression.rawValue]
        switch effort.threads {
        case nil: words.append("on all processors")
        case 1?: words.append("on one thread")
        case let count?: words.append("on \(count) threads")
        }
        if let nice = effort.nice { words.append("nice \(nice)") }
        return words.joined(separator: ", ")
    }

    static func summary(_ job: BackupModel.Job) -> String {
        "\(what(job.source)), from \(connection(job.source.connection))"
    }

    static func details(_ job: BackupModel.Job) -> String {
        var lines = [
            ("job", job.name.text), ("from", connection(job.source.connection)), ("what", what(job.source)),
            ("engine", ([job.engine.rawValue] + settingsInWords(job.settings)).joined(separator: ", ")),
            ("compression", effortInWords(job.settings.effort)), ("repository", job.repository),
            ("empty", job.policy.allowEmpty ? "allowed" : "a failure"),
            ("timeout", job.policy.timeout.map(DurationText.text) ?? "none"),
            ("stall timeout", DurationText.text(job.policy.stallTimeout)),
            ("keeps", job.retention.map { "\($0)" } ?? "everything"), ("time zone", job.timeZone ?? "UTC"),
            ("state", job.pausedAt.map { "paused since \(Format.time($0))" } ?? "active"),
            ("created", Format.time(job.createdAt)), ("changed", Format.time(job.updatedAt)),
        ]
        lines.insert(contentsOf: schedule(job), at: 4)
        return Details.text(lines)
    }
}
