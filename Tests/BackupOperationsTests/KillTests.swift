import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Testing

@testable import BackupOperations

/// Runs in a process of their own that is killed, as `kill -9` and an unplugged machine do it: by its own hand, since
/// nobody else could hit the moment.
@Suite(.serialized) struct KillTests {
    /// A site on the disk and the name of its snapshot.
    private static func prepared() throws -> (site: Site, earlier: String) {
        let site = try Site()
        return (site, try #require(try site.run(.base()).snapshot))
    }

    /// A site whose last run died as it synced folders, after the manifest had its name.
    private static func killedAfterItsManifest() async throws -> (site: Site, earlier: String, dead: Run) {
        let (site, earlier) = try prepared()
        let place = try calls().count
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = site.scratch.statePath as String, place = place as Int] in
            try Victim.run(path, calls: FaultyCalls(.kills, at: place))
        }
        let dead = try #require(try site.workspace.catalog.activeRuns().first)
        return (site, earlier, dead)
    }

    /// The calls of the run that is killed; each victim finds the repository as this one does.
    private static func calls() throws -> [String] {
        let (site, _) = try prepared()
        let counting = FaultyCalls.counting()
        #expect(try site.run(.base(), calls: counting).state == .succeeded)
        return counting.names
    }

    /// After a death: the next run settles the dead one, truly, and sweeps; once more changes nothing.
    private static func expectRecovery(_ site: Site, earlier: String, _ what: Comment) throws -> RunState? {
        let before = try site.workspace.catalog.runs(job: nil, limit: nil)
        let dead = before.first { $0.state == .running }
        _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
        let settled = try dead.map { try site.workspace.catalog.run($0.id) }
        if let settled {
            switch settled.state {
            case .succeeded:
                #expect(settled.snapshot == "orders-\(settled.id)", what)
            case .interrupted:
                #expect(settled.error?.code == .interrupted, what)
            default:
                Issue.record("the killed run is \(settled.state) \(what)")
            }
        }
        try site.expectConsistent()
        #expect(try site.workspace.catalog.snapshots(job: nil).contains { $0.id == earlier }, what)
        let after = try site.workspace.catalog.runs(job: nil, limit: nil)
        _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
        #expect(try site.workspace.catalog.runs(job: nil, limit: nil) == after, what)
        #expect(try site.run(.base()).state == .succeeded, what)
        try site.expectConsistent()
        return settled?.state
    }

    @Test func aRunKilledAtAnyCallIsSettledTruly() async throws {
        let calls = try Self.calls()
        var ends: [RunState: Int] = [:]
        for place in 1...calls.count {
            let (site, earlier) = try Self.prepared()
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = site.scratch.statePath as String, place = place as Int] in
                try Victim.run(path, calls: FaultyCalls(.kills, at: place))
            }
            let end = try Self.expectRecovery(
                site, earlier: earlier, "call \(place) of \(calls.count): \(calls[place - 1])")
            if let end { ends[end, default: 0] += 1 }
        }
        // Both happen: most deaths come before the manifest has its name, those while folders are synced after it.
        #expect(ends[.interrupted, default: 0] > 20)
        #expect((1...4).contains(ends[.succeeded, default: 0]))
    }

    /// The clock is looked at between the steps that are no calls to the repository: before each write of the catalog.
    @Test func aRunKilledBetweenItsStepsIsSettledTruly() async throws {
        let clock = TickingClock()
        let whole = try Self.prepared().site
        try Victim.run(whole.scratch.statePath, clock: clock)
        try whole.expectConsistent()
        var ends: [RunState: Int] = [:]
        for place in 1...clock.count {
            let (site, earlier) = try Self.prepared()
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = site.scratch.statePath as String, place = place as Int] in
                let clock = TickingClock { if $0 == place { kill(getpid(), SIGKILL) } }
                try Victim.run(path, clock: clock)
            }
            let end = try Self.expectRecovery(site, earlier: earlier, "reading \(place) of \(clock.count)")
            if let end { ends[end, default: 0] += 1 }
        }
        #expect(ends[.interrupted, default: 0] > 2)
        // After the last rename and before the COMMIT.
        #expect(ends[.succeeded, default: 0] >= 1)
    }

    /// The run cannot tell the catalog anything at its end, and its process goes.
    @Test func aRunThatCouldNotSayThatItSucceededIsCompleted() async throws {
        let (site, earlier) = try Self.prepared()
        await #expect(processExitsWith: .exitCode(7)) { [path = site.scratch.statePath as String] in
            var workspace = try Victim.workspace(path)
            workspace.engine = { _ in
                CallingEngine {
                    let report = try FakeEngine.base().dump($0, into: $1, monitor: $2)
                    try Site.execute(CatalogFault.noEnd, state: path)
                    return report
                }
            }
            let job = try workspace.catalog.job(named: JobName("orders"))
            let error = failure {
                _ = try RunBackup(workspace: workspace, cancellation: Cancellation()).run(job: job, trigger: .manual)
            }
            exit(error?.code == .snapshotUnlisted ? 7 : 1)
        }
        try site.execute(CatalogFault.end)
        #expect(try Self.expectRecovery(site, earlier: earlier, "") == .succeeded)
    }

    /// The repository was away when the dead run was settled; with it, the snapshot comes back.
    @Test func whatAKilledRunStoredIsEnteredOnceItsRepositoryIsThereAgain() async throws {
        let (site, earlier, dead) = try await Self.killedAfterItsManifest()
        rename(site.repositoryPath, site.repositoryPath + ".away")
        _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
        #expect(try site.workspace.catalog.run(dead.id).state == .interrupted)
        rename(site.repositoryPath + ".away", site.repositoryPath)
        #expect(Recovery(workspace: site.workspace).recover(now: site.clock.now()) == [])
        #expect(try site.workspace.catalog.run(dead.id).state == .interrupted)
        let snapshots = try site.workspace.catalog.snapshots(job: nil)
        #expect(Set(snapshots.map(\.id)) == [earlier, "orders-\(dead.id)"])
        #expect(snapshots.allSatisfy { $0.state == .good })
        // Once more changes nothing.
        #expect(Recovery(workspace: site.workspace).recover(now: site.clock.now()) == [])
        #expect(try site.workspace.catalog.snapshots(job: nil) == snapshots)
    }

    /// Half of a repository must not look like all of it, and a request that came first is no history.
    @Test func aLostCatalogIsMadeAgainWholeOrNotAtAll() throws {
        let site = try Site()
        let ids = try (0..<3).map { _ in try #require(try site.run(.base()).snapshot) }
        let job = try site.workspace.catalog.job(named: JobName("orders"))
        for suffix in ["", "-wal", "-shm"] { unlink(site.scratch.statePath + "/catalog.sqlite" + suffix) }
        let workspace = try Workspace.open(statePath: site.scratch.statePath, now: site.clock.now())
        try workspace.catalog.insert(job, workspace.act(site.clock.now()))
        _ = try QueueRun(workspace: workspace).queue(job.name, now: site.clock.now())
        try Site.execute(
            "CREATE TRIGGER test_fault BEFORE INSERT ON snapshot WHEN (SELECT count(*) FROM snapshot) = 1 "
                + "BEGIN SELECT RAISE(ABORT, 'fault'); END", state: site.scratch.statePath)
        #expect(Recovery(workspace: workspace).recover(now: site.clock.now()).count == 1)
        #expect(try workspace.catalog.snapshots(job: nil).isEmpty)
        try Site.execute("DROP TRIGGER test_fault", state: site.scratch.statePath)
        #expect(Recovery(workspace: workspace).recover(now: site.clock.now()) == [])
        #expect(try Set(workspace.catalog.snapshots(job: nil).map(\.id)) == Set(ids))
    }

    /// A manifest alone is no proof: its archive may be gone with the disk's last writes.
    @Test(arguments: [0, 100])
    func aKilledRunWhoseArchiveIsNotWholeDidNotSucceed(bytes: Int) async throws {
        let (site, _, dead) = try await Self.killedAfterItsManifest()
        let location = try SnapshotLocation(job: JobName("orders"), run: dead.id)
        let file = site.repositoryPath + "/" + location.archivePath
        if bytes == 0 { unlink(file) } else { truncate(file, off_t(bytes)) }
        _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
        let end = try site.workspace.catalog.run(dead.id)
        #expect(end.state != .succeeded)
    }

    /// The fault during the recovery from a fault.
    @Test func aRecoveryThatIsKilledIsRepeated() async throws {
        let total = try Self.calls().count
        for place in [total / 3, total - 6, total - 3, total - 1, total] {
            for second in stride(from: 1, through: 25, by: 4) {
                let (site, earlier) = try Self.prepared()
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    [path = site.scratch.statePath as String, place = place as Int] in
                    try Victim.run(path, calls: FaultyCalls(.kills, at: place))
                }
                // May come to its end, when it has fewer calls than that.
                _ = await #expect(processExitsWith: .failure) {
                    [path = site.scratch.statePath as String, second = second as Int] in
                    var workspace = try Victim.workspace(path)
                    workspace.fileCalls = FaultyCalls(.kills, at: second)
                    _ = Recovery(workspace: workspace).recover(now: Date.now)
                    exit(1)
                }
                _ = try Self.expectRecovery(site, earlier: earlier, "call \(place), then \(second)")
            }
        }
    }

    @Test func aDeletionKilledAtAnyCallIsFinished() async throws {
        let (site, earlier) = try Self.prepared()
        for place in 1...20 {
            let snapshot = try #require(try site.run(.base()).snapshot)
            _ = await #expect(processExitsWith: .failure) {
                [path = site.scratch.statePath as String, place = place as Int, snapshot = snapshot as String] in
                var workspace = try Victim.workspace(path)
                workspace.fileCalls = FaultyCalls(.kills, at: place)
                let repository = try workspace.repository("default")
                try DeleteSnapshot(workspace: workspace, repository: repository).delete(
                    workspace.catalog.snapshot(matching: snapshot), sparing: .none, proof: .whole, reason: "a test",
                    now: Date.now)
                exit(1)
            }
            let isBegun = try site.workspace.catalog.snapshots(job: nil).first { $0.id == snapshot }?.state != .good
            _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
            #expect(try site.workspace.catalog.snapshots(job: nil).contains { $0.id == snapshot } == !isBegun)
            try site.expectConsistent()
        }
        #expect(try site.workspace.catalog.snapshots(job: nil).contains { $0.id == earlier })
    }
}

/// What happens in the process that dies.
enum Victim {
    static func workspace(_ path: String) throws -> Workspace {
        let engine = try FakeEngine.base()
        var workspace = try Workspace.open(statePath: path, now: Date.now)
        workspace.engine = { _ in engine }
        return workspace
    }

    static func run(
        _ path: String, calls: any FileCalls = SystemFileCalls(), clock: TickingClock = TickingClock()
    ) throws {
        var workspace = try workspace(path)
        workspace.fileCalls = calls
        let job = try workspace.catalog.job(named: JobName("orders"))
        _ = try RunBackup(workspace: workspace, cancellation: Cancellation(), now: clock.now).run(
            job: job, trigger: .manual)
    }
}
