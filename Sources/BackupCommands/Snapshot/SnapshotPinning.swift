import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

struct SnapshotPinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keep a snapshot, whatever the retention policy says, until it is unpinned.")

    @OptionGroup var options: GlobalOptions

    @Option(name: .customLong("reason"), help: "Why it must stay, for whoever finds it pinned.")
    var reason: String

    @Option(
        name: .customLong("until"), help: "When the pin ends: 2026-12-31 (that day's end) or 2026-12-31T12:00:00Z.")
    var until: String?

    @Argument(help: "The snapshot.")
    var snapshot: String

    func run() throws {
        let until = try until.map { text in
            guard let time = SnapshotReference.time(text, timeZone: .current) else {
                throw BackupError(
                    .usage, "cannot read --until '\(text.escapedForDisplay)'",
                    hint: "write it as 2026-12-31 or 2026-12-31T12:00:00Z.")
            }
            return time
        }
        let workspace = try options.openWorkspace()
        let found = try workspace.findSnapshot(snapshot)
        let pin = try DeleteByHand(workspace: workspace).pin(found, reason: reason, until: until, now: .now)
        let end = pin.until.map { " until \(Format.time($0))" } ?? ""
        try options.output.confirm(
            .object([
                "snapshot": .string(found.id), "pinned": true, "reason": .string(pin.reason),
                "until": JSONValue(pin.until),
            ]), text: "pinned snapshot '\(found.id)'\(end): \(pin.reason.escapedForDisplay)")
    }
}

struct SnapshotUnpinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unpin", abstract: "Take a snapshot's pin away.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The snapshot.")
    var snapshot: String

    func run() throws {
        let workspace = try options.openWorkspace()
        let found = try workspace.findSnapshot(snapshot)
        try DeleteByHand(workspace: workspace).unpin(found, now: .now)
        try options.output.confirm(
            .object(["snapshot": .string(found.id), "pinned": false]),
            text: found.pin == nil ? "snapshot '\(found.id)' was not pinned" : "unpinned snapshot '\(found.id)'")
    }
}
