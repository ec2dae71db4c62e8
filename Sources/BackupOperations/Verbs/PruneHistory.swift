import BackupCatalog
package import BackupModel
package import Foundation

/// Removes old runs and their logs. Those that explain a snapshot that is still there stay, and a job's newest attempt.
package struct PruneHistory {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// The runs that went, or with `isDryRun` would go, the oldest first. The rows go before the logs: a kill in between
    /// leaves logs that the next time takes away.
    package func run(olderThan age: Int, job: String? = nil, isDryRun: Bool, now: Date) throws -> [RunID] {
        let limit = now - Double(age)
        guard !isDryRun else { return try workspace.catalog.oldHistory(before: limit, job: job) }
        let runs = try workspace.catalog.pruneHistory(before: limit, job: job, workspace.act(now))
        try removeLogs(of: runs, before: limit)
        return runs
    }

    /// Removes the logs of these runs, and older ones whose run is not in the history any more: plain files, under the
    /// names that we give.
    private func removeLogs(of runs: [RunID], before limit: Date) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: workspace.state.logs)) ?? []
        let gone = Set(runs)
        let oldest = Timestamp.compact(limit)
        for name in names where name.hasSuffix(".log") {
            guard let run = RunID(String(name.dropLast(4))), gone.contains(run) || run.text < oldest,
                try !workspace.catalog.hasRun(run)
            else { continue }
            var status = stat()
            let path = workspace.state.log(of: run)
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard unlink(path) == 0 || errno == ENOENT else {
                throw BackupError(.storageFailed, "cannot remove log '\(path)': \(POSIXFailure(errno))")
            }
        }
    }
}
