import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct SnapshotShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a snapshot with its namespaces, or what is in an archive file.",
        discussion: """
            SNAPSHOT is an id, an unambiguous beginning of one, JOB@latest, JOB@2026-01-14 (the newest good one at or \
            before that time), or the path of a mongodump archive, gzip or plain. A file is read to its end and \
            checked.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The snapshot, or the path of an archive file.")
    var snapshot: String

    func run() throws {
        if let path = SnapshotName.path(snapshot) { return try showFile(path) }
        let workspace = try options.openWorkspace()
        let found = try workspace.findSnapshot(snapshot)
        let file = try workspace.file(of: found)
        let namespaces = try workspace.catalog.namespaces(of: found.id)
        let compression = workspace.compression(of: found)
        try options.output.render(
            SnapshotView.json(found, file: file, compression: compression, namespaces: namespaces),
            text: SnapshotView.details(found, file: file, compression: compression) + "\n\n"
                + SnapshotView.table(namespaces))
    }

    private func showFile(_ path: String) throws {
        let cancellation = Cancellation()
        ProcessSetup.cancelOnSignals(cancellation)
        let display = ProgressDisplay(quiet: options.quiet)
        defer { display.close() }
        let progress = RunProgress(cancellation: cancellation, log: nil)
        display.watch(progress, title: path)
        let file = try InspectArchive(progress: progress).inspect(path: path)
        display.close()
        try options.output.render(
            ArchiveFileView.json(file),
            text: ArchiveFileView.details(file) + "\n\n" + SnapshotView.table(file.namespaces))
    }
}
