import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct CancelCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a run, wherever it runs.",
        discussion: "Waits until the run has ended. A run that has passed its point of no return still succeeds.")

    @OptionGroup var options: GlobalOptions

    @Argument(
        help: ArgumentHelp(
            "A run's id, an unambiguous beginning of it, or a job's name for its newest run.", valueName: "run"))
    var name: String

    mutating func perform() throws -> Int32 {
        let workspace = try options.openWorkspace()
        let run = try CancelRun(workspace: workspace).cancel(workspace.findRun(name).id)
        guard run.state.isTerminal else {
            throw BackupError(
                .timedOut, "cannot say yet how run '\(run.id)' ends: it was asked to, and still goes on",
                hint: "look again with 'backupctl history'.")
        }
        try options.output.confirm(RunView.json(run), text: "run '\(run.id)' is \(run.state.rawValue)")
        return run.state == .cancelled ? 0 : 1
    }
}
