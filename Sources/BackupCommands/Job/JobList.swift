import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct JobList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List all jobs.")

    @OptionGroup var options: GlobalOptions

    func run() throws {
        let jobs = try options.openWorkspace().catalog.jobs()
        try options.output.render(.array(jobs.map(JobView.json)), text: text(of: jobs))
    }

    private func text(of jobs: [BackupModel.Job]) -> String {
        guard !jobs.isEmpty else { return "no jobs yet: make one with 'backupctl job create NAME --uri-file FILE'" }
        var table = Table([("JOB", .left), ("SOURCE", .left), ("WHAT", .left), ("ENGINE", .left), ("STATE", .left)])
        for job in jobs {
            table.add([
                job.name.text, JobView.connection(job.source.connection), JobView.what(job.source), job.engine.rawValue,
                job.pausedAt == nil ? "active" : "paused",
            ])
        }
        return table.text
    }
}
