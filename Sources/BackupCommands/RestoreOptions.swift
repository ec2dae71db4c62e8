import ArgumentParser
import BackupModel
import BackupOperations

/// What to restore, under which names, and what to do with what is there.
struct RestoreOptions: ParsableArguments {
    @Option(
        name: [.customLong("ns-from"), .customLong("nsFrom")],
        help: "Rename namespaces that match this pattern; in pairs with --ns-to (repeatable, the last match wins).")
    var nsFrom: [String] = []

    @Option(
        name: [.customLong("ns-to"), .customLong("nsTo")],
        help: "What they become, for example 'my-app-dev.*'.")
    var nsTo: [String] = []

    @Option(name: .customLong("rename"), help: "Rename one database or collection: OLD=NEW (repeatable).")
    var rename: [String] = []

    @OptionGroup var part: NamespaceOptions

    @Option(
        name: .customLong("existing"),
        help: "When a target namespace exists: fail (default, before the first write), merge, or drop it.")
    var existing = ExistingPolicy.fail

    @Flag(name: .customLong("with-users"), help: "Restore users and roles too.")
    var withUsers = false

    @Flag(name: .customLong("no-indexes"), help: "Build no indexes but those on _id.")
    var noIndexes = false

    @Flag(name: .customLong("dry-run"), help: "Show what would be done, and stop there.")
    var dryRun = false

    @Flag(name: .customLong("yes"), help: "Do not ask before something is dropped.")
    var yes = false

    @Option(
        name: .customLong("engine"), help: "Engine: \(EngineChoice.allCases.map(\.rawValue).joined(separator: ", ")).")
    var engine = EngineChoice.auto

    @OptionGroup var place: ToolPlaceOptions
    @OptionGroup var load: LoadSettingOptions

    func request(source: String, target: GivenConnection) throws -> RestoreRequested {
        let choice = RestoreChoice(
            selection: try part.selection(),
            mapping: try NamespaceMapping(from: nsFrom, to: nsTo, renames: rename), existing: existing,
            withUsers: withUsers, replaysOplog: load.oplogReplay)
        var tools = ToolPlace()
        try place.apply(to: &tools)
        let options = load.options(extraArguments: place.extraArguments)
        try options.check(engine: engine, place: tools, existing: existing, choice: choice)
        return RestoreRequested(
            source: source, target: target, choice: choice, withIndexes: !noIndexes, isDryRun: dryRun, engine: engine,
            place: tools, options: options)
    }
}

extension ExistingPolicy: ExpressibleByArgument {}
