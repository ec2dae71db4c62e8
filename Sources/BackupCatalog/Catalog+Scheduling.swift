package import BackupModel
package import Foundation
import GRDB

/// What a scheduler wants to have in the history about one instant of a job.
package struct InstantRow: Hashable, Sendable {
    package var job: String
    package var instant: Date
    package var attempt: Int
    package var trigger: RunTrigger
    /// `queued`, `missed` or `skipped`.
    package var state: RunState
    /// Why it was missed or skipped.
    package var reason: BackupError?

    package init(
        job: String, instant: Date, attempt: Int = 1, trigger: RunTrigger = .schedule, state: RunState,
        reason: BackupError? = nil
    ) {
        self.job = job
        self.instant = instant
        self.attempt = attempt
        self.trigger = trigger
        self.state = state
        self.reason = reason
    }
}

/// Something that another process may have done, as the audit has it.
package struct CatalogChange: Hashable, Sendable {
    package var action: EventAction
    package var job: String?
    package var run: RunID?
}

extension Catalog {
    /// Records instants, all in one transaction, in their order. Gives the run of each; nil where the instant has a row
    /// already: whoever wrote it has the instant.
    package func record(
        instants rows: [InstantRow], owner: ProcessIdentity, makeID: () -> RunID, _ act: Act
    ) throws -> [Run?] {
        try write { database in
            var result: [Run?] = []
            for row in rows {
                let isThere = try Bool.fetchOne(
                    database,
                    sql: "SELECT EXISTS (SELECT 1 FROM run WHERE job = ? AND scheduled_for = ? AND attempt = ?)",
                    arguments: [row.job, row.instant.catalogMilliseconds, row.attempt])
                guard isThere != true else {
                    result.append(nil)
                    continue
                }
                var run = Run(
                    id: try database.freeID(makeID), kind: .backup, job: row.job, trigger: row.trigger,
                    scheduledFor: row.instant, attempt: row.attempt, state: row.state, queuedAt: act.time)
                run.error = row.reason
                if row.state.isTerminal { run.finishedAt = act.time } else { run.owner = owner }
                try database.insert(run)
                try database.record(.runRecorded, run.subject, detail: run.state.rawValue, act)
                result.append(run)
            }
            return result
        }
    }

    /// The newest row of each job for an instant that is not later than `now`, by the job's name.
    package func latestInstants(of jobs: [String], now: Date) throws -> [String: Run] {
        try read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT * FROM run WHERE job = ? AND scheduled_for <= ?
                    ORDER BY scheduled_for DESC, attempt DESC LIMIT 1
                    """)
            var result: [String: Run] = [:]
            for job in jobs {
                let row = try Row.fetchOne(statement, arguments: [job, now.catalogMilliseconds])
                result[job] = try row.map { try Run(CatalogRow(.run, reading: $0)) }
            }
            return result
        }
    }

    /// Asks for the end of a run wherever it is: one that waits ends at once, one that goes on ends when its owner hears
    /// of it. Gives the run as it is then.
    package func requestCancel(_ id: RunID, _ act: Act) throws -> Run {
        try write { database in
            var run = try database.run(id)
            switch run.state {
            case .queued:
                try database.withdraw(run, reason: BackupError(.cancelled, "cancelled by \(act.actor)"), act)
            case .running where run.cancelRequestedBy == nil:
                run.cancelRequestedBy = act.actor
                try database.update(run)
                try database.record(.runCancelRequested, run.subject, act)
            case .running: break
            default:
                throw BackupError(.refused, "cannot cancel run '\(id)': it is \(run.state.rawValue) already")
            }
            return try database.run(id)
        }
    }
}

extension Catalog {
    /// Changes when another process has written; costs next to nothing.
    package func dataVersion() throws -> Int64 {
        do {
            return try pool.writeWithoutTransaction { try Int64.fetchOne($0, sql: "PRAGMA data_version") ?? 0 }
        } catch {
            throw CatalogFailure.describe(error, verb: "read", path: path)
        }
    }

    /// The number of the newest event.
    package func lastEvent() throws -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT coalesce(max(id), 0) FROM event") ?? 0 }
    }

    /// What matters to a scheduler among the events after this number, and the number of the last event there is.
    package func changes(since event: Int64) throws -> (changes: [CatalogChange], last: Int64) {
        try read { database in
            let last = try Int64.fetchOne(database, sql: "SELECT coalesce(max(id), 0) FROM event") ?? 0
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT action, job, run FROM event
                    WHERE id > ? AND (
                        action IN
                            ('job-created', 'job-changed', 'job-paused', 'job-resumed', 'job-deleted', 'run-withdrawn')
                        OR (action = 'run-recorded' AND detail = 'queued')
                    )
                    ORDER BY id
                    """, arguments: [event])
            let changes = rows.map { row in
                let (action, job, run): (String?, String?, String?) = (row["action"], row["job"], row["run"])
                return CatalogChange(
                    action: EventAction(rawValue: action ?? ""), job: job, run: run.flatMap(RunID.init))
            }
            return (changes, last)
        }
    }
}

extension Database {
    /// Four random characters in one second are not always enough for thousands of runs.
    fileprivate func freeID(_ make: () -> RunID) throws -> RunID {
        while true {
            let id = make()
            let isTaken = try Bool.fetchOne(
                self, sql: "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?)", arguments: [id.text])
            if isTaken != true { return id }
        }
    }

    func queuedRuns(of job: String) throws -> [Run] {
        try Row.fetchAll(
            self,
            sql: """
                SELECT * FROM run INDEXED BY run_active
                WHERE state IN ('queued', 'running') AND state = 'queued' AND job = ?
                """, arguments: [job]
        ).map { try Run(CatalogRow(.run, reading: $0)) }
    }

    /// Ends a run that stands in the queue.
    func withdraw(_ run: Run, reason: BackupError, _ act: Act) throws {
        var ended = run
        ended.state = .cancelled
        ended.finishedAt = act.time
        ended.error = reason
        try update(ended)
        try record(.runWithdrawn, ended.subject, detail: reason.message, act)
    }
}

/// A job, and what the catalog knows of its past.
package struct JobRecord: Sendable {
    package var job: Job
    package var lastGood: Snapshot?
    /// The newest backup that has ended, whatever became of it.
    package var lastRun: Run?
    /// The newest instant, not later than now, that has a row.
    package var latestInstant: Date?
}

/// Some of the jobs, by name: from one to before another, or to the last.
package struct JobRange: Sendable {
    fileprivate var first = ""
    fileprivate var end: String?

    fileprivate static let condition = "job.name >= :first AND job.name < :end"
    fileprivate var arguments: StatementArguments {
        // Every text comes before every blob.
        ["first": first, "end": end?.databaseValue ?? Data().databaseValue]
    }
}

extension Catalog {
    /// Ranges that hold all jobs, in order and about as many each: for who reads them on several threads.
    package func jobRanges(ofAbout size: Int) throws -> [JobRange] {
        try read { database in
            let names = try String.fetchCursor(database, sql: "SELECT name FROM job ORDER BY name")
            var ranges = [JobRange()]
            var count = 0
            while let name = try names.next() {
                if count == size {
                    ranges[ranges.count - 1].end = name
                    ranges.append(JobRange(first: name))
                    count = 0
                }
                count += 1
            }
            return ranges
        }
    }

    /// By name; look-ups in an index for each job, which SQLite does by itself.
    package func jobRecords(in range: JobRange, now: Date) throws -> [JobRecord] {
        try read { database in
            let jobs = try database.rows(
                of: .job, "SELECT * FROM job WHERE \(JobRange.condition) ORDER BY name", arguments: range.arguments,
                Job.init)
            let good = try database.rows(
                of: .snapshot,
                """
                SELECT snapshot.* FROM job JOIN snapshot ON snapshot.id = (
                    SELECT id FROM snapshot WHERE state = 'good' AND snapshot.job = job.name AND created_at <= :latest
                    ORDER BY created_at DESC, id DESC LIMIT 1)
                WHERE \(JobRange.condition) ORDER BY job.name
                """,
                arguments: range.arguments
                    &+ ["latest": now.addingTimeInterval(RetentionPolicy.clockTolerance).catalogMilliseconds],
                Snapshot.init)
            let last = try database.rows(
                of: .run,
                """
                SELECT run.* FROM job JOIN run ON run.id = (
                    SELECT id FROM run
                    WHERE run.job = job.name AND kind = 'backup' AND state NOT IN ('queued', 'running')
                    ORDER BY queued_at DESC, id DESC LIMIT 1)
                WHERE \(JobRange.condition) ORDER BY job.name
                """, arguments: range.arguments, Run.init)
            let instants = try database.latestInstants(in: range, now: now)
            // All in the order of the jobs' names, some jobs having none.
            var (snapshots, runs, times) = (good[...], last[...], instants[...])
            return jobs.map { job in
                var record = JobRecord(job: job)
                if snapshots.first?.job == job.name.text { record.lastGood = snapshots.popFirst() }
                if runs.first?.job == job.name.text { record.lastRun = runs.popFirst() }
                if times.first?.job == job.name.text { record.latestInstant = times.popFirst()?.instant }
                return record
            }
        }
    }
}

extension Database {
    fileprivate func latestInstants(in range: JobRange, now: Date) throws -> [(job: String, instant: Date)] {
        let rows = try Row.fetchCursor(
            self,
            sql: """
                SELECT name, (SELECT max(scheduled_for) FROM run WHERE job = name AND scheduled_for <= :now) AS instant
                FROM job WHERE \(JobRange.condition) ORDER BY name
                """, arguments: range.arguments &+ ["now": now.catalogMilliseconds])
        var found: [(job: String, instant: Date)] = []
        while let row = try rows.next() {
            guard let name: String = row[0], let instant: Int64 = row[1] else { continue }
            found.append((name, Date(catalogMilliseconds: instant)))
        }
        return found
    }
}
