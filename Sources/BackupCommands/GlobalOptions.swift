import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

/// The options that every command has.
struct GlobalOptions: ParsableArguments {
    @Option(name: .customLong("state-dir"), help: "Where jobs, history and the default repository are kept.")
    var stateDir: String?

    @Flag(name: .customLong("json"), help: "Print the result as JSON.")
    var json = false

    @Flag(name: .customLong("quiet"), help: "No progress, no notes; errors only.")
    var quiet = false

    @Flag(name: .customLong("verbose"), help: "Say what the log of a run gets, as it happens.")
    var verbose = false

    func validate() throws {
        if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
    }

    var output: Output { Output(json: json, quiet: quiet, verbose: verbose) }

    /// `--state-dir`, else `$BACKUPCTL_STATE_DIR`, else `/var/lib/backupctl` for root, else below the home directory.
    var statePath: String {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            if let stateDir {
                guard !stateDir.isEmpty else { throw BackupError(.usage, "cannot use an empty --state-dir") }
                return stateDir
            }
            return try StateDirectory.defaultPath(environment: environment, isRoot: geteuid() == 0)
        }
    }

    func openWorkspace() throws -> Workspace {
        var workspace = try Workspace.open(statePath: statePath, now: .now)
        if verbose { workspace.echo = Report.note }
        return workspace
    }
}
