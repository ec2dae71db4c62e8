import BackupModel
import Foundation

extension ConfigurationReader {
    private static let jobKeys = [
        "source", "engine", "settings", "repository", "allowEmpty", "timeout", "stallTimeout", "schedule", "timeZone",
        "catchUp", "jitter", "retries", "retention", "paused",
    ]
    private static let sourceKeys = [
        "uri", "uriFile", "uriEnv", "database", "collection", "include", "exclude", "withUsers",
    ]
    private static let settingKeys = [
        "toolsDir", "image", "mongoVersion", "containerRuntime", "containerNetwork", "readPreference", "query", "oplog",
        "parallelCollections", "extraToolArgs", "compression", "threads", "nice",
    ]
    private static let retentionKeys =
        RetentionPolicy.Unit.allCases.map(\.countKey) + RetentionPolicy.Unit.allCases.map(\.spanKey)

    mutating func job(_ name: JobName, _ entry: KeyedValue) -> JobDefinition? {
        guard let keys = fields(entry.value, of: "job '\(name)'", known: Self.jobKeys) else { return nil }
        guard let source = keys["source"] else {
            report(entry.line, "job '\(name)' has no source", hint: "write source: { uriFile: FILE }.")
            return nil
        }
        let before = problems.count
        guard var job = self.source(source, name, line: entry.line) else { return nil }
        if let value = keys["engine"] { job.engine = choice(value, "engine", EngineChoice.self) ?? .auto }
        if let value = keys["settings"] { settings(value, &job) }
        if let value = keys["repository"], let text = text(value, "repository"), text != Workspace.defaultRepository {
            report(value.line, "there is no repository '\(YAMLValue.shown(text))'", hint: "'default' is all there is.")
        }
        if let value = keys["allowEmpty"] { job.policy.allowEmpty = flag(value, "allowEmpty") ?? false }
        if let value = keys["timeout"] { job.policy.timeout = duration(value, "timeout") }
        if let value = keys["stallTimeout"], let seconds = duration(value, "stallTimeout") {
            job.policy.stallTimeout = seconds
        }
        if let value = keys["timeZone"] {
            job.timeZone = text(value, "timeZone")
            job.timeZoneLine = value.line
        }
        if let value = keys["retention"] { job.retention = retention(value) }
        if let value = keys["paused"] { job.isPaused = flag(value, "paused") }
        job.schedule = schedule(keys)
        guard problems.count == before else { return nil }
        attempt(at: entry.line) { [job] in
            try JobSource(
                connection: .literal(""), scope: job.scope, selection: job.selection, withUsers: job.withUsers
            ).check()
            try job.settings.check(engine: job.engine, scope: job.scope, withUsers: job.withUsers)
        }
        return job
    }

    private mutating func source(_ value: YAMLValue, _ name: JobName, line: Int) -> JobDefinition? {
        guard let keys = fields(value, of: "source of job '\(name)'", known: Self.sourceKeys) else { return nil }
        let given = ["uri", "uriFile", "uriEnv"].compactMap { key in keys[key].map { (key, $0) } }
        guard let (key, place) = given.first, given.count == 1 else {
            report(
                given.last?.1.line ?? value.line,
                "source of job '\(name)' has \(given.isEmpty ? "none" : "more than one") of uri, uriFile and uriEnv",
                hint: "write exactly one of them.")
            return nil
        }
        guard let connection = connection(key, place) else { return nil }
        var job = JobDefinition(
            name: name, line: line, connection: connection, connectionLine: place.line, timeZoneLine: line)
        let database = keys["database"].map { text($0, "database") }
        let collection = keys["collection"].map { text($0, "collection") }
        // A name that could not be read is reported already.
        if database != .some(nil), collection != .some(nil) {
            let line = (keys["collection"] ?? keys["database"])?.line ?? value.line
            job.scope =
                attempt(at: line) {
                    try DumpScope(database: database ?? nil, collection: collection ?? nil)
                } ?? .deployment
        }
        if let value = keys["include"] { job.selection.include = patterns(value, "include") }
        if let value = keys["exclude"] { job.selection.exclude = patterns(value, "exclude") }
        if let value = keys["withUsers"] { job.withUsers = flag(value, "withUsers") ?? false }
        return job
    }

    private mutating func connection(_ key: String, _ value: YAMLValue) -> JobDefinition.Connection? {
        if key == "uriFile" { return path(value, key).map { .given(.file($0)) } }
        guard let text = text(value, key) else { return nil }
        if key == "uriEnv" { return .given(.environment(text)) }
        if text == "stored" { return .kept }
        if !text.hasPrefix("mongodb"), URITemplate.isVariable(text) {
            report(
                value.line, "uri cannot be one variable and nothing else",
                hint: "write uriEnv: \(text.dropFirst(2).dropLast()) for a variable that holds the connection string.")
            return nil
        }
        return .given(.literal(text))
    }

    private mutating func patterns(_ value: YAMLValue, _ key: String) -> [NamespacePattern] {
        (texts(value, key) ?? []).compactMap { text in
            attempt(at: value.line) { try NamespacePattern(selecting: text) }
        }
    }

    private mutating func settings(_ value: YAMLValue, _ job: inout JobDefinition) {
        guard let keys = fields(value, of: "settings of job '\(job.name)'", known: Self.settingKeys) else { return }
        var settings = EngineSettings()
        if let value = keys["toolsDir"] { settings.place.toolsDirectory = path(value, "toolsDir") }
        if let value = keys["image"] { settings.place.image = text(value, "image") }
        if let value = keys["mongoVersion"], let version = text(value, "mongoVersion") {
            if keys["image"] != nil {
                report(value.line, "settings of job '\(job.name)' have both mongoVersion and image")
            }
            settings.place.image = attempt(at: value.line) { try ToolPlace.image(ofVersion: version) }
        }
        if let value = keys["containerRuntime"] {
            settings.place.runtime = choice(value, "containerRuntime", ContainerRuntime.self)
        }
        if let value = keys["containerNetwork"] { settings.place.network = text(value, "containerNetwork") }
        if let value = keys["readPreference"] {
            settings.dump.readPreference = choice(value, "readPreference", ReadPreference.self)
        }
        if let value = keys["query"] { settings.dump.query = text(value, "query") }
        if let value = keys["oplog"] { settings.dump.oplog = flag(value, "oplog") ?? false }
        if let value = keys["parallelCollections"] {
            settings.dump.parallelCollections = number(value, "parallelCollections")
        }
        if let value = keys["extraToolArgs"] { settings.dump.extraArguments = texts(value, "extraToolArgs") ?? [] }
        if let value = keys["compression"] {
            settings.effort.compression = choice(value, "compression", Compression.self) ?? .fast
        }
        if let value = keys["threads"] { settings.effort.threads = number(value, "threads") }
        if let value = keys["nice"] { settings.effort.nice = number(value, "nice") }
        job.settings = settings
    }

    private mutating func schedule(_ keys: [String: YAMLValue]) -> ScheduleDefinition? {
        guard let value = keys["schedule"] else {
            for key in ["catchUp", "jitter", "retries"] {
                guard let value = keys[key] else { continue }
                report(value.line, "\(key) has no meaning: the job has no schedule")
            }
            return nil
        }
        guard let text = text(value, "schedule"), let rule = attempt(at: value.line, { try Schedule(text) }) else {
            return nil
        }
        return ScheduleDefinition(
            rule: rule, line: value.line, catchUp: keys["catchUp"].flatMap { duration($0, "catchUp", orZero: true) },
            jitter: keys["jitter"].flatMap { duration($0, "jitter", orZero: true) },
            retries: keys["retries"].flatMap { number($0, "retries") })
    }

    private mutating func retention(_ value: YAMLValue) -> RetentionPolicy? {
        guard let keys = fields(value, of: "retention", known: Self.retentionKeys) else { return nil }
        var counts: [RetentionPolicy.Unit: Int] = [:]
        var spans: [RetentionPolicy.Unit: RetentionSpan] = [:]
        let before = problems.count
        for unit in RetentionPolicy.Unit.allCases {
            if let value = keys[unit.countKey] { counts[unit] = number(value, unit.countKey) }
            guard let value = keys[unit.spanKey], let text = text(value, unit.spanKey) else { continue }
            spans[unit] = RetentionSpan(text)
            if spans[unit] == nil {
                report(value.line, "\(unit.spanKey) is not a length of time such as 1y2m3d4h")
            }
        }
        guard problems.count == before else { return nil }
        return attempt(at: value.line) { try RetentionPolicy(counts: counts, spans: spans) }
    }
}
