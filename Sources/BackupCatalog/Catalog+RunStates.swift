package import BackupModel
package import Foundation
import GRDB

extension Catalog {
    /// Records a run that does not run now: queued, or ended without a start (missed, skipped).
    ///
    /// Refuses a second row for the same job, instant and attempt: one instant fires at most once.
    package func record(_ run: Run, _ act: Act) throws {
        guard run.state != .running else {
            throw BackupError(.catalogFailed, "cannot record run '\(run.id)': a run is running once it was started")
        }
        try write { database in
            var run = run
            if run.state.isTerminal && run.finishedAt == nil { run.finishedAt = act.time }
            try database.insert(run)
            try database.record(.runRecorded, run.subject, detail: run.state.rawValue, act)
        }
    }

    /// Starts a run, new or queued before, and gives it as it is then: running, with its owner, since the act's time.
    ///
    /// Of two backups of one job that start at the same moment exactly one does; the other one is told which run is in
    /// its way (`locked`).
    package func start(_ run: Run, owner: ProcessIdentity, _ act: Act) throws -> Run {
        try write { database in
            if run.kind == .backup, let job = run.job, let other = try database.runningBackup(of: job) {
                throw BackupError(
                    .locked, "cannot start a backup of job '\(job.escapedForDisplay)': \(other.description)",
                    hint: "wait until it has ended; 'backupctl history \(job.escapedForDisplay)' shows it.")
            }
            let queued = try database.runIfThere(run.id)
            var started = queued ?? run
            guard started.state == .queued else {
                throw BackupError(.refused, "cannot start run '\(run.id)': it is \(started.state.rawValue)")
            }
            started.state = .running
            started.startedAt = act.time
            started.heartbeatAt = act.time
            started.owner = owner
            started.engine = run.engine ?? started.engine
            try queued == nil ? database.insert(started) : database.update(started)
            try database.record(.runStarted, started.subject, act)
            return try database.run(run.id)
        }
    }

    /// Says that a run is alive and how far it is. No event: there would be nothing else among them.
    ///
    /// Throws `interrupted` when the run is not running any more, for example since another process took its owner for
    /// dead, and `cancelled` when somebody asked for its end; the owner then stops.
    package func heartbeat(
        _ id: RunID, counters: RunCounters, engine: EngineIdentity? = nil, at time: Date
    ) throws {
        try write { database in
            var run = try database.run(id)
            guard run.state == .running else {
                throw BackupError(.interrupted, "cannot go on with run '\(id)': it is \(run.state.rawValue) by now")
            }
            if let who = run.cancelRequestedBy { throw BackupError(.cancelled, "cancelled by \(who)") }
            run.counters = counters
            run.heartbeatAt = time
            run.engine = engine ?? run.engine
            try database.update(run)
        }
    }

    /// Ends a run as its value says, and gives it as it is then. Its end is final.
    ///
    /// A backup or an import succeeds through `publish` only; without success it has no snapshot. Times, owner
    /// and identity are those that the catalog has; without `finishedAt` it ends at the act's time.
    @discardableResult
    package func finish(_ run: Run, _ act: Act) throws -> Run {
        try write { database in
            let ended = try database.end(run, act)
            try database.record(.runFinished, ended.subject, detail: ended.state.rawValue, act)
            return ended
        }
    }

    /// Ends a run whose owner is gone. `run` is what the decision rests upon: when it has another state or owner by
    /// now, nothing happens and the result is false.
    @discardableResult
    package func markInterrupted(_ run: Run, reason: BackupError, _ act: Act) throws -> Bool {
        try write { database in
            var current = try database.run(run.id)
            guard !current.state.isTerminal, current.state == run.state, current.owner == run.owner else {
                return false
            }
            current.state = .interrupted
            current.finishedAt = act.time
            current.error = reason
            try database.update(current)
            try database.record(.runInterrupted, current.subject, detail: reason.message, act)
            return true
        }
    }
}

extension Run {
    var subject: EventSubject { EventSubject(job: job, run: id, snapshot: snapshot) }

    var makesSnapshot: Bool { kind == .backup || kind == .import }
}

extension Database {
    /// Ends a run, without an event. The row keeps what is not the run's to change.
    func end(_ run: Run, _ act: Act) throws -> Run {
        let current = try self.run(run.id)
        guard run.state.isTerminal else {
            throw BackupError(.catalogFailed, "cannot finish run '\(run.id)' as \(run.state.rawValue)")
        }
        guard !current.state.isTerminal else {
            throw BackupError(.refused, "cannot finish run '\(run.id)': it is \(current.state.rawValue) already")
        }
        var ended = current
        ended.state = run.state
        ended.finishedAt = run.finishedAt ?? act.time
        ended.engine = run.engine ?? current.engine
        ended.snapshot = run.makesSnapshot && run.state != .succeeded ? nil : run.snapshot
        ended.counters = run.counters
        ended.warnings = run.warnings
        ended.error = run.error
        try update(ended)
        return try self.run(run.id)
    }

    func insert(_ run: Run) throws {
        try refuseSecond(run)
        try execute(
            sql: """
                INSERT INTO run
                    (id, kind, job, trigger, scheduled_for, attempt, state, queued_at, started_at, finished_at,
                    heartbeat_at, owner_process, owner_start_ticks, owner_boot, cancel_requested_by, engine_name, engine_version, snapshot,
                    documents, failed_documents, namespaces, uncompressed_bytes, stored_bytes, warnings, error_code,
                    error_message, error_hint, digest)
                VALUES
                    (:id, :kind, :job, :trigger, :scheduled_for, :attempt, :state, :queued_at, :started_at, :finished_at,
                    :heartbeat_at, :owner_process, :owner_start_ticks, :owner_boot, :cancel_requested_by, :engine_name,
                    :engine_version, :snapshot, :documents, :failed_documents, :namespaces, :uncompressed_bytes, :stored_bytes, :warnings,
                    :error_code, :error_message, :error_hint, :digest)
                """,
            arguments: run.row.arguments())
    }

    func update(_ run: Run) throws {
        try execute(
            sql: """
                UPDATE run
                SET state = :state, started_at = :started_at, finished_at = :finished_at, heartbeat_at = :heartbeat_at,
                    owner_process = :owner_process, owner_start_ticks = :owner_start_ticks, owner_boot = :owner_boot,
                    cancel_requested_by = :cancel_requested_by,
                    engine_name = :engine_name, engine_version = :engine_version, snapshot = :snapshot,
                    documents = :documents, failed_documents = :failed_documents, namespaces = :namespaces,
                    uncompressed_bytes = :uncompressed_bytes, stored_bytes = :stored_bytes, warnings = :warnings,
                    error_code = :error_code, error_message = :error_message, error_hint = :error_hint,
                    digest = :digest
                WHERE id = :id
                """,
            arguments: run.row.arguments())
    }

    private func refuseSecond(_ run: Run) throws {
        let other = try String.fetchOne(
            self,
            sql: """
                SELECT id FROM run
                WHERE id = :id OR (job = :job AND scheduled_for = :scheduled AND attempt = :attempt)
                """,
            arguments: [
                "id": run.id.text, "job": run.job, "scheduled": run.scheduledFor?.catalogMilliseconds,
                "attempt": run.attempt,
            ])
        if let other {
            throw BackupError(
                .refused,
                "cannot record run '\(run.id)': run '\(other.escapedForDisplay)' is there for the same instant already")
        }
    }
}
