import BackupCatalog
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Testing

@testable import BackupOperations

@Suite struct PruneTests {
    @Test func aPruneDoesWhatItsPlanSays() throws {
        let site = try PruneSite(keepLast: 2)
        let ids = try site.run(times: 5)
        let before = try inventory(of: site.site.scratch.statePath)
        let planned = try site.prune {
            $0.isDryRun = true
            $0.share = 100
        }
        #expect(planned.state == .planned && planned.brakes.isEmpty && planned.run == nil)
        #expect(planned.plan.kept.map(\.candidate.id) == Array(ids[..<2]))
        #expect(planned.plan.removed.map(\.id) == Array(ids[2...]))
        let sizes = try site.catalog.snapshots().suffix(3).map(\.storedBytes).reduce(0, +)
        #expect(planned.plan.freedBytes == sizes)
        let after = try inventory(of: site.site.scratch.statePath)
        #expect(
            after.filter { !$0.key.hasPrefix("catalog.sqlite-") }
                == before.filter { !$0.key.hasPrefix("catalog.sqlite-") })

        let done = try site.pruneAll()
        #expect(done.state == .succeeded && done.exitStatus == 0)
        #expect(done.removed == ids[2...].reversed(), "the oldest first")
        #expect(try site.snapshots() == Array(ids[..<2]))
        #expect(try site.site.entries().map(\.location.id).sorted() == ids[..<2].sorted())
        let run = try #require(try done.run.map { try site.catalog.run($0.id) })
        #expect(run.kind == .prune && run.state == .succeeded && run.counters.storedBytes == sizes)
        try site.site.expectConsistent()

        // The audit has every step of each.
        let events = try site.catalog.events(job: "orders")
        for id in done.removed {
            let own = events.filter { $0.snapshot == id }.map { "\($0.action.rawValue) \($0.detail ?? "")" }
            #expect(own.prefix(2) == ["snapshot-deleted ", "snapshot-changed deleting: retention, run \(run.id)"])
        }
        let log = try site.workspace.logLines(of: run.id)
        #expect(log.contains { $0.hasSuffix("keep \(ids[0]): last, last good, last verified") })
        #expect(log.contains { $0.hasSuffix("removed \(ids[4])") })
        #expect(try site.pruneAll().state == .nothing)
        #expect(try site.catalog.runs().filter { $0.kind == .prune }.count == 1, "nothing to do is no run")
    }

    @Test func aJobWithoutAPolicyKeepsEverything() throws {
        var site = try PruneSite()
        try site.run(times: 3)
        let before = site.site.job
        try site.edit { $0.retention = nil }
        #expect(failure { _ = try site.pruneAll() }?.code == .refused)
        let prune = PruneJob(workspace: site.workspace, now: site.clock.now)
        #expect(prune.afterRun(job: site.site.job) == nil)
        // Who read the job when it still had one.
        #expect(prune.afterRun(job: before)?.error?.code == .refused)
        #expect(try site.snapshots().count == 3)
    }

    /// Between the reading of the job and the pruning lie a run, or the proof of a large snapshot: hours.
    @Test func thePolicyThatCountsIsThatOfNow() throws {
        var site = try PruneSite(keepLast: 1)
        try site.run(times: 3)
        let before = site.site.job
        try site.edit { $0.retention = try RetentionPolicy(counts: [.last: 10]) }
        let prune = PruneJob(workspace: site.workspace, now: site.clock.now)
        #expect(prune.afterRun(job: before)?.state == .nothing)
        #expect(try site.snapshots().count == 3)
        _ = try JobEditing(workspace: site.workspace).delete(
            name: before.name, withSnapshots: false, now: site.clock.now())
        #expect(prune.afterRun(job: before)?.error?.code == .jobNotFound)
        #expect(try site.snapshots().count == 3)
    }

    @Test func aJobIsDeletedWithAllItsSnapshotsOrWithNone() throws {
        let site = try PruneSite(keepLast: 10)
        let ids = try site.run(times: 3)
        let byHand = DeleteByHand(workspace: site.workspace)
        let pinned = try site.catalog.snapshot(matching: ids[1])
        _ = try byHand.pin(pinned, reason: "audit", until: nil, now: site.clock.now())
        let editing = JobEditing(workspace: site.workspace)
        func delete() throws -> Int {
            try editing.delete(name: site.site.job.name, withSnapshots: true, now: site.clock.now())
        }
        #expect(failure { _ = try delete() }?.code == .refused)
        #expect(try site.snapshots() == ids)
        try byHand.unpin(pinned, now: site.clock.now())
        #expect(try delete() == 3)
        #expect(try site.snapshots().isEmpty)
    }

    @Test func theDaysAreThoseOfTheJobsZone() throws {
        // 02:00, 09:00 and 15:00 on one day in UTC; at +14 the last one is of the next day.
        for (zone, kept) in [(String?.none, [0, 2]), ("Pacific/Kiritimati", [0, 1])] {
            var site = try PruneSite(policy: RetentionPolicy(counts: [.daily: 2]))
            try site.edit { $0.timeZone = zone }
            try site.run()
            try site.run(after: 7)
            try site.run(after: 6)
            let ids = try site.snapshots()
            _ = try site.pruneAll()
            #expect(try site.snapshots() == kept.map { ids[$0] }, "\(zone ?? "UTC")")
        }
    }

    @Test func pinnedOnesStayUntilTheirEnd() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 4)
        let hands = DeleteByHand(workspace: site.workspace)
        let now = site.clock.now()
        _ = try hands.pin(site.catalog.snapshot(matching: ids[3]), reason: "before migration", until: nil, now: now)
        _ = try hands.pin(
            site.catalog.snapshot(matching: ids[2]), reason: "a week", until: now + 7 * 86400, now: now)
        let first = try site.pruneAll()
        #expect(first.plan.kept.last?.reasons == [.pinned("before migration")])
        #expect(try site.snapshots() == [ids[0], ids[2], ids[3]])
        site.clock.advance(8 * 86400)
        #expect(try site.pruneAll().removed == [ids[2]])
        try hands.unpin(site.catalog.snapshot(matching: ids[3]), now: site.clock.now())
        #expect(try site.pruneAll().removed == [ids[3]])
        try site.site.expectConsistent()
    }

    @Test func whatIsBeingReadStaysAndGoesTheNextTime() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 3)
        let time = site.clock.now()
        let id = try #require(RunID(Timestamp.compact(time) + "-read"))
        var reader = Run(id: id, kind: .restore, job: "orders", trigger: .manual, queuedAt: time)
        reader = try site.catalog.start(reader, owner: ProcessIdentity.current(), site.workspace.act(time))
        try site.catalog.hold(snapshot: ids[2], by: id)
        let first = try site.pruneAll()
        #expect(first.plan.kept.map(\.reasons).last == [.beingRead])
        #expect(try site.snapshots() == [ids[0], ids[2]])
        reader.state = .succeeded
        try site.catalog.finish(reader, site.workspace.act(time))
        // A reader without a run, such as a dry run of a restore: its lock is found, and the snapshot is left as it is.
        let location = try SnapshotLocation(id: ids[2])
        var file: (any StoredFile)? = try site.workspace.repository("default").openArchive(location)
        let second = try site.pruneAll()
        #expect(second.state == .succeeded && second.removed.isEmpty)
        #expect(second.warnings.contains { $0.contains("left '\(ids[2])'") && $0.contains("being read") })
        #expect(try site.catalog.snapshot(matching: ids[2]).state == .good)
        #expect(file != nil)
        file = nil
        #expect(try site.pruneAll().removed == [ids[2]])
    }

    @Test func onlyWhatCatalogAndManifestAgreeOnIsDeleted() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 6)
        // Another manifest, another length, no manifest.
        let other = try String(contentsOfFile: site.path(ids[4], ".manifest.json"), encoding: .utf8)
        try other.write(toFile: site.path(ids[5], ".manifest.json"), atomically: false, encoding: .utf8)
        unlink(try site.path(ids[3], ".manifest.json"))
        let long = try FileHandle(forWritingTo: URL(filePath: try site.path(ids[2])))
        try long.seekToEnd()
        try long.write(contentsOf: Data([0]))
        try long.close()
        let result = try site.pruneAll()
        #expect(result.state == .partial && result.exitStatus == 3)
        #expect(result.error?.message.contains("do not agree") == true)
        #expect(result.removed == [ids[4], ids[1]])
        #expect(result.plan.notGood.map(\.id) == [ids[2]])
        #expect(try site.snapshots() == [ids[0], ids[2], ids[3], ids[5]])
        #expect(try exists(site.path(ids[3])) && exists(site.path(ids[5], ".manifest.json")))
        #expect(try site.catalog.snapshot(matching: ids[5]).state == .good)
        let found = try CheckCatalog(workspace: site.workspace).run()
        #expect(
            Set(found.findings.map { "\($0.kind.rawValue) \($0.snapshot ?? "")" }) == [
                "other-manifest \(ids[5])", "archive-without-manifest \(ids[3])", "other-length \(ids[2])",
            ])
        #expect(!found.isSound && found.catalog.isSound)
    }

    /// Damage that leaves the length as it was is found before what is whole goes, not after.
    @Test func theLastGoodOneIsReadBackBeforeOthersGo() throws {
        let site = try PruneSite()
        let snapshots = try site.run(times: 4)
        for damaged in snapshots.prefix(2) {
            let handle = try FileHandle(forUpdating: URL(filePath: site.path(damaged)))
            let size = try handle.seekToEnd()
            try handle.seek(toOffset: size / 2)
            try handle.write(contentsOf: Data(repeating: 0, count: 20))
            try handle.close()
        }
        site.clock.advance(3600)
        let result = try site.pruneAll()
        #expect(result.state == .succeeded && result.removed == [snapshots[3]])
        #expect(result.warnings.count == 2 && result.warnings.allSatisfy { $0.contains("it is damaged") })
        let states = Dictionary(uniqueKeysWithValues: try site.catalog.snapshots().map { ($0.id, $0.state) })
        #expect(states == [snapshots[0]: .damaged, snapshots[1]: .damaged, snapshots[2]: .good])
        // That the third one is whole is known now.
        let proved = try site.catalog.snapshot(matching: snapshots[2]).verifiedAt
        #expect(try #require(proved) > TickingClock.start + 4 * 86400)
    }

    /// Damage that comes right after a run: who prunes by hand does not rely on that run's own reading.
    @Test func aPruneByHandReadsWhatAFreshRunStored() throws {
        let site = try PruneSite()
        let snapshots = try site.run(times: 3)
        let handle = try FileHandle(forUpdating: URL(filePath: site.path(snapshots[0])))
        try handle.seek(toOffset: try handle.seekToEnd() / 2)
        try handle.write(contentsOf: Data(repeating: 0, count: 20))
        try handle.close()
        #expect(try site.pruneAll().removed == [snapshots[2]])
        #expect(try site.catalog.snapshot(matching: snapshots[0]).state == .damaged)
    }

    @Test(arguments: [false, true]) func aRepositoryThatIsGoneIsAnErrorNotAnEmptyPlan(_ isDryRun: Bool) throws {
        let prune = try PruneSite()
        try prune.run(times: 3)
        try FileManager.default.moveItem(
            atPath: prune.site.repositoryPath, toPath: prune.site.repositoryPath + "-unmounted")
        let error = failure { _ = try prune.prune { $0.isDryRun = isDryRun } }
        #expect(error?.code == .noRepository && error?.code.exitStatus == 10)
    }

    @Test func atMostAShareGoesAtOnceAndTheRestFollows() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 6)
        let first = try site.prune()
        #expect(first.removed == [ids[5], ids[4], ids[3]])
        #expect(first.plan.postponed.map(\.id) == [ids[1], ids[2]])
        #expect(first.warnings.contains { $0.contains("2 more snapshots wait") })
        #expect(try site.prune().removed == [ids[2]])
        #expect(try site.prune().removed == [ids[1]])
        #expect(try site.snapshots() == [ids[0]])
        #expect(try site.prune().state == .nothing)
    }

    @Test func aPruneThatIsCancelledStopsBetweenTwoSnapshots() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 4)
        let cancellation = Cancellation()
        cancellation.cancel(BackupError(.cancelled, "interrupted"))
        var options = PruneOptions()
        options.share = 100
        let result = try PruneJob(workspace: site.workspace, cancellation: cancellation, now: site.clock.now).run(
            job: site.site.job, options)
        #expect(result.exitStatus == 130)
        #expect(try result.run.map { try site.catalog.run($0.id).state } == .cancelled)
        #expect(try site.snapshots() == ids)
        try site.site.expectConsistent()
    }

    @Test func otherJobsAreLeftAlone() throws {
        let site = try PruneSite()
        try site.run(times: 3)
        var other = site
        other.site.job = try JobEditing(workspace: site.workspace).create(
            name: JobName("orders-archive"), connection: .literal(Site.uri),
            source: JobSource(connection: .literal(""), scope: .deployment), engine: .auto, policy: RunPolicy(),
            now: site.clock.now())
        try other.run(times: 3)
        _ = try site.pruneAll()
        #expect(try site.catalog.snapshots(job: "orders").count == 1)
        #expect(try site.catalog.snapshots(job: "orders-archive").count == 3)
    }

    @Test func deletingByHandRefusesTheLastGoodOne() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 2)
        let hands = DeleteByHand(workspace: site.workspace)
        func delete(_ id: String, forced: Bool = false) throws {
            let snapshot = try site.workspace.findSnapshot(id)
            try hands.delete(snapshot, isForced: forced, now: site.clock.now())
        }
        unlink(try site.path(ids[1]))
        // Of the two only one is good by now, whatever the catalog has.
        #expect(failure { try delete(ids[0]) }?.message.contains("last good snapshot of job 'orders'") == true)
        #expect(failure { try hands.check(site.workspace.findSnapshot(ids[0]), isForced: true, now: .now) } == nil)
        try delete(ids[1])
        #expect(failure { try delete(ids[0]) }?.code == .refused)
        _ = try hands.pin(site.catalog.snapshot(matching: ids[0]), reason: "r", until: nil, now: site.clock.now())
        #expect(failure { try delete(ids[0], forced: true) }?.message.contains("pinned: r") == true)
        try hands.unpin(site.catalog.snapshot(matching: ids[0]), now: site.clock.now())
        try delete(ids[0], forced: true)
        #expect(try site.snapshots().isEmpty && site.site.entries().isEmpty)
        #expect(try site.catalog.events(limit: 2).last?.detail == "deleting: by hand, forced")
    }

    @Test func aPinNeedsAReasonAndATimeToCome() throws {
        let site = try PruneSite()
        let snapshot = try site.catalog.snapshot(matching: try site.run(times: 1)[0])
        let hands = DeleteByHand(workspace: site.workspace)
        let now = site.clock.now()
        #expect(failure { _ = try hands.pin(snapshot, reason: " ", until: nil, now: now) }?.code == .usage)
        #expect(failure { _ = try hands.pin(snapshot, reason: "r", until: now, now: now) }?.code == .usage)
        #expect(try site.catalog.snapshot(matching: snapshot.id).pin == nil)
    }
}
