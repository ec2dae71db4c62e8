import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

struct SnapshotDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a snapshot for good. Asks; refuses the last good one of a job.")

    @OptionGroup var options: GlobalOptions

    @Flag(
        name: .customLong("force"),
        help: "Delete the last good one too, and one whose manifest is not the one that the catalog knows.")
    var force = false

    @Flag(name: .customLong("yes"), help: "Do not ask.")
    var yes = false

    @Argument(help: "The snapshot.")
    var snapshot: String

    func run() throws {
        let workspace = try options.openWorkspace()
        let found = try workspace.findSnapshot(snapshot)
        let deletion = DeleteByHand(workspace: workspace)
        try deletion.check(found, isForced: force, now: .now)
        try Confirmation(yes: yes).ask(
            "Delete snapshot '\(found.id)' of \(Format.time(found.createdAt)) (\(found.state.rawValue), "
                + "\(Format.count(found.documents, "document"))) for good?")
        try deletion.delete(found, isForced: force, now: .now)
        try options.output.confirm(
            .object(["deleted": .string(found.id), "freedBytes": JSONValue(found.storedBytes)]),
            text: "deleted snapshot '\(found.id)'")
    }
}
