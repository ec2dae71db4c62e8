import BackupModel
import Foundation
import Testing

@testable import BackupCatalog

struct RunTests {
    @Test func aRunGoesFromItsStartToItsEnd() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act(1))
        #expect(run.state == .running && run.startedAt == Sample.start + 1 && run.owner == Sample.owner)
        #expect(try catalog.activeRuns() == [run])
        let counters = RunCounters(documents: 3, namespaces: 1, uncompressedBytes: 10, storedBytes: 4)
        try catalog.heartbeat(run.id, counters: counters, engine: Sample.engine, at: Sample.start + 9)
        run = try catalog.run(run.id)
        #expect(run.counters == counters && run.heartbeatAt == Sample.start + 9 && run.engine == Sample.engine)
        run.state = .failed
        run.error = BackupError(.serverFailed, "m", hint: "h")
        run.snapshot = "never made"
        let ended = try catalog.finish(run, Sample.act(20))
        #expect(ended.finishedAt == Sample.start + 20 && ended.snapshot == nil)
        #expect(try catalog.run(run.id) == ended)
        #expect(try catalog.activeRuns().isEmpty)
        #expect(try catalog.events(job: "orders").map(\.action) == [.runFinished, .runStarted, .jobCreated])
    }

    @Test func anEndIsFinal() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        run.state = .cancelled
        try catalog.finish(run, Sample.act())
        let events = try catalog.events()
        for state in RunState.allCases {
            run.state = state
            run.error = state == .failed ? BackupError(.failed, "x") : nil
            #expect(failure { try catalog.finish(run, Sample.act()) } != nil)
        }
        #expect(failure { _ = try catalog.start(run, owner: Sample.owner, Sample.act()) }?.code == .refused)
        let beat = failure { try catalog.heartbeat(run.id, counters: RunCounters(), at: Sample.start) }
        #expect(beat?.code == .interrupted)
        #expect(try !catalog.markInterrupted(run, reason: BackupError(.interrupted, "x"), Sample.act()))
        #expect(try catalog.run(run.id).state == .cancelled)
        #expect(try catalog.events() == events, "what was refused leaves no event")
    }

    @Test func aBackupDoesNotSucceedWithoutItsSnapshot() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        run.state = .succeeded
        #expect(failure { try catalog.finish(run, Sample.act()) }?.code == .catalogFailed)
        run.snapshot = "orders-none"
        #expect(failure { try catalog.finish(run, Sample.act()) }?.code == .catalogFailed)
        #expect(try catalog.run(run.id).state == .running)
    }

    @Test func aSecondBackupOfAJobIsTurnedAwayByName() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let first = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        let error = failure { _ = try catalog.start(Sample.run(2), owner: Sample.owner, Sample.act()) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("'\(first.id)'") == true && error?.message.contains("4711") == true)
        #expect(failure { _ = try catalog.run(Sample.runID(2)) }?.code == .runNotFound)
        _ = try catalog.start(Sample.run(3, kind: .verify), owner: Sample.owner, Sample.act())
        _ = try catalog.start(Sample.run(4, job: "other"), owner: Sample.owner, Sample.act())
        #expect(failure { try catalog.deleteJob(named: JobName("orders"), Sample.act()) }?.code == .locked)
    }

    @Test func aQueuedRunIsStartedOnce() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try Sample.run(1)
        try catalog.record(run, Sample.act())
        #expect(try catalog.activeRuns() == [run])
        #expect(try catalog.start(run, owner: Sample.owner, Sample.act()).state == .running)
        #expect(failure { _ = try catalog.start(run, owner: Sample.owner, Sample.act()) } != nil)
    }

    @Test func oneInstantFiresOnce() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try Sample.run(1)
        run.trigger = .schedule
        run.scheduledFor = Sample.start
        run.state = .missed
        try catalog.record(run, Sample.act(3))
        #expect(try catalog.run(run.id).finishedAt == Sample.start + 3)
        var second = try Sample.run(2)
        second.scheduledFor = run.scheduledFor
        #expect(failure { try catalog.record(second, Sample.act()) }?.code == .refused)
        #expect(failure { _ = try catalog.start(second, owner: Sample.owner, Sample.act()) }?.code == .refused)
        second.attempt = 2
        _ = try catalog.start(second, owner: Sample.owner, Sample.act())
    }

    @Test func anInterruptedRunIsMarkedOnlyIfItIsStillTheSame() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let queued = try Sample.run(1)
        try catalog.record(queued, Sample.act())
        let running = try catalog.start(queued, owner: Sample.owner, Sample.act())
        let reason = BackupError(.interrupted, "its process is gone")
        #expect(try !catalog.markInterrupted(queued, reason: reason, Sample.act()))
        var foreign = running
        foreign.owner?.bootID = "another"
        #expect(try !catalog.markInterrupted(foreign, reason: reason, Sample.act()))
        #expect(try catalog.markInterrupted(running, reason: reason, Sample.act(5)))
        let ended = try catalog.run(running.id)
        #expect(ended.state == .interrupted && ended.error == reason && ended.finishedAt == Sample.start + 5)
        #expect(try !catalog.markInterrupted(running, reason: reason, Sample.act()))
        _ = try catalog.start(Sample.run(2), owner: Sample.owner, Sample.act())
    }

    @Test func theNewestRunComesFirst() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in [3, 1, 2] { try catalog.backUp(number) }
        try catalog.backUp(9, job: "other")
        let ids = try [3, 2, 1].map(Sample.runID)
        #expect(try catalog.runs(job: "orders").map(\.id) == ids)
        #expect(try catalog.runs(limit: 2).map(\.id) == [Sample.runID(9), ids[0]])
        #expect(try catalog.runs(job: "orders", limit: 1).map(\.id) == [ids[0]])
        #expect(try catalog.runs(job: "none").isEmpty)
    }

    @Test func aPrefixMustBeUnambiguous() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in 1...12 { try catalog.backUp(number) }
        #expect(try catalog.run(matching: Sample.runID(5).text).id == Sample.runID(5))
        #expect(try catalog.run(matching: String(Sample.runID(36 / 3).text)).id == Sample.runID(12))
        let error = failure { _ = try catalog.run(matching: "20260114") }
        let first = try Sample.runID(1)
        #expect(error?.code == .runNotFound && error?.message.contains("'\(first)'") == true)
        for prefix in ["", "2027", "%", "_", "20260114T02000*", "\u{0}", "20260114\u{0}", "'"] {
            #expect(failure { _ = try catalog.run(matching: prefix) }?.code == .runNotFound)
        }
    }
}
