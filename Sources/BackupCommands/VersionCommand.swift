import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version, and where the rules of time zones come from.")

    @OptionGroup var options: GlobalOptions

    func run() throws {
        let report = VersionReport()
        try options.output.render(report.json, text: report.text)
    }
}

/// What this program is made of and works with.
struct VersionReport {
    private let zones: SystemTimeZones.Origin

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        zones = SystemTimeZones(environment: environment).origin
    }

    var json: JSONValue {
        .object([
            "version": .string(ProductVersion.text),
            "timeZones": .object(["version": JSONValue(zones.version), "folder": JSONValue(zones.folder)]),
        ])
    }

    var text: String { Details.text([("backupctl", ProductVersion.text), ("time zones", zonesInWords)]) }

    /// For `--version`: the number alone on the first line.
    var short: String { "\(ProductVersion.text)\ntime zones \(zonesInWords)" }

    private var zonesInWords: String {
        let version = zones.version ?? "of unknown version"
        let source = zones.folder.map { "from \($0)" } ?? "compiled in: this machine has no time zone files"
        return "\(version), \(source)"
    }
}
