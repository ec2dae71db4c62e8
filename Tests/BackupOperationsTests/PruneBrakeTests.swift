import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import MongoArchive
import Testing

@testable import BackupOperations

/// When nothing is removed, however clear the plan is.
@Suite struct PruneBrakesTests {
    private func engine(_ documents: Int, size: Int = 100) throws -> FakeEngine {
        FakeEngine(
            try MadeArchive.make([(Namespace(database: "shop", collection: "a"), documents)], size: size))
    }

    private func expectRefused(_ site: PruneSite, _ code: PruneBrake.Code, _ what: Comment = "") throws {
        let before = try site.snapshots()
        let planned = try site.prune { $0.isDryRun = true }
        #expect(planned.brakes.map(\.code) == [code], what)
        let result = try site.pruneAll()
        #expect(result.state == .refused && result.exitStatus == 1, what)
        #expect(result.error?.message.hasPrefix("refusing to prune job 'orders': ") == true, what)
        #expect(result.error?.hint != nil)
        #expect(try site.snapshots() == before, what)
        let run = try #require(try result.run.map { try site.catalog.run($0.id) })
        #expect(run.kind == .prune && run.state == .skipped && run.error == result.error, what)
        #expect(try site.catalog.check().isSound)
    }

    @Test func nothingGoesWhileTheNewestRunDidNotSucceed() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 3)
        #expect(try site.failingRun().state == .failed)
        try expectRefused(site, .newestRun)
        // What history forgets of failures does not loosen it.
        site.clock.advance(400 * 86400)
        _ = try PruneHistory(workspace: site.workspace).run(
            olderThan: 86400, isDryRun: false, now: site.clock.now())
        try expectRefused(site, .newestRun)
        try site.run()
        #expect(try site.pruneAll().removed == ids.reversed())
    }

    /// A month of successes, then a year of failures with retention after each, as a daemon does it.
    @Test func aYearOfFailuresTakesNothing() throws {
        let site = try PruneSite(policy: RetentionPolicy(counts: [.daily: 5]))
        for _ in 0..<12 {
            try site.run()
            #expect(PruneJob(workspace: site.workspace, now: site.clock.now).afterRun(job: site.site.job)?.error == nil)
        }
        let kept = try site.snapshots()
        #expect(kept.count == 5)
        for _ in 0..<30 {
            #expect(try site.failingRun().state == .failed)
            let result = PruneJob(workspace: site.workspace, now: site.clock.now).afterRun(job: site.site.job)
            #expect(result?.removed == [])
        }
        #expect(try site.snapshots() == kept)
        try site.site.expectConsistent()
    }

    @Test func nothingGoesAfterAClockJump() throws {
        let day = 86400.0
        for jump in [400 * day, -2 * 3600.0] {
            let site = try PruneSite(
                policy: RetentionPolicy(counts: [:], spans: [.last: try #require(RetentionSpan("3d"))]))
            let ids = try site.run(times: 6)
            site.clock.jump(jump)
            try site.run(after: 1)
            try expectRefused(site, .clockJump, "\(jump)")
            site.clock.advance(day - 7200)
            try site.run(after: 0)
            try expectRefused(site, .clockJump, "\(jump)")
            // A day later it is trusted, or at once when a person says so.
            if jump < 0 {
                site.clock.advance(day)
                #expect(try !site.pruneAll().removed.isEmpty)
            } else {
                let result = try site.prune {
                    $0.acceptsClock = true
                    $0.share = 100
                }
                #expect(result.removed == ids.reversed())
                #expect(try site.catalog.clockReading()?.jumpedAt == nil)
            }
            try site.site.expectConsistent()
        }
    }

    @Test func aSmallSnapshotIsAWarningOnItsRunAndHoldsRetention() throws {
        let site = try PruneSite()
        for _ in 0..<3 { #expect(try site.run(engine(10)).warnings.count == 2) }
        let small = try site.run(engine(4))
        #expect(small.state == .succeeded)
        let warning = try #require(small.warnings.last)
        #expect(warning.contains("is suspiciously small: 4 documents, below half of 10"))
        #expect(try site.catalog.run(small.id).warnings.last == warning)
        try expectRefused(site, .anomaly)
        // The next normal run ends it.
        #expect(try site.run(engine(9)).warnings.count == 2)
        #expect(try site.pruneAll().removed.count == 4)
    }

    @Test func aPersonAcceptsASmallSnapshotForTheFutureToo() throws {
        let site = try PruneSite()
        for _ in 0..<3 { try site.run(engine(10)) }
        let small = try site.run(engine(4))
        let dry = try site.prune {
            $0.isDryRun = true
            $0.acceptsAnomaly = true
        }
        #expect(dry.brakes.isEmpty)
        try expectRefused(site, .anomaly)
        let accepted = try site.prune {
            $0.acceptsAnomaly = true
            $0.share = 100
        }
        #expect(accepted.removed.count == 3)
        #expect(try site.snapshots() == [small.snapshot])
        // The new size is the measure from now on.
        #expect(try site.run(engine(4)).warnings.count == 2)
        #expect(try site.pruneAll().removed.count == 1)
        #expect(try site.run(engine(1)).warnings.count == 3)
        try expectRefused(site, .anomaly)
    }

    @Test func fewerBytesAreAsSuspicious() throws {
        let site = try PruneSite()
        for _ in 0..<2 { try site.run(engine(10, size: 3000)) }
        #expect(try site.run(engine(10, size: 100)).warnings.last?.contains(" bytes, below half of ") == true)
        try expectRefused(site, .anomaly)
    }

    @Test func aRunningBackupHoldsRetention() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 2)
        let time = site.clock.now()
        let id = try #require(RunID(Timestamp.compact(time) + "-busy"))
        let run = Run(id: id, kind: .backup, job: "orders", trigger: .manual, queuedAt: time)
        _ = try site.catalog.start(run, owner: ProcessIdentity.current(), site.workspace.act(time))
        try expectRefused(site, .newestRun)
        #expect(try site.snapshots() == ids)
    }
}
