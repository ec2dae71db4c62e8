import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Testing

@testable import BackupOperations

/// A run in which each call to the file system fails in turn.
@Suite struct RunFaultTests {
    /// A site with one snapshot, so that each faulty run finds the repository as the others do.
    private func prepared() throws -> (site: Site, earlier: String) {
        let site = try Site()
        return (site, try #require(try site.run(.base()).snapshot))
    }

    /// The number of calls that a run makes there.
    private func calls() throws -> Int {
        let counting = FaultyCalls.counting()
        #expect(try prepared().site.run(.base(), calls: counting).state == .succeeded)
        return counting.count
    }

    @Test(arguments: [ENOSPC, EIO, EROFS])
    func aCallThatFailsFailsTheRunAndNothingElse(code: Int32) throws {
        let total = try calls()
        #expect(total > 40)
        var failed = 0
        for place in 1...total {
            if try runWithFault(FaultyCalls(.fails(code), at: place), place)?.state != .succeeded { failed += 1 }
        }
        // What recovery and a look at the cache need may fail without harm; what a run needs is more.
        #expect(failed > total / 2)
    }

    @Test func aDiskThatStaysBrokenFailsTheRunAndTheNextOneSweeps() throws {
        let total = try calls()
        for place in 1...total {
            let run = try runWithFault(FaultyCalls(.failsForever(EIO), at: place), place)
            if place < total { #expect(run?.state != .succeeded, "call \(place)") }
        }
    }

    /// The run says what is so; the snapshot before is still there; the next run succeeds and leaves nothing behind.
    private func runWithFault(_ calls: FaultyCalls, _ place: Int) throws -> Run? {
        let (site, earlier) = try prepared()
        let run = try? site.run(.base(), calls: calls)
        let what = Comment(rawValue: "call \(place), \(calls.names.last ?? "")")
        #expect(calls.closedTwice == 0, what)
        let listed = try site.workspace.snapshots(job: nil).map(\.id)
        #expect(listed == (run?.state == .succeeded ? [run?.snapshot ?? "", earlier] : [earlier]), what)
        for run in try site.workspace.catalog.runs(job: nil, limit: 3) { #expect(run.state.isTerminal, what) }
        if let run, run.state != .succeeded {
            #expect(run.state == .failed, what)
            #expect(run.error?.message.isEmpty == false, what)
        }
        #expect(try site.run(.base()).state == .succeeded, what)
        #expect(try site.incoming().isEmpty, what)
        #expect(try site.workspace.snapshots(job: nil).map(\.id).contains(earlier), what)
        return run
    }

    @Test func afterAllFaultsEverythingListedIsWhole() throws {
        let (site, _) = try prepared()
        for place in stride(from: 1, through: try calls() * 2, by: 3) {
            _ = try? site.run(.base(), calls: FaultyCalls(.fails(EIO), at: place))
        }
        #expect(try site.run(.base()).state == .succeeded)
        try site.expectConsistent()
    }

    /// The catalog takes nothing for a moment, just when the snapshot is to be entered: the run failed, and its snapshot,
    /// which is whole, is not lost to the next one.
    @Test func aSnapshotThatTheCatalogRefusedIsEnteredByTheNextRun() throws {
        let (site, earlier) = try prepared()
        var engine = try FakeEngine.base()
        engine.midway = { try site.execute(CatalogFault.noSnapshots) }
        let run = try site.run(engine)
        try site.execute(CatalogFault.end)
        #expect(run.state == .failed)
        #expect(run.error?.code == .snapshotUnlisted)
        #expect(run.snapshot == nil)
        #expect(try site.workspace.catalog.snapshots(job: nil).map(\.id) == [earlier])
        #expect(try site.run(.base()).state == .succeeded)
        #expect(try site.workspace.catalog.snapshots(job: nil).map(\.id).contains("orders-\(run.id)"))
        #expect(try site.workspace.catalog.run(run.id).state == .failed)
        try site.expectConsistent()
    }
}

/// Triggers by which a catalog refuses what a run needs at its end.
enum CatalogFault {
    static let noSnapshots = """
        CREATE TRIGGER test_fault BEFORE INSERT ON snapshot BEGIN SELECT RAISE(ABORT, 'fault'); END
        """
    static let noEnd = """
        CREATE TRIGGER test_fault BEFORE UPDATE OF state ON run WHEN NEW.state <> 'running'
        BEGIN SELECT RAISE(ABORT, 'fault'); END
        """
    static let end = "DROP TRIGGER test_fault"
}
