import ArgumentParser
import BackupOperations

struct Backupctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backupctl",
        abstract: "Backs up MongoDB, keeps the snapshots, and restores them.",
        version: ProductVersion.text,
        subcommands: [
            JobCommand.self, ApplyCommand.self, ExportCommand.self, RunCommand.self, CancelCommand.self,
            StatusCommand.self, DaemonCommand.self,
            SnapshotList.self, SnapshotShow.self, SnapshotCat.self, RunHistory.self, RunLogCommand.self,
            RestoreCommand.self,
            ScheduleCommand.self, PruneCommand.self, SnapshotPinCommand.self, SnapshotUnpinCommand.self,
            SnapshotDelete.self, RetentionCommand.self, CatalogCommand.self, VersionCommand.self,
        ]
    )

    // Here too, so that these options may stand before the command; commands then see what was parsed here.
    @OptionGroup var options: GlobalOptions
}
