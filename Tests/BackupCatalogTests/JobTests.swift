import BackupModel
import Foundation
import Testing

@testable import BackupCatalog

struct JobTests {
    @Test func aNameIsTakenOnce() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let error = failure { try catalog.insert(Sample.job("orders"), Sample.act()) }
        #expect(error?.code == .jobExists && error?.message.contains("'orders'") == true)
        #expect(try catalog.events().count == 2)
    }

    @Test func whatIsNotThereIsSaid() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let name = try JobName("none")
        #expect(failure { _ = try catalog.job(named: name) }?.code == .jobNotFound)
        #expect(failure { try catalog.update(Sample.job("none"), Sample.act()) }?.code == .jobNotFound)
        #expect(failure { try catalog.deleteJob(named: name, Sample.act()) }?.code == .jobNotFound)
        #expect(failure { try catalog.setPaused(true, job: name, Sample.act()) }?.code == .jobNotFound)
        var job = try Sample.job("new")
        job.repository = "elsewhere"
        let error = failure { try catalog.insert(job, Sample.act()) }
        #expect(error?.code == .noRepository && error?.message.contains("'elsewhere'") == true)
        #expect(try catalog.repository(named: "elsewhere") == nil)
    }

    @Test func aChangeKeepsTheCreationAndTellsItsParts() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var job = try catalog.job(named: JobName("orders"))
        job.source.scope = .database("shop")
        job.policy.timeout = 60
        job.retention = try RetentionPolicy(counts: [.daily: 7])
        job.timeZone = "Asia/Tokyo"
        job.createdAt = Sample.start + 999
        try catalog.update(job, Sample.act(50, by: "bob (1001)"))
        let found = try catalog.job(named: job.name)
        #expect(found.createdAt == Sample.start && found.updatedAt == Sample.start + 50)
        #expect(found.source == job.source && found.policy == job.policy)
        let event = try #require(try catalog.events(job: "orders", limit: 1).first)
        #expect(event.action == .jobChanged && event.actor == "bob (1001)" && event.time == Sample.start + 50)
        #expect(event.detail == "scope, policy, retention, time zone")
    }

    @Test func pausingTwiceIsPausingOnce() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let name = try JobName("orders")
        #expect(try catalog.setPaused(true, job: name, Sample.act(1)).pausedAt == Sample.start + 1)
        #expect(try catalog.setPaused(true, job: name, Sample.act(2)).pausedAt == Sample.start + 1)
        #expect(try catalog.setPaused(false, job: name, Sample.act(3)).pausedAt == nil)
        #expect(try catalog.events(job: "orders").map(\.action) == [.jobResumed, .jobPaused, .jobCreated])
    }

    /// Who edits read the job before somebody paused it, or resumed it.
    @Test func anEditIsNoWordOnAPause() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let name = try JobName("orders")
        var read = try catalog.job(named: name)
        try catalog.setPaused(true, job: name, Sample.act(1))
        read.policy.stallTimeout = 77
        try catalog.update(read, Sample.act(2))
        let paused = try catalog.job(named: name)
        #expect(paused.pausedAt == Sample.start + 1 && paused.policy.stallTimeout == 77)
        try catalog.setPaused(false, job: name, Sample.act(3))
        try catalog.update(paused, Sample.act(4))
        let resumed = try catalog.job(named: name)
        #expect(resumed.pausedAt == nil && resumed.resumedAt == Sample.start + 3)
    }

    @Test func deletingAJobKeepsItsHistory() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let snapshot = try catalog.backUp(1)
        try catalog.deleteJob(named: JobName("orders"), Sample.act())
        #expect(try catalog.jobs().isEmpty)
        #expect(try catalog.snapshots(job: "orders") == [snapshot])
        #expect(try catalog.runs(job: "orders").count == 1)
        #expect(try catalog.namespaces(of: snapshot.id).count == 2)
        #expect(try catalog.check().isSound)
    }

    @Test func aRepositoryIsThereOnce() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        #expect(failure { try catalog.insert(Sample.repository, Sample.act()) }?.code == .refused)
        var other = Sample.repository
        other.name = "other"
        #expect(failure { try catalog.insert(other, Sample.act()) }?.message.contains("'default'") == true)
        other.id = "r-2"
        try catalog.insert(other, Sample.act())
        other.location = "/elsewhere"
        other.updatedAt = Sample.start + 3
        try catalog.update(other, Sample.act())
        #expect(try catalog.repositories() == [Sample.repository, other])
        other.name = "none"
        #expect(failure { try catalog.update(other, Sample.act()) }?.code == .noRepository)
    }

    @Test func eventsAreNumberedWithoutGaps() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        #expect(failure { try catalog.record(EventAction(rawValue: "BAD ACTION"), Sample.act()) } != nil)
        #expect(failure { try catalog.record(.jobChanged, Act(by: "", at: Sample.start)) } != nil)
        try catalog.record(EventAction(rawValue: "daemon-started"), detail: "x", Sample.act())
        #expect(try catalog.events().map(\.id) == [3, 2, 1])
        #expect(try catalog.events(limit: 1).first?.action.rawValue == "daemon-started")
    }
}
