import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct SnapshotList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List snapshots, newest first.")

    @OptionGroup var options: GlobalOptions

    @Option(
        name: .customLong("limit"),
        help: "Show at most so many (0: all). Without it: 100 in a table, all of them as JSON.")
    var limit: Int?

    @Argument(help: "Only the snapshots of this job.")
    var job: String?

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit cannot be negative") }
    }

    func run() throws {
        let workspace = try options.openWorkspace()
        let job = try job.map { try JobName($0).text }
        let limit = limit ?? (options.json ? 0 : 100)
        let snapshots = try workspace.catalog.snapshotPages(job: job, limit: limit == 0 ? nil : limit)
        if let job, snapshots.pages.isEmpty { _ = try workspace.catalog.job(named: JobName(job)) }
        try Listing(
            output: options.output, columns: Self.columns,
            nothing: "no snapshots yet: 'backupctl run JOB' makes one",
            read: { try workspace.snapshots(in: $0) }, json: { SnapshotView.json($0.snapshot, file: $0.file) },
            cells: { Self.cells($0.snapshot) }
        ).render(snapshots.pages, hasMore: snapshots.hasMore)
    }

    private static let columns: [(title: String, alignment: Table.Alignment)] = [
        ("SNAPSHOT", .left), ("JOB", .left), ("CREATED", .left), ("DOCUMENTS", .right), ("SIZE", .right),
        ("STORED", .right), ("STATE", .left),
    ]

    private static func cells(_ snapshot: Snapshot) -> [String] {
        [
            snapshot.id, snapshot.job, Format.time(snapshot.createdAt), Format.count(snapshot.documents),
            Format.bytes(snapshot.uncompressedBytes), Format.bytes(snapshot.storedBytes), snapshot.state.rawValue,
        ]
    }
}
