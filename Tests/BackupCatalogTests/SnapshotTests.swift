import BackupModel
import Foundation
import Testing

@testable import BackupCatalog

struct SnapshotTests {
    @Test func publishingIsOneStep() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        run.counters.documents = 7
        run.warnings = ["w"]
        let snapshot = Sample.snapshot(of: run)
        let ended = try catalog.publish(snapshot, namespaces: Sample.namespaces(), run: run, Sample.act(8))
        #expect(ended.state == .succeeded && ended.snapshot == snapshot.id && ended.finishedAt == Sample.start + 8)
        #expect(ended.counters.documents == 7 && ended.warnings == ["w"])
        #expect(try catalog.run(run.id) == ended)
        #expect(try catalog.snapshots() == [snapshot])
        #expect(try catalog.events(limit: 1).first?.action == .snapshotPublished)
    }

    @Test func whatDoesNotFitIsPublishedInNoPart() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let other = try catalog.backUp(9)
        let run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        let good = Sample.snapshot(of: run)
        let events = try catalog.events()
        func refuses(_ change: (inout Snapshot) -> Void) -> Bool {
            var snapshot = good
            change(&snapshot)
            return failure {
                try catalog.publish(snapshot, namespaces: Sample.namespaces(), run: run, Sample.act())
            } != nil
        }
        #expect(refuses { $0.namespaceCount = 3 })
        #expect(refuses { $0.job = "other" })
        #expect(refuses { $0.run = other.run })
        #expect(refuses { $0.state = .damaged })
        #expect(refuses { $0.state = .deleting })
        #expect(refuses { $0.sha256 = "x" })
        #expect(refuses { $0.sha256 = $0.sha256.uppercased() })
        #expect(refuses { $0.manifestSHA256 = "" })
        #expect(refuses { $0.storedBytes = 0 })
        #expect(refuses { $0.documents = -1 })
        #expect(refuses { $0.id = other.id })
        #expect(refuses { $0.id = "../x" })
        #expect(refuses { $0.file = other.file })
        #expect(refuses { $0.repository = "none" })
        let twice = [Sample.namespaces()[0], Sample.namespaces()[0]]
        #expect(failure { try catalog.publish(good, namespaces: twice, run: run, Sample.act()) } != nil)
        #expect(try catalog.snapshots() == [other] && catalog.events() == events)
        #expect(try catalog.run(run.id) == run)
        try catalog.publish(good, namespaces: Sample.namespaces(), run: run, Sample.act())
        #expect(failure { try catalog.publish(good, namespaces: Sample.namespaces(), run: run, Sample.act()) } != nil)
        #expect(try catalog.check().isSound)
    }

    @Test func aRunThatHasEndedPublishesNothing() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        try catalog.markInterrupted(run, reason: BackupError(.interrupted, "gone"), Sample.act())
        let error = failure {
            try catalog.publish(Sample.snapshot(of: run), namespaces: Sample.namespaces(), run: run, Sample.act())
        }
        #expect(error?.code == .refused)
        #expect(try catalog.snapshots().isEmpty)
        // Its manifest turns out to be in place: the snapshot is taken in, the run's end stays.
        #expect(try catalog.adopt([Sample.found(Sample.snapshot(of: run), run)], Sample.act()) == [])
        #expect(try catalog.snapshots().count == 1)
        #expect(try catalog.run(run.id).state == .interrupted)
        #expect(try catalog.check().isSound)
    }

    @Test func aSnapshotOfAnUnknownRunBringsItAlong() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try Sample.run(1, job: "forgotten")
        let snapshot = Sample.snapshot(of: run)
        #expect(try catalog.adopt([Sample.found(snapshot, run)], Sample.act(4)) == [])
        let found = try catalog.run(run.id)
        #expect(found.state == .succeeded && found.snapshot == snapshot.id)
        #expect(found.startedAt == snapshot.createdAt && found.owner == nil)
        #expect(try catalog.snapshots(job: "forgotten") == [snapshot])
        // One that is refused keeps none of the others.
        let next = try Sample.run(2, job: "forgotten")
        let refused = try catalog.adopt(
            [Sample.found(snapshot, run), Sample.found(Sample.snapshot(of: next), next)], Sample.act())
        #expect(refused.map(\.code) == [.refused])
        #expect(try catalog.snapshots(job: "forgotten").count == 2)
        #expect(try catalog.check().isSound)
    }

    @Test func aSnapshotOfARunThatIsActiveIsLeftToIt() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        let snapshot = Sample.snapshot(of: run)
        #expect(try catalog.adopt([Sample.found(snapshot, run)], Sample.act()).map(\.code) == [.refused])
        #expect(try catalog.snapshots().isEmpty)
    }

    @Test func theNewestGoodOneAtOrBeforeATimeIsFound() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [10, 20, 30, 40].map { try catalog.backUp($0) }
        try catalog.backUp(50, job: "other")
        try catalog.setState(.damaged, ofSnapshot: made[3].id, Sample.act())
        func newest(_ seconds: TimeInterval?) throws -> String? {
            try catalog.newestGoodSnapshot(of: "orders", atOrBefore: seconds.map { Sample.start + $0 })?.id
        }
        #expect(try newest(nil) == made[2].id)
        #expect(try newest(30) == made[2].id)
        #expect(try newest(29.999) == made[1].id)
        #expect(try newest(9) == nil)
        #expect(try catalog.newestGoodSnapshot(of: "none") == nil)
        #expect(try catalog.snapshots(job: "orders").map(\.id) == made.reversed().map(\.id))
        #expect(try catalog.snapshots(limit: 1).map(\.job) == ["other"])
    }

    @Test func aPrefixMustBeUnambiguous() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2].map { try catalog.backUp($0) }
        #expect(try catalog.snapshot(matching: made[0].id) == made[0])
        let error = failure { _ = try catalog.snapshot(matching: "orders-") }
        #expect(error?.code == .snapshotNotFound)
        #expect(made.allSatisfy { error?.message.contains("'\($0.id)'") == true })
        #expect(failure { _ = try catalog.snapshot(matching: "") }?.code == .snapshotNotFound)
        #expect(failure { _ = try catalog.namespaces(of: "none") }?.code == .snapshotNotFound)
        // An id that begins another one is itself.
        let run = try catalog.start(Sample.run(3), owner: Sample.owner, Sample.act())
        var longer = Sample.snapshot(of: run)
        longer.id = made[0].id + "x"
        try catalog.publish(longer, namespaces: Sample.namespaces(), run: run, Sample.act())
        #expect(try catalog.snapshot(matching: made[0].id) == made[0])
        #expect(try catalog.snapshot(matching: longer.id) == longer)
    }

    @Test func statesFollowWhatWasProved() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let id = try catalog.backUp(1).id
        try catalog.setState(.missing, ofSnapshot: id, detail: "no file", Sample.act())
        #expect(try catalog.snapshot(matching: id).state == .missing)
        try catalog.setVerified(snapshot: id, Sample.act(60))
        let verified = try catalog.snapshot(matching: id)
        #expect(verified.state == .good && verified.verifiedAt == Sample.start + 60)
        let events = try catalog.events().count
        try catalog.setState(.good, ofSnapshot: id, Sample.act())
        #expect(try catalog.events().count == events, "nothing happened")
        #expect(failure { try catalog.setState(.deleting, ofSnapshot: id, Sample.act()) } != nil)
    }

    @Test func deletingTakesTwoSteps() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let id = try catalog.backUp(1).id
        #expect(failure { try catalog.finishDeleting(snapshot: id, Sample.act()) }?.code == .refused)
        try catalog.beginDeleting(snapshot: id, sparing: .none, reason: "by hand", Sample.act())
        try catalog.beginDeleting(snapshot: id, sparing: .none, reason: "by hand", Sample.act())
        #expect(try catalog.newestGoodSnapshot(of: "orders") == nil)
        #expect(failure { try catalog.setVerified(snapshot: id, Sample.act()) }?.code == .refused)
        #expect(failure { try catalog.setState(.good, ofSnapshot: id, Sample.act()) }?.code == .refused)
        #expect(
            failure { try catalog.setPin(SnapshotPin(reason: "r"), ofSnapshot: id, Sample.act()) }?.code == .refused)
        try catalog.finishDeleting(snapshot: id, Sample.act())
        #expect(try catalog.snapshots().isEmpty)
        #expect(try catalog.runs().first?.snapshot == id)
        #expect(failure { try catalog.finishDeleting(snapshot: id, Sample.act()) }?.code == .snapshotNotFound)
        #expect(try catalog.check().isSound)
    }

    @Test func theLastGoodOneAndThePinnedAreSpared() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let made = try [1, 2].map { try catalog.backUp($0) }
        try catalog.backUp(3, job: "other")
        try catalog.setPin(SnapshotPin(reason: "audit"), ofSnapshot: made[0].id, Sample.act())
        func refusal(_ snapshot: Snapshot, sparing: Bool = true) -> String? {
            failure {
                try catalog.beginDeleting(
                    snapshot: snapshot.id, sparing: sparing ? .lastGood : .none, reason: "plan", Sample.act())
            }?.message
        }
        #expect(refusal(made[0])?.contains("pinned: audit") == true)
        #expect(refusal(made[0], sparing: false)?.contains("pinned") == true)
        try catalog.setPin(nil, ofSnapshot: made[0].id, Sample.act())
        try catalog.setState(.damaged, ofSnapshot: made[0].id, Sample.act())
        #expect(refusal(made[1])?.contains("last good snapshot of job 'orders'") == true)
        #expect(try catalog.snapshot(matching: made[1].id).state == .good)
        #expect(refusal(made[0]) == nil)
        #expect(refusal(made[1], sparing: false) == nil)
    }
}
