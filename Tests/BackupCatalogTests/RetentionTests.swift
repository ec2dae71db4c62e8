import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

/// What the catalog itself sees to when snapshots and history are removed.
struct RetentionTests {
    private func refusal(
        _ catalog: Catalog, _ snapshot: String, _ spared: SparedSnapshots = .newest, at seconds: TimeInterval = 1000
    ) -> BackupError? {
        failure {
            try catalog.beginDeleting(snapshot: snapshot, sparing: spared, reason: "plan", Sample.act(seconds))
        }
    }

    @Test func theNewestGoodOneStaysWhateverThePlanSaid() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2, 3].map { try catalog.backUp($0) }
        #expect(refusal(catalog, made[2].id)?.code == .refused)
        // Since the plan was made the newer ones were found to be damaged.
        try catalog.setState(.damaged, ofSnapshot: made[2].id, Sample.act())
        try catalog.setState(.missing, ofSnapshot: made[1].id, Sample.act())
        #expect(refusal(catalog, made[0].id)?.code == .refused)
        #expect(refusal(catalog, made[0].id, .lastGood)?.message.contains("last good snapshot of job") == true)
        #expect(try catalog.snapshot(matching: made[0].id).state == .good)
        #expect(refusal(catalog, made[0].id, .none) == nil)
    }

    @Test func theNewestVerifiedOneStays() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2, 3].map { try catalog.backUp($0) }
        try catalog.setVerified(snapshot: made[0].id, Sample.act())
        #expect(refusal(catalog, made[0].id)?.code == .refused)
        #expect(refusal(catalog, made[1].id) == nil)
        try catalog.setVerified(snapshot: made[2].id, Sample.act())
        #expect(refusal(catalog, made[0].id) == nil)
    }

    /// One that is dated in the future is no reason to let the newest real one go.
    @Test func aSnapshotOfTheFutureIsNotTheNewest() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let real = try catalog.backUp(1)
        _ = try catalog.backUp(20_000)
        #expect(refusal(catalog, real.id, at: 1000)?.code == .refused)
        #expect(refusal(catalog, real.id, at: 20_000) == nil)
    }

    @Test func whatARunReadsIsNotDeleted() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2].map { try catalog.backUp($0) }
        var restore = try catalog.start(Sample.run(3, kind: .restore), owner: Sample.owner, Sample.act())
        try catalog.hold(snapshot: made[0].id, by: restore.id)
        #expect(try catalog.readers() == [made[0].id: restore.id])
        for spared in [SparedSnapshots.none, .lastGood, .newest] {
            #expect(refusal(catalog, made[0].id, spared)?.code == .locked)
        }
        // A heartbeat does not let go of it.
        try catalog.heartbeat(restore.id, counters: RunCounters(documents: 1), at: Sample.start + 9)
        #expect(refusal(catalog, made[0].id)?.code == .locked)
        restore.snapshot = made[0].id
        restore.state = .succeeded
        try catalog.finish(restore, Sample.act())
        #expect(try catalog.readers().isEmpty)
        #expect(refusal(catalog, made[0].id) == nil)
    }

    @Test func whatIsBeingDeletedIsNotRead() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2].map { try catalog.backUp($0) }
        let restore = try catalog.start(Sample.run(3, kind: .restore), owner: Sample.owner, Sample.act())
        #expect(refusal(catalog, made[0].id) == nil)
        #expect(failure { try catalog.hold(snapshot: made[0].id, by: restore.id) }?.code == .snapshotNotFound)
        let backup = try catalog.start(Sample.run(4), owner: Sample.owner, Sample.act())
        #expect(failure { try catalog.hold(snapshot: made[1].id, by: backup.id) } != nil)
        try catalog.markInterrupted(restore, reason: BackupError(.interrupted, "gone"), Sample.act())
        #expect(failure { try catalog.hold(snapshot: made[1].id, by: restore.id) }?.code == .interrupted)
    }

    @Test func aPinHoldsUntilItsEnd() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2].map { try catalog.backUp($0) }
        let pin = SnapshotPin(reason: "audit", until: Sample.start + 100)
        try catalog.setPin(pin, ofSnapshot: made[0].id, Sample.act())
        #expect(try catalog.snapshot(matching: made[0].id).pin == pin)
        #expect(refusal(catalog, made[0].id, at: 100)?.message.contains("pinned: audit") == true)
        #expect(refusal(catalog, made[0].id, at: 100.001) == nil)
        try catalog.finishDeleting(snapshot: made[0].id, Sample.act())
        #expect(try catalog.check().isSound)
    }

    @Test func anAcceptedSizeIsRemembered() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let id = try catalog.backUp(1).id
        try catalog.acceptSize(ofSnapshot: id, Sample.act(5))
        #expect(try catalog.snapshot(matching: id).sizeAcceptedAt == Sample.start + 5)
        #expect(try catalog.events(limit: 1).first?.action == .snapshotSizeAccepted)
        #expect(try catalog.check().isSound)
    }

    @Test func theClockIsRememberedWithItsJump() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        #expect(try catalog.clockReading() == nil)
        try catalog.acceptClock(Sample.act())
        try catalog.readClock(bootID: "a", uptime: 10.5, Sample.act(0))
        #expect(try catalog.clockReading() == ClockReading(time: Sample.start, bootID: "a", uptime: 10.5))
        let events = try catalog.events().count
        try catalog.readClock(bootID: "a", uptime: 70.5, Sample.act(60))
        #expect(try catalog.events().count == events)
        let jumped = try catalog.readClock(bootID: "a", uptime: 80.5, Sample.act(90_000))
        #expect(jumped.jumpedAt == Sample.start + 90_000)
        #expect(try catalog.events(limit: 1).first?.action == .clockJumped)
        try catalog.readClock(bootID: "a", uptime: 81.5, Sample.act(90_001))
        #expect(try catalog.clockReading()?.jumpedAt == Sample.start + 90_000)
        #expect(try catalog.events().count == events + 1)
        try catalog.acceptClock(Sample.act(90_002))
        #expect(try catalog.clockReading()?.jumpedAt == nil)
        #expect(try catalog.events(limit: 1).first?.action == .clockAccepted)
        #expect(try catalog.check().isSound)
    }

    @Test func aPolicyThatCannotBeReadIsDamageAndNotNone() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var job = try Sample.job("kept")
        job.retention = try RetentionPolicy(counts: [.daily: 7])
        try catalog.insert(job, Sample.act())
        let row = try #require(
            try catalog.read { try Row.fetchOne($0, sql: "SELECT * FROM job WHERE name = 'kept'") })
        var values = Dictionary(uniqueKeysWithValues: row.map { ($0, $1 as (any DatabaseValueConvertible)?) })
        values["digest"] = nil
        for text in [#"{"keepDaily":0}"#, #"{"keepDayly":7}"#, "{x}", #"{"keepDaily":7,"timeZone":"UTC"}"#] {
            values["retention"] = text
            let forged = CatalogRow(.job, values)
            try catalog.write { try $0.execute(sql: "DELETE FROM job WHERE name = 'kept'") }
            try catalog.write { database in
                let names = try forged.arguments()
                try database.execute(
                    sql: """
                        INSERT INTO job (name, connection_kind, connection, include_patterns, exclude_patterns,
                            with_users, engine, repository, allow_empty, stall_timeout_seconds, retention, created_at,
                            updated_at, digest)
                        VALUES (:name, :connection_kind, :connection, :include_patterns, :exclude_patterns,
                            :with_users, :engine, :repository, :allow_empty, :stall_timeout_seconds, :retention,
                            :created_at, :updated_at, :digest)
                        """, arguments: names)
            }
            let error = failure { _ = try catalog.job(named: job.name) }
            #expect(error?.code == .catalogFailed, "\(text)")
            #expect(error?.message.contains("its retention cannot be read") == true, "\(text)")
        }
    }

    @Test func aTransactionThatFailsHoldsNothing() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let restore = try catalog.start(Sample.run(3, kind: .restore), owner: Sample.owner, Sample.act())
        #expect(failure { try catalog.hold(snapshot: "none", by: restore.id) }?.code == .snapshotNotFound)
        #expect(try catalog.readers().isEmpty)
    }
}
