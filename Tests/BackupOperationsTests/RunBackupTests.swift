import BackupCatalog
import BackupEngines
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive
import Synchronization
import Testing

@testable import BackupOperations

/// One run of a backup, with an engine that behaves and with engines that do not.
@Suite struct RunBackupTests {
    /// How runs of misbehaving engines must end.
    struct Ending: Sendable, CustomTestStringConvertible {
        var mode: FakeEngine.Mode
        var state = RunState.failed
        var code: BackupError.Code
        var policy = RunPolicy()
        var testDescription: String { "\(mode)" }
    }

    static let endings = [
        Ending(mode: .throwsMidway(BackupError(.serverFailed, "the server is gone")), code: .serverFailed),
        Ending(mode: .truncated(4412), code: .archiveDamaged),
        Ending(mode: .truncated(3000), code: .archiveDamaged),
        Ending(mode: .truncated(40), code: .archiveDamaged),
        Ending(mode: .truncated(0), code: .archiveDamaged),
        Ending(mode: .truncated(0), code: .archiveDamaged, policy: RunPolicy(allowEmpty: true)),
        Ending(mode: .wrongCounts, code: .archiveDamaged),
        Ending(mode: .wrongChecksum, code: .archiveDamaged),
        Ending(mode: .blocksUntilCancelled, code: .timedOut, policy: RunPolicy(timeout: 1)),
        Ending(mode: .blocksUntilCancelled, code: .timedOut, policy: RunPolicy(stallTimeout: 1)),
        Ending(mode: .ignoresCancellation(2), code: .timedOut, policy: RunPolicy(timeout: 1)),
    ]

    @Test(arguments: endings)
    func whatIsNotWholeIsNotPublished(ending: Ending) throws {
        let site = try Site(policy: ending.policy)
        let run = try site.run(FakeEngine.base(ending.mode))
        #expect(run.state == ending.state)
        #expect(run.error?.code == ending.code)
        #expect(run.snapshot == nil)
        #expect(run.finishedAt != nil)
        #expect(try site.workspace.catalog.run(run.id) == run)
        #expect(try site.workspace.catalog.snapshots(job: nil).isEmpty)
        #expect(try site.entries().isEmpty)
        #expect(try site.files(with: Site.password) == [])
        try site.expectConsistent()
    }

    @Test func aSuccessIsInTheListInTheRepositoryAndInTheLog() throws {
        let site = try Site()
        let engine = try FakeEngine.base()
        let run = try site.run(engine)
        #expect(run.state == .succeeded)
        #expect(run.error == nil)
        #expect(run.engine == engine.identity)
        #expect(run.warnings == ["a warning of the engine", "a warning of the report"])
        let index = try ArchiveIndex(of: engine.archive)
        #expect(run.counters.documents == index.documents)
        #expect(run.counters.namespaces == Int64(index.namespaces.count))
        #expect(run.counters.uncompressedBytes == Int64(engine.archive.count))
        let snapshot = try #require(try site.workspace.catalog.snapshots(job: "orders").first)
        #expect(snapshot.id == run.snapshot)
        #expect(snapshot.state == .good)
        #expect(snapshot.verifiedAt != nil)
        #expect(snapshot.serverVersion == "6.0.5")
        let stored = try site.workspace.catalog.namespaces(of: snapshot.id)
        #expect(stored.map(\.namespace) == index.namespaces.map(\.namespace))
        #expect(stored.map(\.documents) == index.namespaces.map(\.documents))
        #expect(stored.map(\.crc64) == index.namespaces.map(\.crc64))
        let log = try site.workspace.logLines(of: run.id)
        #expect(log.first?.contains("run \(run.id) of job 'orders'") == true)
        #expect(log.last?.hasSuffix("succeeded") == true)
        try site.expectConsistent()
    }

    @Test func theStoredFileHoldsTheEnginesBytes() throws {
        let site = try Site()
        let engine = FakeEngine(try fixture("03b-features-plain.archive"))
        let run = try site.run(engine)
        let file = try site.workspace.repository("default").openArchive(SnapshotLocation(id: #require(run.snapshot)))
        let bytes = try PlainOrGzipSource.detect(file.source(), name: file.name).archive.collect(limit: 1 << 20)
        #expect(bytes == engine.archive)
    }

    @Test func filesAreForTheirOwnerOnly() async throws {
        let scratch = try Scratch()
        // The mask belongs to the whole process, and tests beside this one would make folders with it.
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            umask(0)
            let site = try Site(Scratch(at: path))
            _ = try site.run(.base())
            exit(EXIT_SUCCESS)
        }
        let state = scratch.statePath
        let names = FileManager.default.enumerator(atPath: state)?.compactMap { $0 as? String } ?? []
        #expect(names.contains { $0.hasPrefix("logs/") && $0.hasSuffix(".log") })
        #expect(names.contains { $0.hasSuffix(".archive.gz") })
        for name in names + ["."] {
            var status = stat()
            try #require(lstat("\(state)/\(name)", &status) == 0)
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            #expect(status.st_mode & 0o777 == (isFolder ? 0o700 : 0o600), "\(name)")
        }
    }

    @Test func noSecretIsOutsideOfTheSecrets() throws {
        let site = try Site()
        let refused = BackupError(.serverUnreachable, "cannot reach 'db.example:27017'")
        _ = try site.run(.base())
        _ = try site.run(.base(.throwsMidway(refused)))
        #expect(try site.files(with: Site.password) == [])
        // The look itself works.
        #expect(try site.files(with: "alice") != [])
        let stored = try String(contentsOfFile: site.workspace.state.secrets + "/orders", encoding: .utf8)
        #expect(stored == Site.uri + "\n")
    }

    @Test func theEngineGetsTheConnectionStringAndWhatTheJobSelects() throws {
        var site = try Site()
        site.job.source.selection = try NamespaceSelection(include: ["gold_small.*"], exclude: ["*.cc"])
        site.job.source.scope = .database("gold_small")
        site.job.policy.allowEmpty = true
        let seen = Mutex<DumpRequest?>(nil)
        var workspace = site.workspace
        workspace.engine = { _ in
            CallingEngine { request, sink, monitor in
                seen.withLock { $0 = request }
                return try FakeEngine.base().dump(request, into: sink, monitor: monitor)
            }
        }
        let backup = RunBackup(workspace: workspace, cancellation: Cancellation(), now: site.clock.now)
        #expect(try backup.run(job: site.job, trigger: .manual).state == .succeeded)
        let request = try #require(seen.withLock { $0 })
        #expect(request.uri == Site.uri)
        #expect(request.scope == .database("gold_small"))
        #expect(request.selection == site.job.source.selection)
        #expect(request.allowEmpty)
    }

    @Test(arguments: [
        ("mongodb://h/", DumpScope.deployment), ("mongodb://h/admin", .deployment),
        ("mongodb://h/shop", .database("shop")),
    ])
    func theDatabaseInTheURIIsTheOneToBackUp(uri: String, scope: DumpScope) throws {
        var site = try Site()
        site.job = try JobEditing(workspace: site.workspace).edit(
            name: site.job.name, connection: .literal(uri), now: site.clock.now()
        ) { _ in }
        let seen = Mutex<DumpScope?>(nil)
        var workspace = site.workspace
        workspace.engine = { _ in
            CallingEngine { request, sink, monitor in
                seen.withLock { $0 = request.scope }
                return try FakeEngine.base().dump(request, into: sink, monitor: monitor)
            }
        }
        let backup = RunBackup(workspace: workspace, cancellation: Cancellation(), now: site.clock.now)
        _ = try backup.run(job: site.job, trigger: .manual)
        #expect(seen.withLock { $0 } == scope)
    }

    @Test func aDumpOfNothingIsRefusedUnlessItIsAllowed() throws {
        let site = try Site()
        let nothing = FakeEngine(try MadeArchive.make([]))
        let run = try site.run(nothing)
        #expect(run.state == .failed)
        #expect(run.error?.code == .emptySource)
        #expect(try site.entries().isEmpty)
        let allowing = try Site(policy: RunPolicy(allowEmpty: true))
        #expect(try allowing.run(nothing).state == .succeeded)
        try allowing.expectConsistent()
    }

    /// Users of the deployment alone are what a wrong name of a database leaves.
    @Test func usersAloneAreNoContent() throws {
        let site = try Site()
        let users = try MadeArchive.make([(Namespace(database: "admin", collection: "system.users"), 1)], size: 10)
        #expect(try site.run(FakeEngine(users)).error?.code == .emptySource)
    }

    @Test func aNamespaceThatTheEngineDoesNotMentionIsNotPassedOver() throws {
        let run = try Site().run(.base(.silentAboutOne))
        #expect(run.state == .failed)
    }

    @Test func aPersonCanCancel() throws {
        let site = try Site()
        let cancellation = Cancellation()
        var engine = try FakeEngine.base(.blocksUntilCancelled)
        engine.midway = { cancellation.cancel(BackupError(.cancelled, "interrupted")) }
        let run = try site.run(engine, cancellation: cancellation)
        #expect(run.state == .cancelled)
        #expect(run.error?.code == .cancelled)
        #expect(try site.entries().isEmpty)
        try site.expectConsistent()
    }

    @Test func aRunThatFailedTakesNothingFromTheOneBefore() throws {
        let site = try Site()
        let good = try site.run(.base())
        for mode in [FakeEngine.Mode.wrongCounts, .wrongChecksum, .truncated(1000)] {
            #expect(try site.run(.base(mode)).state == .failed)
        }
        #expect(try site.workspace.findSnapshot("orders@latest").id == good.snapshot)
        try site.expectConsistent()
    }

    @Test func aSecondRunOfAJobIsRefusedWhileOneRuns() throws {
        let site = try Site()
        var engine = try FakeEngine.base()
        let second = Mutex<BackupError?>(nil)
        engine.midway = {
            let error = failure { _ = try site.run(.base()) }
            second.withLock { $0 = error }
        }
        #expect(try site.run(engine).state == .succeeded)
        #expect(second.withLock { $0 }?.code == .locked)
        #expect(try site.workspace.catalog.runs(job: "orders", limit: nil).count == 1)
        try site.expectConsistent()
    }

    @Test func aRunOfAnotherJobDoesNotSweepWhatIsBeingWritten() throws {
        let site = try Site()
        var other = site
        other.job = try JobEditing(workspace: site.workspace).create(
            name: JobName("other"), connection: .literal("mongodb://h/"), source: site.job.source, engine: .auto,
            policy: RunPolicy(), now: site.clock.now())
        var engine = try FakeEngine.base()
        engine.midway = { [other] in
            guard try other.run(.base()).state == .succeeded else { throw TestFailure() }
        }
        #expect(try site.run(engine).state == .succeeded)
        #expect(try site.workspace.catalog.snapshots(job: nil).count == 2)
        try site.expectConsistent()
    }

    @Test func aMissingSecretFailsTheRun() throws {
        let site = try Site()
        unlink(site.workspace.state.secrets + "/orders")
        let run = try site.run(.base())
        #expect(run.state == .failed)
        #expect(run.error?.code == .secretUnavailable)
        try site.expectConsistent()
    }

    @Test func aMissingMarkerFailsTheRunAndIsNotMadeAgain() throws {
        let site = try Site()
        unlink(site.repositoryPath + "/repository.json")
        let run = try site.run(.base())
        #expect(run.state == .failed)
        #expect(run.error?.code == .noRepository)
        #expect(!exists(site.repositoryPath + "/repository.json"))
        #expect(throws: Never.self) { try Workspace.open(statePath: site.scratch.statePath, now: site.clock.now()) }
        #expect(!exists(site.repositoryPath + "/repository.json"))
    }

    /// The disk is unmounted while the dump goes on.
    @Test func aMarkerThatGoesDuringTheRunFailsIt() throws {
        let site = try Site()
        var engine = try FakeEngine.base()
        let marker = site.repositoryPath + "/repository.json"
        engine.midway = { rename(marker, marker + ".away") }
        let run = try site.run(engine)
        #expect(run.state == .failed)
        #expect(run.error?.code == .noRepository)
        rename(marker + ".away", marker)
        #expect(try site.entries().isEmpty)
        try site.expectConsistent()
    }

    /// A disk that took the bytes and gives back others: nothing is published on trust.
    @Test func whatDoesNotReadBackIsNotPublished() throws {
        let site = try Site()
        let run = try site.run(.base(), calls: FaultyCalls(.flipsBytes, at: 1))
        #expect(run.state == .failed)
        #expect(run.error?.code == .snapshotDamaged)
        #expect(try site.entries().isEmpty)
        try site.expectConsistent()
    }
}

/// An engine of one closure.
struct CallingEngine: Engine {
    let identity = EngineIdentity(name: "fake", version: "9.9")
    let body: @Sendable (DumpRequest, any ByteSink, any RunMonitor) throws -> DumpReport

    func dump(_ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor) throws -> DumpReport {
        try body(request, sink, monitor)
    }

    func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport {
        throw TestFailure()
    }
}
