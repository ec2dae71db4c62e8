import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct JobShow: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one job.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The job's name.")
    var name: String

    func run() throws {
        let job = try options.openWorkspace().catalog.job(named: JobName(name))
        try options.output.render(JobView.json(job), text: JobView.details(job))
    }
}
