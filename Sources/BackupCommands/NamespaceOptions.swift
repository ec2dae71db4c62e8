import ArgumentParser
import BackupModel

/// A part of an archive, by the names in it.
struct NamespaceOptions: ParsableArguments {
    @Option(
        name: [.customLong("ns-include"), .customLong("nsInclude")],
        help: "Only what matches, by the names in the archive, for example 'shop.*' (repeatable).")
    var include: [String] = []

    @Option(
        name: [.customLong("ns-exclude"), .customLong("nsExclude")],
        help: "Leave out what matches (repeatable).")
    var exclude: [String] = []

    var isEmpty: Bool { include.isEmpty && exclude.isEmpty }

    func selection() throws -> NamespaceSelection { try NamespaceSelection(include: include, exclude: exclude) }
}
