import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct JobPause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Keep automation from running a job; 'run JOB' by hand still works.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The job's name.")
    var name: String

    func run() throws {
        let job = try JobEditing(workspace: options.openWorkspace()).setPaused(true, name: JobName(name), now: .now)
        try options.output.confirm(JobView.json(job), text: "paused job '\(job.name)'")
    }
}

struct JobResume: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "End a job's pause.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The job's name.")
    var name: String

    func run() throws {
        let job = try JobEditing(workspace: options.openWorkspace()).setPaused(false, name: JobName(name), now: .now)
        try options.output.confirm(JobView.json(job), text: "resumed job '\(job.name)'")
    }
}
