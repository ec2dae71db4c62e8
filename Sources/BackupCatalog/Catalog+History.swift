package import BackupModel
package import Foundation
import GRDB

extension Catalog {
    /// Backups and imports of a job, the newest first, without restores, checks and prunes.
    package func attempts(of job: String, limit: Int = 500) throws -> [Run] {
        try read { database in
            try Array(
                Row.fetchCursor(
                    database,
                    sql: """
                        SELECT * FROM run WHERE job = ? AND kind IN ('backup', 'import')
                        ORDER BY queued_at DESC, id DESC LIMIT ?
                        """, arguments: [job, limit]
                ).map { try Run(CatalogRow(.run, reading: $0)) })
        }
    }

    /// The runs that `pruneHistory` would remove, the oldest first.
    package func oldHistory(before time: Date, job: String? = nil) throws -> [RunID] {
        try read { try $0.oldHistory(before: time, job: job) }
    }

    /// Removes runs that ended before a time, of one job or of all, and gives them; the time counts in whole seconds.
    ///
    /// Those that explain a snapshot that is still there stay, and so do a job's newest attempt and its newest instant.
    /// Events stay, all of them.
    package func pruneHistory(before time: Date, job: String? = nil, _ act: Act) throws -> [RunID] {
        try write { database in
            let runs = try database.oldHistory(before: time, job: job)
            guard !runs.isEmpty else { return [] }
            // The trigger lets a run go only if the newest event says so.
            try database.record(
                .historyPruned, EventSubject(job: job), detail: "before \(Timestamp.rfc3339(time))", act)
            let statement = try database.makeStatement(sql: "DELETE FROM run WHERE id = ?")
            for run in runs { try statement.execute(arguments: [run.text]) }
            return runs
        }
    }
}

extension Database {
    fileprivate func oldHistory(before time: Date, job: String?) throws -> [RunID] {
        let limit = time.catalogMilliseconds / 1000 * 1000
        return try String.fetchAll(
            self,
            sql: """
                SELECT id FROM run AS old INDEXED BY run_finished
                WHERE finished_at < :limit AND state NOT IN ('queued', 'running')
                    AND (:job IS NULL OR job = :job)
                    AND NOT EXISTS (SELECT 1 FROM snapshot WHERE run = old.id OR id = old.snapshot)
                    AND (kind NOT IN ('backup', 'import') OR EXISTS (
                        SELECT 1 FROM run AS later
                        WHERE later.job = old.job AND (later.queued_at, later.id) > (old.queued_at, old.id)
                            AND later.kind IN ('backup', 'import') AND later.state NOT IN ('missed', 'skipped')))
                    AND (scheduled_for IS NULL OR EXISTS (
                        SELECT 1 FROM run AS later
                        WHERE later.job = old.job AND later.scheduled_for > old.scheduled_for))
                ORDER BY queued_at, id
                """, arguments: ["limit": limit, "job": job]
        ).compactMap(RunID.init)
    }
}
