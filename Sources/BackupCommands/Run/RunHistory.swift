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
        let runs = try workspace.catalog.runPages(job: job, limit: limit == 0 ? nil : limit)
        if let job, runs.pages.isEmpty { _ = try workspace.catalog.job(named: JobName(job)) }
        try Listing(
            output: options.output, columns: Self.columns, nothing: "no runs yet",
            read: { try workspace.catalog.runs(in: $0) }, json: RunView.json, cells: Self.cells
        ).render(runs.pages, hasMore: runs.hasMore)
    }

    private static let columns: [(title: String, alignment: Table.Alignment)] = [
        ("RUN", .left), ("KIND", .left), ("JOB", .left), ("STATE", .left), ("STARTED", .left), ("TOOK", .right),
        ("DOCUMENTS", .right), ("STORED", .right), ("WHAT HAPPENED", .left),
    ]

    @Sendable private static func cells(_ run: Run) -> [String] {
        [
            run.id.text, run.kind.rawValue, run.job ?? "-", run.state.rawValue,
            Format.time(run.startedAt ?? run.queuedAt), RunView.duration(run), Format.count(run.counters.documents),
            Format.bytes(run.counters.storedBytes), run.error?.message ?? run.warnings.first ?? "",
        ]
    }
}
