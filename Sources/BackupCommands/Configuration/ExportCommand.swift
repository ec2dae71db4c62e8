import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write jobs as a file that 'apply' reads. No password is in it.",
        discussion: """
            Where a connection string is kept in 'secrets/', the file says 'uri: stored': applied where the job is, it \
            keeps that one. With --json, jobs are shown as 'job list' does.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "Only these jobs.")
    var names: [String] = []

    func run() throws {
        let catalog = try options.openWorkspace().catalog
        let wanted = try names.map { try catalog.job(named: JobName($0)) }
        let jobs = names.isEmpty ? try catalog.jobs() : Set(wanted).sorted { $0.name < $1.name }
        try options.output.render(.array(jobs.map(JobView.json)), text: ExportConfiguration.yaml(jobs))
    }
}
