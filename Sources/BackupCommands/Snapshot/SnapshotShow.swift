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
            checked. With --documents, the first documents of each namespace are shown instead, and no more is read than \
            that takes; users and roles are left out.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(
        name: .customLong("documents"), help: "Show the first so many documents of each namespace, as Extended JSON.")
    var documents: Int?

    @Flag(name: .customLong("canonical"), help: "Name the type of every number and date of a document.")
    var canonical = false

    @OptionGroup var part: NamespaceOptions

    @Argument(help: "The snapshot, or the path of an archive file.")
    var snapshot: String

    func validate() throws {
        if let documents {
            guard documents >= 1 else { throw ValidationError("--documents is at least 1") }
        } else if canonical || !part.isEmpty {
            throw ValidationError("--canonical, --ns-include and --ns-exclude go with --documents")
        }
    }

    func run() throws {
        if let documents { return try showDocuments(documents) }
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

    private func showDocuments(_ limit: Int) throws {
        let selection = try part.selection()
        let progress = RunProgress(cancellation: Cancellation(), log: nil)
        let display = ProgressDisplay(quiet: options.quiet)
        defer { display.close() }
        display.watch(progress, title: snapshot)
        let first = try FirstDocuments(of: snapshot, progress: progress, workspace: options.openWorkspace)
        var view = DocumentsView(output: options.output, isCanonical: canonical)
        try first.read(selection, limit: limit) { sample in
            display.close()
            try view.add(sample, of: first)
        }
        try view.end()
        guard !options.quiet else { return }
        for warning in progress.current.warnings { Report.warning(warning) }
        if !view.isExact { Report.warning("a text that is not UTF-8 is shown with replacement characters") }
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
