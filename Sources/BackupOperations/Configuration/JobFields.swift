package import BackupModel

/// One setting of a job by its place in a configuration, such as `source.database`. Settings that have their default are
/// no fields.
package struct JobField: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case text(String)
        case number(Int)
        case flag(Bool)
        case list([String])
    }

    package var path: String
    package var value: Value
}

extension BackupModel.Job {
    /// All that is not the default, in the order of a configuration. Connection strings appear redacted.
    package var fields: [JobField] {
        sourceFields + settingFields + policyFields + scheduleFields + retentionFields
            + Self.field("paused", pausedAt == nil ? nil : .flag(true))
    }

    private var sourceFields: [JobField] {
        var connection: [JobField]
        switch source.connection {
        case .literal(let text), .stored(let text): connection = Self.field("source.uri", .text(text))
        case .file(let path): connection = Self.field("source.uriFile", .text(path))
        case .environment(let name): connection = Self.field("source.uriEnv", .text(name))
        }
        if let database = source.scope.database { connection += Self.field("source.database", .text(database)) }
        if case .collection(let namespace) = source.scope {
            connection += Self.field("source.collection", .text(namespace.collection))
        }
        return connection + Self.list("source.include", source.selection.include.map(\.text))
            + Self.list("source.exclude", source.selection.exclude.map(\.text))
            + Self.flag("source.withUsers", source.withUsers)
    }

    private var settingFields: [JobField] {
        let (place, dump, effort) = (settings.place, settings.dump, settings.effort)
        return Self.field("engine", engine == .auto ? nil : .text(engine.rawValue))
            + Self.text("settings.toolsDir", place.toolsDirectory) + Self.text("settings.image", place.image)
            + Self.text("settings.containerRuntime", place.runtime?.rawValue)
            + Self.text("settings.containerNetwork", place.network)
            + Self.text("settings.readPreference", dump.readPreference?.rawValue)
            + Self.text("settings.query", dump.query) + Self.flag("settings.oplog", dump.oplog)
            + Self.field("settings.parallelCollections", dump.parallelCollections.map(JobField.Value.number))
            + Self.list("settings.extraToolArgs", dump.extraArguments)
            + Self.text(
                "settings.compression",
                effort.compression == Effort().compression ? nil : effort.compression.rawValue)
            + Self.field("settings.threads", effort.threads.map(JobField.Value.number))
            + Self.field("settings.nice", effort.nice.map(JobField.Value.number))
    }

    private var policyFields: [JobField] {
        let usual = RunPolicy()
        return Self.flag("allowEmpty", policy.allowEmpty)
            + Self.text("timeout", policy.timeout.map(DurationText.text))
            + Self.text(
                "stallTimeout",
                policy.stallTimeout == usual.stallTimeout ? nil : DurationText.text(policy.stallTimeout))
    }

    private var scheduleFields: [JobField] {
        let zone = Self.text("timeZone", timeZone)
        guard let schedule else { return zone }
        return Self.text("schedule", schedule.rule.text) + zone
            + Self.text("catchUp", schedule.catchUp == JobSchedule.defaultCatchUp ? nil : Self.span(schedule.catchUp))
            + Self.text("jitter", schedule.jitter == 0 ? nil : Self.span(schedule.jitter))
            + Self.field(
                "retries", schedule.retries == JobSchedule.defaultRetries ? nil : .number(schedule.retries))
    }

    private var retentionFields: [JobField] {
        guard let retention else { return [] }
        let units = RetentionPolicy.Unit.allCases
        return units.flatMap { unit in
            Self.field("retention.\(unit.countKey)", retention.counts[unit].map(JobField.Value.number))
        }
            + units.flatMap { unit in
                Self.text("retention.\(unit.spanKey)", retention.spans[unit].map { "\($0)" })
            }
    }

    private static func span(_ seconds: Int) -> String { seconds == 0 ? "0" : DurationText.text(seconds) }

    private static func text(_ path: String, _ text: String?) -> [JobField] {
        field(path, text.map(JobField.Value.text))
    }

    private static func flag(_ path: String, _ flag: Bool) -> [JobField] { field(path, flag ? .flag(true) : nil) }

    private static func list(_ path: String, _ items: [String]) -> [JobField] {
        field(path, items.isEmpty ? nil : .list(items))
    }

    private static func field(_ path: String, _ value: JobField.Value?) -> [JobField] {
        value.map { [JobField(path: path, value: $0)] } ?? []
    }
}
