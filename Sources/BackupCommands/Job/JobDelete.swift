import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

struct JobDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a job. Its snapshots and its history stay, unless told otherwise.")

    @OptionGroup var options: GlobalOptions

    @Flag(name: .customLong("with-snapshots"), help: "Delete all snapshots of the job as well.")
    var withSnapshots = false

    @Flag(name: .customLong("yes"), help: "Do not ask.")
    var yes = false

    @Argument(help: "The job's name.")
    var name: String

    func run() throws {
        let workspace = try options.openWorkspace()
        let job = try workspace.catalog.job(named: JobName(name))
        let count = try workspace.catalog.snapshots(job: job.name.text).count
        if withSnapshots && count > 0 {
            try Confirmation(yes: yes).ask("Delete job '\(job.name)' and its \(count) snapshots for good?")
        }
        let deleted = try JobEditing(workspace: workspace).delete(
            name: job.name, withSnapshots: withSnapshots, now: .now)
        let text =
            withSnapshots
            ? "deleted job '\(job.name)' and \(deleted) of its snapshots"
            : "deleted job '\(job.name)'; its \(count) snapshots stay and can be restored"
        try options.output.confirm(
            .object(["deleted": .string(job.name.text), "deletedSnapshots": JSONValue(deleted)]), text: text)
    }
}
