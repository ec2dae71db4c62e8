import ArgumentParser
import BackupModel
import BackupOperations

/// What `job create` and `job edit` share.
struct JobOptions: ParsableArguments {
    @OptionGroup var connection: SourceConnectionOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var place: ToolPlaceOptions
    @OptionGroup var dump: DumpSettingOptions
    @OptionGroup var effort: EffortOptions

    @Option(
        name: [.customLong("database"), .customLong("db"), .customShort("d")], help: "Back up this database only.")
    var database: String?

    @Option(
        name: [.customLong("collection"), .customShort("c")],
        help: "Back up this collection only: NAME beside --database, or DATABASE.NAME.")
    var collection: String?

    @Option(
        name: .customLong("include"), help: "Take only namespaces that match, for example 'shop.*' (repeatable).")
    var include: [String] = []

    @Option(
        name: .customLong("exclude"), help: "Leave out namespaces that match, for example '*.sessions' (repeatable).")
    var exclude: [String] = []

    @Option(
        name: .customLong("engine"), help: "Engine: \(EngineChoice.allCases.map(\.rawValue).joined(separator: ", ")).")
    var engine: EngineChoice?

    @Flag(
        name: .customLong("with-users"), inversion: .prefixedNo,
        help: "Take the users and roles of --database along (a whole deployment always has them).")
    var withUsers: Bool?

    @Flag(
        name: .customLong("allow-empty"), inversion: .prefixedNo,
        help: "Let a run succeed that finds nothing to back up.")
    var allowEmpty: Bool?

    @Option(name: .customLong("timeout"), help: "End a run that takes longer, for example 6h (default: no limit).")
    var timeout: DurationArgument?

    @Option(
        name: .customLong("stall-timeout"), help: "End a run in which nothing moves for so long (default: 10m).")
    var stallTimeout: DurationArgument?

    @OptionGroup(title: "Schedule") var schedule: ScheduleOptions

    @OptionGroup(title: "Retention") var retention: RetentionOptions

    @Option(
        name: .customLong("time-zone"),
        help: "The zone whose hours and days count, such as Europe/Warsaw (default: UTC).")
    var timeZone: String?
}

extension EngineChoice: ExpressibleByArgument {}

extension JobOptions {
    /// The connection, however it was given.
    func givenConnection() throws -> GivenConnection? {
        let whole = try connection.given()
        guard server.isGiven else { return whole }
        guard whole == nil else {
            throw BackupError(.usage, "cannot use both a connection string and --host with what belongs to it")
        }
        return try server.uri().map(GivenConnection.literal)
    }

    /// Puts what was given into the engine's settings; what was not given stays.
    func apply(to settings: inout EngineSettings) throws {
        try place.apply(to: &settings.place)
        dump.apply(to: &settings.dump)
        effort.apply(to: &settings.effort)
        if !place.extraArguments.isEmpty { settings.dump.extraArguments = place.extraArguments }
    }

    /// The zone's name, if it is one.
    func checkedTimeZone(_ zones: SystemTimeZones) throws -> String? {
        try timeZone.map { try zones.rules(named: $0).name }
    }

    /// Puts what was given into a job's source and policy; what was not given stays.
    func apply(to source: inout JobSource, _ policy: inout RunPolicy) throws {
        if database != nil || collection != nil {
            source.scope = try DumpScope(database: database, collection: collection)
        }
        if !include.isEmpty { source.selection.include = try include.map { try NamespacePattern(selecting: $0) } }
        if !exclude.isEmpty { source.selection.exclude = try exclude.map { try NamespacePattern(selecting: $0) } }
        if let withUsers { source.withUsers = withUsers }
        if let allowEmpty { policy.allowEmpty = allowEmpty }
        if let timeout { policy.timeout = timeout.seconds }
        if let stallTimeout { policy.stallTimeout = stallTimeout.seconds }
        try source.check()
    }
}
