package import BackupModel
package import Foundation
import GRDB

/// Who did what, when: one line of the audit, which only grows.
package struct Event: Hashable, Sendable {
    /// Given by the catalog, without gaps.
    package var id: Int64
    package var time: Date
    package var actor: String
    package var action: EventAction
    package var repository: String?
    package var job: String?
    package var run: RunID?
    package var snapshot: String?
    package var detail: String?
}

/// What was done. Stored as its text; operations may add actions of their own.
package struct EventAction: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    /// Lower-case letters and '-' only.
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let repositoryAdded = EventAction(rawValue: "repository-added")
    package static let repositoryChanged = EventAction(rawValue: "repository-changed")
    package static let jobCreated = EventAction(rawValue: "job-created")
    package static let jobChanged = EventAction(rawValue: "job-changed")
    package static let jobPaused = EventAction(rawValue: "job-paused")
    package static let jobResumed = EventAction(rawValue: "job-resumed")
    package static let jobDeleted = EventAction(rawValue: "job-deleted")
    package static let runRecorded = EventAction(rawValue: "run-recorded")
    package static let runStarted = EventAction(rawValue: "run-started")
    package static let runFinished = EventAction(rawValue: "run-finished")
    package static let runCancelRequested = EventAction(rawValue: "run-cancel-requested")
    /// It was cancelled while it stood in the queue.
    package static let runWithdrawn = EventAction(rawValue: "run-withdrawn")
    package static let daemonStarted = EventAction(rawValue: "daemon-started")
    package static let daemonStopped = EventAction(rawValue: "daemon-stopped")
    package static let runInterrupted = EventAction(rawValue: "run-interrupted")
    package static let snapshotPublished = EventAction(rawValue: "snapshot-published")
    package static let snapshotAdopted = EventAction(rawValue: "snapshot-adopted")
    package static let snapshotChanged = EventAction(rawValue: "snapshot-changed")
    package static let snapshotVerified = EventAction(rawValue: "snapshot-verified")
    package static let snapshotPinned = EventAction(rawValue: "snapshot-pinned")
    package static let snapshotUnpinned = EventAction(rawValue: "snapshot-unpinned")
    package static let snapshotSizeAccepted = EventAction(rawValue: "snapshot-size-accepted")
    package static let historyPruned = EventAction(rawValue: "history-pruned")
    package static let clockJumped = EventAction(rawValue: "clock-jumped")
    package static let clockAccepted = EventAction(rawValue: "clock-accepted")
    package static let snapshotDeleted = EventAction(rawValue: "snapshot-deleted")
}

/// What an event is about.
package struct EventSubject: Hashable, Sendable {
    package var repository: String?
    package var job: String?
    package var run: RunID?
    package var snapshot: String?

    package init(repository: String? = nil, job: String? = nil, run: RunID? = nil, snapshot: String? = nil) {
        self.repository = repository
        self.job = job
        self.run = run
        self.snapshot = snapshot
    }
}

extension Catalog {
    /// Records something that no other function of the catalog does.
    package func record(
        _ action: EventAction, about subject: EventSubject = EventSubject(), detail: String? = nil, _ act: Act
    ) throws {
        try write { try $0.record(action, subject, detail: detail, act) }
    }

    /// The newest events first, of one job or of everything.
    package func events(job: String? = nil, limit: Int? = nil) throws -> [Event] {
        let limit = limit ?? -1
        return try read { database in
            let rows =
                if let job {
                    try Row.fetchCursor(
                        database, sql: "SELECT * FROM event WHERE job = ? ORDER BY id DESC LIMIT ?",
                        arguments: [job, limit])
                } else {
                    try Row.fetchCursor(
                        database, sql: "SELECT * FROM event ORDER BY id DESC LIMIT ?", arguments: [limit])
                }
            return try Array(rows.map { try Event(CatalogRow(.event, reading: $0)) })
        }
    }
}

extension Database {
    /// Part of the transaction that it tells of.
    func record(_ action: EventAction, _ subject: EventSubject, detail: String? = nil, _ act: Act) throws {
        let last = try Int64.fetchOne(
            self,
            sql: """
                SELECT max(coalesce((SELECT max(id) FROM event), 0),
                           coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0))
                """)
        let row = CatalogRow(
            .event,
            [
                "id": (last ?? 0) &+ 1, "at": act.time.catalogMilliseconds, "actor": act.actor.withoutNUL,
                "action": action.rawValue, "repository": subject.repository, "job": subject.job,
                "run": subject.run?.text, "snapshot": subject.snapshot, "detail": detail?.withoutNUL,
            ])
        try execute(
            sql: """
                INSERT INTO event (id, at, actor, action, repository, job, run, snapshot, detail, digest)
                VALUES (:id, :at, :actor, :action, :repository, :job, :run, :snapshot, :detail, :digest)
                """,
            arguments: row.arguments())
    }
}

extension Event {
    init(_ row: CatalogRow) throws {
        id = try row.integer("id")
        time = try row.time("at")
        actor = try row.text("actor")
        action = try row.value("action")
        repository = try row.optionalText("repository")
        job = try row.optionalText("job")
        run = try row.optionalText("run").map { text in
            guard let id = RunID(text) else { throw row.damaged("its run is not a run's id") }
            return id
        }
        snapshot = try row.optionalText("snapshot")
        detail = try row.optionalText("detail")
    }
}

extension String {
    /// For texts that are there to be read by people: a NUL in one must not keep a run from being recorded.
    var withoutNUL: String {
        utf8.contains(0)
            ? String(decoding: utf8.flatMap { $0 == 0 ? Array("\\u{0}".utf8) : [$0] }, as: UTF8.self) : self
    }
}
