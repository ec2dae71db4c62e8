import BackupModel
import Foundation
import Testing

@testable import BackupCatalog

/// What is told of all jobs at once must be what is told of each.
struct JobRecordTests {
    /// Some with snapshots, some with runs only, one with neither, names that sort before, between and behind.
    private func catalog(_ scratch: Scratch) throws -> Catalog {
        let catalog = try scratch.catalog()
        for name in ["a", "a-b", "ab", "b", "c9", "orders2", "z"] {
            try catalog.insert(Sample.job(name), Sample.act())
        }
        var number = 0
        func end(_ job: String, _ state: RunState, at instant: TimeInterval? = nil) throws {
            number += 1
            var run = try Sample.run(number, job: job)
            run.scheduledFor = instant.map { Sample.start + $0 }
            run = try catalog.start(run, owner: Sample.owner, Sample.act())
            run.state = state
            run.finishedAt = Sample.start + TimeInterval(number) + 1
            if state == .failed { run.error = BackupError(.serverFailed, "gone") }
            guard state == .succeeded else {
                _ = try catalog.finish(run, Sample.act())
                return
            }
            try catalog.publish(
                Sample.snapshot(of: run), namespaces: Sample.namespaces(2), run: run,
                Sample.act(TimeInterval(number) + 1))
        }
        try end("a", .succeeded)
        try end("a", .failed, at: 60)
        try end("ab", .failed, at: 30)
        try end("c9", .succeeded, at: 120)
        try end("orders", .succeeded, at: 5000)
        try end("z", .succeeded)
        return catalog
    }

    @Test func eachJobGetsItsOwn() throws {
        let scratch = try Scratch()
        let catalog = try catalog(scratch)
        let now = Sample.start + 1000
        let ranges = try catalog.jobRanges(ofAbout: 100)
        #expect(ranges.count == 1)
        let records = try catalog.jobRecords(in: try #require(ranges.first), now: now)
        #expect(records.map(\.job.name.text) == ["a", "a-b", "ab", "b", "c9", "orders", "orders2", "z"])
        for record in records {
            let name = record.job.name.text
            let runs = try catalog.runs(job: name)
            #expect(record.lastRun == runs.first, "\(name)")
            #expect(record.lastGood == (try catalog.snapshots(job: name).first), "\(name)")
            #expect(record.latestInstant == runs.compactMap(\.scheduledFor).filter { $0 <= now }.max(), "\(name)")
        }
        #expect(records.compactMap(\.lastGood).count == 4 && records.compactMap(\.latestInstant).count == 3)
    }

    @Test(arguments: 1...9) func rangesTogetherAreAll(size: Int) throws {
        let scratch = try Scratch()
        let catalog = try catalog(scratch)
        let whole = try catalog.jobRanges(ofAbout: 100).flatMap { try catalog.jobRecords(in: $0, now: .distantFuture) }
        let ranges = try catalog.jobRanges(ofAbout: size)
        #expect(ranges.count == (8 + size - 1) / size)
        let parts = try ranges.flatMap { try catalog.jobRecords(in: $0, now: .distantFuture) }
        #expect(parts.map(\.job) == whole.map(\.job))
        #expect(parts.map(\.lastGood) == whole.map(\.lastGood))
        #expect(parts.map(\.lastRun) == whole.map(\.lastRun))
        #expect(parts.map(\.latestInstant) == whole.map(\.latestInstant))
    }

    @Test func whereThereAreNoJobsThereIsNothing() throws {
        let scratch = try Scratch()
        let catalog = try Catalog.open(at: scratch.path)
        #expect(try catalog.jobRanges(ofAbout: 5).flatMap { try catalog.jobRecords(in: $0, now: .now) }.isEmpty)
    }
}
