import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

struct HistoryTests {
    @discardableResult
    private func fail(_ catalog: Catalog, _ number: Int, job: String = "orders", kind: RunKind = .backup) throws -> Run
    {
        let time = Sample.act(TimeInterval(number))
        var run = try catalog.start(Sample.run(number, job: job, kind: kind), owner: Sample.owner, time)
        run.state = .failed
        run.error = BackupError(.failed, "x")
        return try catalog.finish(run, time)
    }

    private func prune(_ catalog: Catalog, before seconds: TimeInterval, job: String? = nil) throws -> [RunID] {
        let expected = try catalog.oldHistory(before: Sample.start + seconds, job: job)
        let gone = try catalog.pruneHistory(before: Sample.start + seconds, job: job, Sample.act(10_000))
        #expect(gone == expected)
        #expect(try catalog.check().isSound)
        #expect(try catalog.oldHistory(before: Sample.start + seconds, job: job).isEmpty)
        return gone
    }

    @Test func oldRunsGoAndTheAuditSaysSo() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let old = try [1, 2, 3].map { try fail(catalog, $0).id }
        try fail(catalog, 100)
        let events = try catalog.events()
        #expect(try prune(catalog, before: 3) == [old[0], old[1]])
        let pruned = try #require(try catalog.events(limit: 1).first)
        #expect(pruned.action == .historyPruned && pruned.detail == "before 2026-01-14T02:00:03Z")
        #expect(Array(try catalog.events().dropFirst()) == events, "events stay")
        #expect(try catalog.runs().count == 2)
        #expect(try prune(catalog, before: 3) == [])
        #expect(try catalog.events().count == events.count + 1, "nothing happened")
    }

    @Test func whatExplainsASnapshotStays() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let kept = try catalog.backUp(1)
        let gone = try catalog.backUp(2)
        var verify = try catalog.start(Sample.run(3, kind: .verify), owner: Sample.owner, Sample.act(3))
        verify.state = .succeeded
        verify.snapshot = kept.id
        try catalog.finish(verify, Sample.act(3))
        try catalog.backUp(4)
        try catalog.beginDeleting(snapshot: gone.id, sparing: .newest, reason: "x", Sample.act(5))
        #expect(try prune(catalog, before: 100) == [])
        try catalog.finishDeleting(snapshot: gone.id, Sample.act(5))
        #expect(try prune(catalog, before: 100) == [gone.run])
        #expect(try catalog.runs().map(\.id) == [4, 3, 1].map { try Sample.runID($0) })
    }

    /// Pruning waits for a success after the newest attempt: what stands there must not be forgotten.
    @Test func theNewestAttemptOfEachJobStays() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try fail(catalog, 1)
        try fail(catalog, 2)
        try fail(catalog, 3, job: "other")
        try fail(catalog, 4, kind: .restore)
        var skipped = try Sample.run(5)
        skipped.state = .skipped
        try catalog.record(skipped, Sample.act(5))
        #expect(try prune(catalog, before: 1000) == [1, 4].map { try Sample.runID($0) })
        #expect(try catalog.attempts(of: "orders").map(\.id) == [5, 2].map { try Sample.runID($0) })
        #expect(try catalog.attempts(of: "other").map(\.id) == [Sample.runID(3)])
    }

    @Test func theNewestInstantStays() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in 1...3 {
            var missed = try Sample.run(number)
            missed.state = .missed
            missed.trigger = .schedule
            missed.scheduledFor = Sample.start + TimeInterval(number)
            try catalog.record(missed, Sample.act(TimeInterval(number)))
        }
        try fail(catalog, 10)
        #expect(try prune(catalog, before: 1000) == [1, 2].map { try Sample.runID($0) })
    }

    @Test func oneJobsHistoryGoesAlone() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in 1...4 { try fail(catalog, number, job: number.isMultiple(of: 2) ? "orders" : "other") }
        #expect(try prune(catalog, before: 1000, job: "orders") == [Sample.runID(2)])
        #expect(try catalog.runs(job: "other").count == 2)
    }

    @Test func whatRunsStays() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        _ = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act(1))
        try catalog.record(Sample.run(2), Sample.act(2))
        #expect(try prune(catalog, before: 1_000_000) == [])
    }

    /// The schema lets exactly that happen, whoever writes.
    @Test func nothingElseIsDeletedThanWhatTheNewestEventNames() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in 1...3 { try fail(catalog, number) }
        let raw = try scratch.raw()
        let first = try Sample.runID(1).text
        func delete(_ action: String, _ detail: String, then: String = "") throws {
            try raw.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO event (at, actor, action, detail, digest) VALUES (1, 'a', ?, ?, zeroblob(32));
                        \(then)
                        DELETE FROM run WHERE id = ?
                        """, arguments: [action, detail, first])
            }
        }
        let other = "INSERT INTO event (at, actor, action, digest) VALUES (1, 'a', 'b', zeroblob(32));"
        #expect(throws: DatabaseError.self) { try delete("history-pruned", "before 2026-01-14T02:00:01Z") }
        #expect(throws: DatabaseError.self) { try delete("history-pruned", "2026-01-14T02:00:02Z") }
        #expect(throws: DatabaseError.self) { try delete("run-finished", "before 2026-01-14T02:00:02Z") }
        #expect(throws: DatabaseError.self) { try delete("history-pruned", "before 2026-01-14T02:00:02Z", then: other) }
        #expect(try catalog.runs().count == 3)
        try delete("history-pruned", "before 2026-01-14T02:00:02Z")
        #expect(try catalog.runs().count == 2)
    }
}
