import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Testing

@testable import BackupOperations

/// A prune in which each call fails in turn, or at which the process dies.
@Suite(.serialized) struct PruneFaultTests {
    private static func prepared() throws -> (site: PruneSite, ids: [String]) {
        let site = try PruneSite()
        return (site, try site.run(times: 3))
    }

    private static func calls() throws -> [String] {
        let counting = FaultyCalls.counting()
        #expect(try prepared().site.pruneAll(calls: counting).state == .succeeded)
        return counting.names
    }

    /// The newest one is there and whole; of the others each is whole or gone; the next prune ends what was begun.
    private static func expectSound(
        _ site: PruneSite, _ ids: [String], inOrder: Bool = true, _ what: Comment
    ) throws {
        _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
        try site.site.expectConsistent()
        let left = try site.snapshots()
        #expect(left.first == ids[0], what)
        #expect(left == ids.filter(left.contains), what)
        // The oldest go first; one that fails is passed over, and the others still get their turn.
        if inOrder { #expect(left == Array(ids.prefix(left.count)), what) }
        for run in try site.catalog.runs() { #expect(run.state.isTerminal, what) }
        let next = try site.pruneAll()
        #expect(next.state == (left.count == 1 ? .nothing : .succeeded), what)
        #expect(try site.snapshots() == [ids[0]], what)
        try site.site.expectConsistent()
    }

    @Test(arguments: [EIO, EROFS])
    func aCallThatFailsLeavesEverythingTrue(code: Int32) throws {
        let calls = try Self.calls()
        #expect(calls.count > 30)
        for place in 1...calls.count {
            let (site, ids) = try Self.prepared()
            let faulty = FaultyCalls(.fails(code), at: place)
            let result = try? site.pruneAll(calls: faulty)
            let what = Comment(rawValue: "call \(place) of \(calls.count): \(calls[place - 1])")
            if let result, result.state == .succeeded { #expect(result.removed.count == 2, what) }
            #expect(faulty.closedTwice == 0, what)
            try Self.expectSound(site, ids, inOrder: false, what)
        }
    }

    @Test func aPruneKilledAtAnyCallIsFinishedTruly() async throws {
        let calls = try Self.calls()
        var left: Set<Int> = []
        for place in 1...calls.count {
            let (site, ids) = try Self.prepared()
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = site.site.scratch.statePath as String, place = place as Int, time = site.clock.now() as Date] in
                try PruneVictim.prune(path, time: time, calls: FaultyCalls(.kills, at: place))
            }
            left.insert(try site.snapshots().count)
            try Self.expectSound(site, ids, "call \(place) of \(calls.count): \(calls[place - 1])")
        }
        #expect(left == [2, 3], "deaths came before and after the first deletion")
    }

    /// The clock is looked at before each write of the catalog that is not part of a deletion.
    @Test func aPruneKilledBetweenItsStepsIsFinishedTruly() async throws {
        let (whole, _) = try Self.prepared()
        let clock = TickingClock(start: whole.clock.now())
        try PruneVictim.prune(whole.site.scratch.statePath, time: whole.clock.now(), clock: clock)
        #expect(try whole.snapshots().count == 1)
        #expect(clock.count > 3)
        for place in 1...clock.count {
            let (site, ids) = try Self.prepared()
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = site.site.scratch.statePath as String, place = place as Int, time = site.clock.now() as Date] in
                let clock = TickingClock(start: time) { if $0 == place { kill(getpid(), SIGKILL) } }
                try PruneVictim.prune(path, time: time, clock: clock)
            }
            try Self.expectSound(site, ids, "reading \(place) of \(clock.count)")
        }
    }

    /// The catalog takes nothing more, in the middle of a deletion.
    @Test(arguments: [
        "BEFORE UPDATE OF state ON snapshot WHEN NEW.state = 'deleting'", "BEFORE DELETE ON snapshot",
        "BEFORE INSERT ON event WHEN NEW.action = 'snapshot-deleted'",
        "BEFORE UPDATE OF state ON run WHEN NEW.kind = 'prune' AND NEW.state <> 'running'",
        "BEFORE INSERT ON run WHEN NEW.kind = 'prune'",
    ])
    func aCatalogThatRefusesAStepIsCaughtUpWith(fault: String) throws {
        let (site, ids) = try Self.prepared()
        try site.site.execute("CREATE TRIGGER test_fault \(fault) BEGIN SELECT RAISE(ABORT, 'fault'); END")
        let result = try? site.pruneAll()
        #expect(result?.state != .succeeded)
        try site.site.execute(CatalogFault.end)
        if fault.hasPrefix("BEFORE UPDATE OF state ON run") {
            // The process lives: its run is not for recovery to settle.
            let run = try #require(try site.catalog.activeRuns().first)
            try site.catalog.markInterrupted(
                run, reason: BackupError(.interrupted, "gone"), site.workspace.act(site.clock.now()))
        }
        try Self.expectSound(site, ids, Comment(rawValue: fault))
    }
}

/// What happens in the process that dies.
enum PruneVictim {
    static func prune(
        _ path: String, time: Date, calls: any FileCalls = SystemFileCalls(), clock: TickingClock? = nil
    ) throws {
        var workspace = try Workspace.open(statePath: path, now: time)
        workspace.fileCalls = calls
        // The clocks of the site that made the snapshots: nobody has set them.
        let reading = try workspace.catalog.clockReading()
        workspace.uptime = {
            reading.map { Uptime(bootID: $0.bootID, seconds: $0.uptime + time.timeIntervalSince($0.time)) }
        }
        var options = PruneOptions()
        options.share = 100
        let job = try workspace.catalog.job(named: JobName("orders"))
        let clock = clock ?? TickingClock(start: time)
        _ = try PruneJob(workspace: workspace, now: clock.now).run(job: job, options)
    }
}
