import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct RunHistory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List runs, newest first.")

    @OptionGroup var options: GlobalOptions

    @Option(name: .customLong("limit"), help: "Show at most so many (0: all).")
    var limit = 50

    @Argument(help: "Only the runs of this job.")
    var job: String?

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit cannot be negative") }
    }

    func run() throws {
        let workspace = try options.openWorkspace()
        let job = try job.map { try JobName($0).text }
        let runs = try workspace.catalog.runs(job: job, limit: limit == 0 ? nil : limit)
        if let job, runs.isEmpty { _ = try workspace.catalog.job(named: JobName(job)) }
        try options.output.render(.array(runs.map(RunView.json)), text: text(of: runs))
    }

    private func text(of runs: [Run]) -> String {
        guard !runs.isEmpty else { return "no runs yet" }
        var table = Table([
            ("RUN", .left), ("KIND", .left), ("JOB", .left), ("STATE", .left), ("STARTED", .left), ("TOOK", .right),
            ("DOCUMENTS", .right), ("STORED", .right), ("WHAT HAPPENED", .left),
        ])
        for run in runs {
            table.add([
                run.id.text, run.kind.rawValue, run.job ?? "-", run.state.rawValue,
                Format.time(run.startedAt ?? run.queuedAt), RunView.duration(run), Format.count(run.counters.documents),
                Format.bytes(run.counters.storedBytes), run.error?.message ?? run.warnings.first ?? "",
            ])
        }
        return table.text
    }
}
