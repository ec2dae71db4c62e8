package import BackupModel
import Foundation
import GRDB

/// One of several changes that are made together.
package enum JobChange: Hashable, Sendable {
    case create(Job)
    /// `old` is the job as it is in the catalog.
    case replace(old: Job, with: Job)
    case delete(old: Job)
}

extension Catalog {
    /// All jobs by name.
    package func jobs() throws -> [Job] {
        try read { try $0.rows(of: .job, "SELECT * FROM job ORDER BY name", Job.init) }
    }

    package func job(named name: JobName) throws -> Job {
        try read { try $0.job(named: name, cannot: "find") }
    }

    /// Refuses a name that a job has.
    package func requireFree(_ name: JobName) throws { try read { try $0.requireFree(name) } }

    /// Whether there is a job of this name; any text may be asked for.
    package func hasJob(_ name: String) throws -> Bool { try read { try $0.hasJob(name) } }

    /// Adds a job. Its repository must be in the catalog.
    package func insert(_ job: Job, _ act: Act) throws {
        try write { try $0.create(job, act) }
    }

    /// Replaces a job by the one of the same name. When it was created stays, and whether it is paused; it was updated at the
    /// time of the act.
    package func update(_ job: Job, _ act: Act) throws {
        try write { database in
            let old = try database.job(named: job.name, cannot: "change")
            var job = job
            // It may have been paused or resumed since it was read.
            (job.pausedAt, job.resumedAt) = (old.pausedAt, old.resumedAt)
            try database.checkForWriting(job, cannot: "cannot change job '\(job.name)'")
            let changes = job.changes(since: old)
            try database.replace(old, with: job, act)
            try database.record(.jobChanged, EventSubject(job: job.name.text), detail: changes, act)
        }
    }

    /// Makes all of these changes or none. Refuses when a job is not any more what the change was made for.
    package func change(_ changes: [JobChange], _ act: Act) throws {
        try write { database in
            for change in changes {
                switch change {
                case .create(let job): try database.create(job, act)
                case .replace(let old, let job):
                    try database.require(old)
                    try database.checkForWriting(job, cannot: "cannot change job '\(job.name)'")
                    try database.replace(old, with: job, act)
                    try database.recordChange(of: old, to: job, act)
                case .delete(let old):
                    try database.require(old)
                    try database.deleteJob(old.name, act)
                }
            }
        }
    }

    /// Pauses or resumes a job; nothing happens when it is so already. Gives the job as it is then.
    @discardableResult
    package func setPaused(_ isPaused: Bool, job name: JobName, _ act: Act) throws -> Job {
        try write { database in
            let old = try database.job(named: name, cannot: isPaused ? "pause" : "resume")
            guard (old.pausedAt != nil) != isPaused else { return old }
            var job = old
            job.pausedAt = isPaused ? act.time : nil
            if !isPaused { job.resumedAt = act.time }
            try database.replace(old, with: job, act)
            try database.record(isPaused ? .jobPaused : .jobResumed, EventSubject(job: name.text), act)
            return try database.job(named: name, cannot: "find")
        }
    }

    /// Deletes a job; its runs and snapshots stay. Refuses while one of its runs is under way; what waits in the queue is
    /// cancelled.
    package func deleteJob(named name: JobName, _ act: Act) throws {
        try write { try $0.deleteJob(name, act) }
    }
}

extension Database {
    func job(named name: JobName, cannot verb: String) throws -> Job {
        let row = try Row.fetchOne(self, sql: "SELECT * FROM job WHERE name = ?", arguments: [name.text])
        guard let row else {
            throw BackupError(
                .jobNotFound, "cannot \(verb) job '\(name)': there is none of that name",
                hint: "'backupctl job list' shows the jobs.")
        }
        return try Job(CatalogRow(.job, reading: row))
    }

    fileprivate func hasJob(_ name: String) throws -> Bool {
        try Bool.fetchOne(self, sql: "SELECT EXISTS (SELECT 1 FROM job WHERE name = ?)", arguments: [name]) ?? false
    }

    fileprivate func requireFree(_ name: JobName) throws {
        guard try !hasJob(name.text) else {
            throw BackupError(
                .jobExists, "cannot create job '\(name)': there is a job of that name",
                hint: "use another name, or 'backupctl job edit \(name)'.")
        }
    }

    fileprivate func create(_ job: Job, _ act: Act) throws {
        try requireFree(job.name)
        try checkForWriting(job, cannot: "cannot create job '\(job.name)'")
        try execute(
            sql: """
                INSERT INTO job
                    (name, connection_kind, connection, scope_database, scope_collection, include_patterns,
                    exclude_patterns, with_users, engine, engine_settings, repository, allow_empty, timeout_seconds,
                    stall_timeout_seconds, schedule, schedule_set_at, catch_up_seconds, jitter_seconds, retries,
                    retention, time_zone, paused_at, resumed_at, created_at, updated_at, digest)
                VALUES
                    (:name, :connection_kind, :connection, :scope_database, :scope_collection, :include_patterns,
                    :exclude_patterns, :with_users, :engine, :engine_settings, :repository, :allow_empty,
                    :timeout_seconds, :stall_timeout_seconds, :schedule, :schedule_set_at, :catch_up_seconds,
                    :jitter_seconds, :retries, :retention, :time_zone, :paused_at, :resumed_at, :created_at,
                    :updated_at, :digest)
                """,
            arguments: job.row.arguments())
        try record(.jobCreated, EventSubject(job: job.name.text), act)
    }

    fileprivate func deleteJob(_ name: JobName, _ act: Act) throws {
        _ = try job(named: name, cannot: "delete")
        for run in try queuedRuns(of: name.text) {
            try withdraw(run, reason: BackupError(.cancelled, "cancelled: its job was deleted"), act)
        }
        if let run = try activeRun(of: name.text) {
            throw BackupError(
                .locked, "cannot delete job '\(name)': \(run.description)", hint: "wait until the run has ended.")
        }
        try execute(sql: "DELETE FROM job WHERE name = ?", arguments: [name.text])
        try record(.jobDeleted, EventSubject(job: name.text), act)
    }

    /// A plan was made for this job; somebody else may have been at it since.
    fileprivate func require(_ old: Job) throws {
        guard try job(named: old.name, cannot: "change") == old else {
            throw BackupError(
                .locked, "cannot change job '\(old.name)': somebody else changed it meanwhile", hint: "try again.")
        }
    }

    /// A pause has an event of its own, as when it is made by itself.
    fileprivate func recordChange(of old: Job, to job: Job, _ act: Act) throws {
        let subject = EventSubject(job: job.name.text)
        var others = job
        (others.pausedAt, others.resumedAt) = (old.pausedAt, old.resumedAt)
        let changes = others.changes(since: old)
        let isPauseOnly = changes.isEmpty && (job.pausedAt != nil) != (old.pausedAt != nil)
        if !isPauseOnly { try record(.jobChanged, subject, detail: changes.isEmpty ? "secret" : changes, act) }
        guard (job.pausedAt != nil) != (old.pausedAt != nil) else { return }
        try record(job.pausedAt != nil ? .jobPaused : .jobResumed, subject, act)
    }

    fileprivate func checkForWriting(_ job: Job, cannot: String) throws {
        guard !job.source.connection.holdsPassword else {
            throw BackupError(.refused, "\(cannot): refusing to keep a password in the catalog")
        }
        guard try repository(named: job.repository) != nil else {
            throw BackupError(
                .noRepository, "\(cannot): there is no repository '\(job.repository.escapedForDisplay)'")
        }
    }

    fileprivate func replace(_ old: Job, with job: Job, _ act: Act) throws {
        var job = job
        job.createdAt = old.createdAt
        job.updatedAt = act.time
        try execute(
            sql: """
                UPDATE job
                SET connection_kind = :connection_kind, connection = :connection, scope_database = :scope_database,
                    scope_collection = :scope_collection, include_patterns = :include_patterns,
                    exclude_patterns = :exclude_patterns, with_users = :with_users, engine = :engine,
                    engine_settings = :engine_settings, repository = :repository, allow_empty = :allow_empty,
                    timeout_seconds = :timeout_seconds, stall_timeout_seconds = :stall_timeout_seconds,
                    schedule = :schedule, schedule_set_at = :schedule_set_at, catch_up_seconds = :catch_up_seconds,
                    jitter_seconds = :jitter_seconds, retries = :retries, retention = :retention,
                    time_zone = :time_zone, paused_at = :paused_at, resumed_at = :resumed_at,
                    created_at = :created_at, updated_at = :updated_at, digest = :digest
                WHERE name = :name
                """,
            arguments: job.row.arguments())
    }
}

extension Job {
    /// Which parts differ, for the audit; never their values.
    fileprivate func changes(since old: Job) -> String {
        let parts = [
            ("connection", source.connection != old.source.connection), ("scope", source.scope != old.source.scope),
            ("selection", source.selection != old.source.selection),
            ("users", source.withUsers != old.source.withUsers), ("engine", engine != old.engine),
            ("engine settings", settings != old.settings),
            ("repository", repository != old.repository), ("policy", policy != old.policy),
            ("schedule", schedule != old.schedule), ("retention", retention != old.retention),
            ("time zone", timeZone != old.timeZone),
            ("paused", pausedAt != old.pausedAt),
        ]
        return parts.filter(\.1).map(\.0).joined(separator: ", ")
    }
}
