import ArgumentParser
import BackupModel
import BackupOperations
import BackupPipeline
import Foundation

struct SnapshotCat: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Write an archive to standard output, uncompressed.",
        discussion: """
            All of a snapshot, or of a file that mongodump made, or the namespaces that are selected, as an archive of \
            their own. Everything is checked on the way; the exit status is the verdict.

              backupctl cat orders@latest --ns-include 'shop.*' | mongorestore --archive
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var part: NamespaceOptions

    @Argument(help: "The snapshot, or the path of an archive file.")
    var snapshot: String

    mutating func perform() throws -> Int32 {
        guard !options.json else { throw BackupError(.usage, "cannot use --json with 'cat': an archive is no JSON") }
        let selection = try part.selection()
        guard isatty(STDOUT_FILENO) == 0 else {
            throw BackupError(
                .refused, "refusing to write an archive to a terminal",
                hint: "send it to a file or a program: backupctl cat \(snapshot) | mongorestore --archive")
        }
        let progress = RunProgress(cancellation: Cancellation(), log: nil)
        let display = ProgressDisplay(quiet: options.quiet)
        defer { display.close() }
        display.watch(progress, title: "cat")
        do {
            try CopyArchive(progress: progress, workspace: options.openWorkspace).copy(
                snapshot, selection, to: DescriptorSink(STDOUT_FILENO, name: "standard output"))
        } catch is ReaderGone {
            display.close()
            return ProcessSetup.endAsFilter()
        }
        if !options.quiet {
            display.close()
            for warning in progress.current.warnings { Report.warning(warning) }
        }
        return 0
    }
}
