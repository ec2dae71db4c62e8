import BackupCatalog
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import BackupOperations

/// Work that ends, that does not, and that ends at the wrong moment.
@Suite struct SupervisorTests {
    private let progress = RunProgress(cancellation: Cancellation(), log: nil)
    private static let namespace = Namespace(database: "shop", collection: "orders")

    @Test func givesWhatTheWorkGave() throws {
        #expect(try Supervisor().run(progress: progress, heartbeat: { _ in }, work: { 42 }) == 42)
    }

    @Test func throwsWhatTheWorkThrew() {
        #expect(throws: TestFailure()) {
            try Supervisor().run(progress: progress, heartbeat: { _ in }, work: { throw TestFailure() })
        }
        #expect(!progress.cancellation.isCancelled)
    }

    @Test func theTotalTimeoutEndsWorkThatMoves() {
        let error = failure {
            try Supervisor(timeout: 1, stallTimeout: 60).run(progress: progress, heartbeat: { _ in }) { [progress] in
                while true {
                    try progress.cancellation.check()
                    progress.advanced(Self.namespace, documents: 1, bytes: 1)
                    Thread.sleep(forTimeInterval: 0.01)
                }
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("timeout of 1s") == true)
    }

    @Test func theStallTimeoutEndsWorkThatStands() {
        progress.enter(.dumping)
        let error = failure {
            try Supervisor(timeout: 60, stallTimeout: 1).run(progress: progress, heartbeat: { _ in }) { [progress] in
                while true {
                    try progress.cancellation.check()
                    Thread.sleep(forTimeInterval: 0.01)
                }
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("nothing moved for 1s while dumping") == true)
    }

    /// Each of these is a sign of life.
    @Test(arguments: 0..<5)
    func workThatMovesDoesNotStall(sign: Int) throws {
        let signs: [@Sendable (RunProgress) -> Void] = [
            { $0.advanced(Self.namespace, documents: 0, bytes: 1) },
            { $0.advanced(Self.namespace, documents: 1, bytes: 0) },
            { $0.finished(Self.namespace, documents: 0) }, { $0.checked(bytes: 1) }, { $0.enter(.checking) },
        ]
        try Supervisor(stallTimeout: 1).run(progress: progress, heartbeat: { _ in }) { [progress] in
            for _ in 0..<18 {
                try progress.cancellation.check()
                signs[sign](progress)
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }

    @Test func theHeartbeatGoesOnWhileTheWorkDoes() throws {
        var supervisor = Supervisor()
        supervisor.heartbeatInterval = 0.2
        let beats = Mutex(0)
        try supervisor.run(progress: progress, heartbeat: { _ in beats.withLock { $0 += 1 } }) {
            Thread.sleep(forTimeInterval: 1.5)
        }
        #expect(beats.withLock { $0 } >= 3)
    }

    @Test func workThatIgnoresItsCancellationIsLeftBehind() throws {
        var supervisor = Supervisor(timeout: 1)
        supervisor.grace = 0.3
        let isReleased = Mutex(false)
        let start = ContinuousClock.now
        let error = failure {
            try supervisor.run(progress: progress, heartbeat: { _ in }) {
                while !isReleased.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.01) }
            }
        }
        #expect(error?.code == .timedOut)
        #expect(ContinuousClock.now - start < .seconds(30))
        // What was left behind must not publish any more.
        #expect(failure { try progress.commit() }?.code == .timedOut)
        #expect(!progress.current.isCommitted)
        isReleased.withLock { $0 = true }
    }

    @Test func theFirstReasonStays() throws {
        progress.cancellation.cancel(BackupError(.cancelled, "interrupted"))
        let error = failure {
            try Supervisor(timeout: 1).run(progress: progress, heartbeat: { _ in }) { [progress] in
                Thread.sleep(forTimeInterval: 1.3)
                try progress.cancellation.check()
            }
        }
        #expect(error == BackupError(.cancelled, "interrupted"))
    }

    /// After the point of no return neither a person nor a timeout ends the run: its end is waited for, beyond the grace.
    @Test func aCommitBeatsALaterCancel() throws {
        var supervisor = Supervisor(timeout: 1)
        supervisor.grace = 0.1
        let result = try supervisor.run(progress: progress, heartbeat: { _ in }) { [progress] in
            try progress.commit()
            progress.cancellation.cancel(BackupError(.cancelled, "too late"))
            Thread.sleep(forTimeInterval: 1.5)
            return "published"
        }
        #expect(result == "published")
        #expect(progress.current.phase == .publishing)
        #expect(!progress.abandon())
    }

    @Test func aCancelBeatsALaterCommit() {
        progress.cancellation.cancel(BackupError(.cancelled, "in time"))
        #expect(failure { try progress.commit() } == BackupError(.cancelled, "in time"))
        #expect(!progress.current.isCommitted)
        #expect(progress.abandon())
    }

    @Test func abandonedWorkCannotCommit() {
        #expect(progress.abandon())
        #expect(failure { try progress.commit() }?.code == .cancelled)
    }

    /// Of the two exactly one wins, whoever comes first.
    @Test func commitAndAbandonExcludeEachOther() {
        for _ in 0..<300 {
            let progress = RunProgress(cancellation: Cancellation(), log: nil)
            let outcomes = Mutex<[Bool]>([])
            DispatchQueue.concurrentPerform(iterations: 2) { number in
                let wins = number == 0 ? progress.abandon() : (try? progress.commit()) != nil
                outcomes.withLock { $0.append(wins) }
            }
            #expect(outcomes.withLock { $0.filter { $0 }.count } == 1)
        }
    }
}

/// What becomes of a run when its heartbeat does not reach the catalog, or reaches a run that has ended.
@Suite struct HeartbeatTests {
    @Test func aHeartbeatThatCannotBeWrittenDoesNotEndTheRun() throws {
        let site = try Site()
        let cancellation = Cancellation()
        try site.workspace.catalog.close()
        let id = try #require(RunID("20260114T020000Z-k3f9"))
        site.workspace.heartbeat(id, ProgressState(), cancellation, at: site.clock.now())
        #expect(!cancellation.isCancelled)
    }

    @Test func aHeartbeatOfARunThatSomebodyEndedStopsIt() throws {
        let site = try Site()
        var engine = try FakeEngine.base(.blocksUntilCancelled)
        engine.midway = {
            guard let run = try site.workspace.catalog.activeRuns().first else { throw TestFailure() }
            let reason = BackupError(.interrupted, "taken for dead")
            try site.workspace.catalog.markInterrupted(run, reason: reason, site.workspace.act(site.clock.now()))
        }
        #expect(throws: BackupError.self) { try site.run(engine) }
        let run = try #require(try site.workspace.catalog.runs(job: nil, limit: 1).first)
        #expect(run.state == .interrupted)
        #expect(try site.entries().isEmpty)
        try site.expectConsistent()
    }

    @Test func aHeartbeatCarriesWhatWasDone() throws {
        let site = try Site()
        var state = ProgressState()
        state.documents = 7
        state.finishedNamespaces = 2
        state.bytes = 1000
        state.storedBytes = 100
        let counters = RunCounters(documents: 7, namespaces: 2, uncompressedBytes: 1000, storedBytes: 100)
        #expect(state.counters == counters)
        var engine = try FakeEngine.base()
        engine.midway = { [state] in
            guard let run = try site.workspace.catalog.activeRuns().first else { throw TestFailure() }
            site.workspace.heartbeat(run.id, state, Cancellation(), at: site.clock.now())
            guard try site.workspace.catalog.run(run.id).counters == state.counters else { throw TestFailure() }
        }
        #expect(try site.run(engine).state == .succeeded)
    }
}
