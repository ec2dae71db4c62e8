import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct SnapshotList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List snapshots, newest first.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "Only the snapshots of this job.")
    var job: String?

    func run() throws {
        let workspace = try options.openWorkspace()
        let job = try job.map { try JobName($0).text }
        let snapshots = try workspace.snapshots(job: job)
        if let job, snapshots.isEmpty { _ = try workspace.catalog.job(named: JobName(job)) }
        let json = try snapshots.map { try SnapshotView.json($0, file: workspace.file(of: $0)) }
        try options.output.render(.array(json), text: text(of: snapshots))
    }

    private func text(of snapshots: [Snapshot]) -> String {
        guard !snapshots.isEmpty else { return "no snapshots yet: 'backupctl run JOB' makes one" }
        var table = Table([
            ("SNAPSHOT", .left), ("JOB", .left), ("CREATED", .left), ("DOCUMENTS", .right), ("SIZE", .right),
            ("STORED", .right), ("STATE", .left),
        ])
        for snapshot in snapshots {
            table.add([
                snapshot.id, snapshot.job, Format.time(snapshot.createdAt), Format.count(snapshot.documents),
                Format.bytes(snapshot.uncompressedBytes), Format.bytes(snapshot.storedBytes), snapshot.state.rawValue,
            ])
        }
        return table.text
    }
}
