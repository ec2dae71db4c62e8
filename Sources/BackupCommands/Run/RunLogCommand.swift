import ArgumentParser
import BackupModel
import BackupOperations

struct RunLogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Print what a run said.")

    @OptionGroup var options: GlobalOptions

    @Argument(
        help: ArgumentHelp(
            "A run's id, an unambiguous beginning of it, or a job's name for its newest run.", valueName: "run"))
    var name: String

    func run() throws {
        let workspace = try options.openWorkspace()
        let run = try workspace.findRun(name)
        let lines = try workspace.logLines(of: run.id)
        let json = JSONValue.object(["run": .string(run.id.text), "lines": JSONValue(lines)])
        try options.output.render(json, text: lines.joined(separator: "\n"))
    }
}
