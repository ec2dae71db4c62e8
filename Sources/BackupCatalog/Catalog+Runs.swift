package import BackupModel
import Foundation
import GRDB

extension Catalog {
    /// Runs, the newest first: of one job or of all. `limit` nil: all of them.
    package func runs(job: String? = nil, limit: Int? = nil) throws -> [Run] {
        let limit = limit ?? -1
        return try read { database in
            if let job {
                return try database.rows(
                    of: .run, "SELECT * FROM run WHERE job = ? ORDER BY queued_at DESC, id DESC LIMIT ?",
                    arguments: [job, limit], Run.init)
            }
            return try database.rows(
                of: .run, "SELECT * FROM run ORDER BY queued_at DESC, id DESC LIMIT ?", arguments: [limit], Run.init)
        }
    }

    /// The run of this id, or the only one whose id begins so.
    package func run(matching prefix: String) throws -> Run {
        try read { database in
            let row = try Row.fetchMatch(
                database, prefix: prefix, noun: "run", notFound: .runNotFound,
                sql: "SELECT * FROM run WHERE id >= :first AND id < :end ORDER BY id LIMIT 11")
            return try Run(CatalogRow(.run, reading: row))
        }
    }

    package func hasRun(_ id: RunID) throws -> Bool {
        try read {
            try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?)", arguments: [id.text]) ?? false
        }
    }

    package func run(_ id: RunID) throws -> Run { try read { try $0.run(id) } }

    /// Runs that are queued or running, the oldest first, with their owners.
    package func activeRuns() throws -> [Run] {
        try read { database in
            try database.rows(
                of: .run, "SELECT * FROM run WHERE state IN ('queued', 'running') ORDER BY queued_at, id", Run.init)
        }
    }
}

extension Database {
    func run(_ id: RunID) throws -> Run {
        guard let run = try runIfThere(id) else {
            throw BackupError(.runNotFound, "cannot find run '\(id)': the catalog has none of that id")
        }
        return run
    }

    func runIfThere(_ id: RunID) throws -> Run? {
        try Row.fetchOne(self, sql: "SELECT * FROM run WHERE id = ?", arguments: [id.text])
            .map { try Run(CatalogRow(.run, reading: $0)) }
    }

    /// A run that is queued or running for this job. Does not need the row to be whole.
    func activeRun(of job: String) throws -> ActiveRun? {
        try Row.fetchOne(
            self,
            sql: """
                SELECT id, state, owner_process FROM run INDEXED BY run_active
                WHERE state IN ('queued', 'running') AND job = ?
                """, arguments: [job]
        ).map(ActiveRun.init)
    }

    /// The backup of this job that is running.
    func runningBackup(of job: String) throws -> ActiveRun? {
        try Row.fetchOne(
            self,
            sql: """
                SELECT id, state, owner_process FROM run INDEXED BY run_one_running_backup
                WHERE kind = 'backup' AND state = 'running' AND job = ?
                """, arguments: [job]
        ).map(ActiveRun.init)
    }
}

/// What is said of a run that is in the way.
struct ActiveRun: CustomStringConvertible {
    let description: String

    init(_ row: Row) {
        let values = Dictionary(row.map { ($0, $1) }, uniquingKeysWith: { first, _ in first })
        let id = values["id"].flatMap(String.fromDatabaseValue) ?? "?"
        let state = values["state"].flatMap(String.fromDatabaseValue) ?? "?"
        let process = values["owner_process"].flatMap(Int64.fromDatabaseValue)
        description =
            "run '\(id.escapedForDisplay)' is \(state.escapedForDisplay)" + (process.map { " (process \($0))" } ?? "")
    }
}

extension Row {
    /// The row whose id is `prefix`, or the only one whose id begins so; `sql` asks for those from `:first` to before
    /// `:end`, in order.
    static func fetchMatch(
        _ database: Database, prefix: String, noun: String, notFound: BackupError.Code, sql: String
    ) throws -> Row {
        let shown = prefix.escapedForDisplay
        // Ids are ASCII: no text that begins with the prefix comes after this one.
        let rows =
            try prefix.isEmpty || prefix.utf8.contains(0)
            ? [] : Row.fetchAll(database, sql: sql, arguments: ["first": prefix, "end": prefix + "\u{10FFFF}"])
        guard let first = rows.first else {
            throw BackupError(notFound, "cannot find \(noun) '\(shown)': the catalog has none whose id begins so")
        }
        let ids = rows.map { row in
            let id: DatabaseValue? = row["id"]
            return id.flatMap(String.fromDatabaseValue) ?? "?"
        }
        guard rows.count == 1 || ids[0] == prefix else {
            let shownIDs = ids.prefix(10).map { "'\($0.escapedForDisplay)'" }.joined(separator: ", ")
            throw BackupError(
                notFound,
                "cannot tell which \(noun) is meant by '\(shown)': \(shownIDs)\(ids.count > 10 ? ", ..." : "")",
                hint: "give more of the id.")
        }
        return first
    }
}
