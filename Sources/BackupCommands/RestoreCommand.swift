import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct RestoreCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Restore a snapshot, or an archive file that mongodump made.",
        discussion: """
            SNAPSHOT is an id, an unambiguous beginning of one, JOB@latest, JOB@2026-01-14, or a file's path. What \
            will be read is checked before the first write. Exit status 3: something was not restored.

              backupctl restore orders@latest --to-file dev.uri --ns-from 'my-app-prod.*' --ns-to 'my-app-dev.*'
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: TargetConnectionOptions
    @OptionGroup var choice: RestoreOptions

    @Argument(help: "The snapshot, or the path of an archive file.")
    var snapshot: String

    mutating func perform() throws -> Int32 {
        guard let given = try target.given() else {
            throw BackupError(
                .usage, "cannot restore: no target is given", hint: "give one of --to, --to-file and --to-env.")
        }
        let request = try choice.request(source: snapshot, target: given)
        let cancellation = Cancellation()
        ProcessSetup.cancelOnSignals(cancellation)
        let workspace = try options.openWorkspace()
        let display = ProgressDisplay(quiet: options.quiet)
        let restore = RestoreSnapshot(workspace: workspace, cancellation: cancellation)
        let result = try restore.run(
            request, watch: { display.watch($0, title: "restore") },
            confirm: { plan in
                display.close()
                try confirm(plan, cancellation)
            })
        display.close()
        try report(result)
        return result.exitStatus
    }

    /// Asked once the plan is known and only if it takes something away.
    private func confirm(_ plan: RestorePlan, _ cancellation: Cancellation) throws {
        let dropped = plan.entries.filter { $0.action == .drop }
        guard !dropped.isEmpty else { return }
        let documents = dropped.reduce(Int64(0)) { $0 &+ ($1.live ?? 0) }
        let names = dropped.prefix(5).map { "'\($0.target)'" }.joined(separator: ", ")
        let more = dropped.count > 5 ? " and \(dropped.count - 5) more" : ""
        try Confirmation(yes: choice.yes, cancellation: cancellation).ask(
            "Drop \(names)\(more) (\(Format.count(documents)) documents) on the target before restoring?")
    }

    private func report(_ result: RestoreResult) throws {
        if !options.quiet && !options.json { for warning in result.warnings { Report.warning(warning) } }
        try options.output.render(RestoreView.json(result), text: RestoreView.text(result, quiet: options.quiet))
        if let error = result.error { Report.error(error) }
    }
}
