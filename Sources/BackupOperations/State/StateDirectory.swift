import BackupModel
import Foundation
import Glibc

/// Where jobs, history, secrets and logs are kept: a directory that nobody but its owner may enter.
package struct StateDirectory: Sendable {
    package let path: String

    package var catalog: String { path + "/catalog.sqlite" }
    package var logs: String { path + "/logs" }
    package var secrets: String { path + "/secrets" }
    /// What shows that the owners of runs live (`OwnerMark`).
    var owners: String { path + "/owners" }
    /// Made when a container needs it: pipes through which secrets pass.
    package var pipes: String { path + "/pipes" }
    package var defaultRepository: String { path + "/repository" }

    func log(of run: RunID) -> String { "\(logs)/\(run).log" }
    func secret(of job: JobName) -> String { "\(secrets)/\(job)" }

    /// The path when none is given: `$BACKUPCTL_STATE_DIR`, else `/var/lib/backupctl` for root, else
    /// `$XDG_STATE_HOME/backupctl`, else `~/.local/state/backupctl`.
    package static func defaultPath(environment: [String: String], isRoot: Bool) throws -> String {
        if let path = environment["BACKUPCTL_STATE_DIR"], !path.isEmpty { return path }
        if isRoot { return "/var/lib/backupctl" }
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/backupctl" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.local/state/backupctl" }
        throw BackupError(
            .usage, "cannot choose a state directory: HOME is not set",
            hint: "give --state-dir DIR or set BACKUPCTL_STATE_DIR.")
    }

    /// Opens the directory and makes what is missing in it.
    package static func open(at path: String) throws -> StateDirectory {
        let url = URL(filePath: path, directoryHint: .isDirectory).absoluteURL.standardizedFileURL
        let state = StateDirectory(path: url.path(percentEncoded: false).trimmingTrailingSlash)
        try PrivateFile.makeDirectory(state.path)
        for path in [state.logs, state.secrets] { try PrivateFile.makeDirectory(path) }
        // Only who runs something needs it: a copy of a state directory may be read where nothing can be written.
        try? PrivateFile.makeDirectory(state.owners)
        return state
    }
}

extension StateDirectory {
    /// Runs `body` while no other process does so on this directory: for what is made once.
    func alone<Result>(_ body: () throws -> Result) throws -> Result {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw BackupError(.storageFailed, "cannot open '\(path)': \(POSIXFailure(errno))")
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw BackupError(.storageFailed, "cannot lock '\(path)': \(POSIXFailure(errno))")
            }
        }
        return try body()
    }
}

extension String {
    fileprivate var trimmingTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
