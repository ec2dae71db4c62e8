import BackupCatalog
import BackupEngines
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive
import Testing

@testable import BackupOperations

/// What a restore reads, and what reaches the engine. No server: plans are made against a target with nothing in it.
@Suite struct RestoreTests {
    private static let names = ["a", "b", "c"].map { Namespace(database: "shop", collection: $0) }

    /// Made once, since it takes a while.
    private static let engine = Result {
        var engine = FakeEngine(try MadeArchive.make(names.map { ($0, 22) }))
        engine.piece = 1 << 18
        return engine
    }

    private let site: Site
    private let snapshot: Snapshot
    private let progress = RunProgress(cancellation: Cancellation(), log: nil)

    /// Three collections of more than 2 MiB, so that each has gzip members of its own.
    init() throws {
        let site = try Site()
        self.site = site
        let run = try site.run(Self.engine.get())
        snapshot = try site.workspace.catalog.snapshot(matching: #require(run.snapshot))
    }

    private func request(
        _ source: String, include: [String] = [], renames: [String] = [], withIndexes: Bool = true
    ) throws -> RestoreRequested {
        RestoreRequested(
            source: source, target: .literal("mongodb://h/"),
            choice: RestoreChoice(
                selection: try NamespaceSelection(include: include, exclude: []),
                mapping: try NamespaceMapping(from: [], to: [], renames: renames)), withIndexes: withIndexes)
    }

    /// `Restore.prepare` without its look at the target.
    private func prepare(
        _ request: RestoreRequested, engine: any Engine = FakeEngine([])
    ) throws -> Restore.Prepared {
        let source = try RestoreSource.open(request.source, workspace: site.workspace, progress: progress)
        let plan = try RestorePlan.make(archive: source.namespaces(), choice: request.choice) { _ in nil }
        let prepared = Restore.Prepared(source: source, plan: plan, engine: engine)
        try source.check(prepared.selected, progress: progress)
        return prepared
    }

    private func restore(
        _ request: RestoreRequested, engine: FakeEngine, prepared: Restore.Prepared? = nil
    ) throws -> RestoreReport {
        var workspace = site.workspace
        workspace.engine = { _ in engine }
        let restore = Restore(workspace: workspace, request: request, uri: "mongodb://h/", progress: progress)
        return try restore.perform(prepared ?? prepare(request, engine: engine))
    }

    private func fed(_ request: RestoreRequested) throws -> (ArchiveIndex, RestoreRequest) {
        let engine = FakeEngine([])
        _ = try restore(request, engine: engine)
        #expect(engine.restored.isFinished)
        return (try ArchiveIndex(of: #require(engine.restored.archive)), try #require(engine.restored.request))
    }

    private func manifest() throws -> SnapshotManifest {
        try site.workspace.repository("default").manifest(of: SnapshotLocation(id: snapshot.id)).manifest
    }

    private func damage(at offset: UInt64) throws {
        try damage(file: site.workspace.file(of: snapshot), at: offset)
    }

    private func damage(file: String, at offset: UInt64) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: file))
        try handle.seek(toOffset: offset)
        let byte = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: offset)
        try handle.write(contentsOf: Data([byte ^ 0x10]))
        try handle.close()
    }

    /// A place in the file where the documents of this namespace alone lie.
    private func place(of namespace: Namespace) throws -> UInt64 {
        let all = try manifest().namespaces
        let entry = try #require(all.first { $0.namespace == namespace })
        let others = all.filter { $0.namespace != namespace }.flatMap { $0.ranges ?? [] }.compactMap(\.stored)
        let range = try #require(entry.ranges?.first?.stored)
        for offset in stride(from: range.offset, to: range.offset + range.length, by: 1000)
        where !others.contains(where: { ($0.offset..<($0.offset + $0.length)).contains(offset) }) {
            // Past the header of the gzip member.
            return offset + 500
        }
        throw TestFailure()
    }

    // MARK: what reaches the engine

    @Test func aWholeRestoreFeedsTheWholeArchive() throws {
        let (index, request) = try fed(request(snapshot.id))
        let entries = try manifest().namespaces
        #expect(index.namespaces.map(\.namespace) == Self.names)
        #expect(index.namespaces.map(\.crc64) == entries.map(\.crc64))
        #expect(index.namespaces.map(\.documents) == [22, 22, 22])
        #expect(request.namespaces.map(\.namespace) == Self.names)
        #expect(request.namespaces.allSatisfy { $0.action == .create })
        #expect(request.uri == "mongodb://h/")
        #expect(progress.current.expectedDocuments == 66)
        #expect(progress.current.expectedNamespaces == 3)
    }

    @Test func whatIsNotSelectedDoesNotReachTheEngine() throws {
        let (index, request) = try fed(request(snapshot.id, include: ["shop.b"]))
        #expect(index.namespaces.map(\.namespace) == [Self.names[1]])
        #expect(index.collections.map(\.namespace) == [Self.names[1]])
        #expect(index.namespaces.first?.crc64 == (try manifest()).namespaces[1].crc64)
        #expect(request.namespaces.map(\.namespace) == [Self.names[1]])
    }

    @Test func whatIsRenamedReachesTheEngineUnderItsNewName() throws {
        let (index, request) = try fed(request(snapshot.id, include: ["shop.a", "shop.c"], renames: ["shop=dev"]))
        let targets = ["a", "c"].map { Namespace(database: "dev", collection: $0) }
        #expect(index.namespaces.map(\.namespace) == targets)
        #expect(request.namespaces.map(\.namespace) == targets)
        let entries = try manifest().namespaces
        #expect(index.namespaces.map(\.crc64) == [entries[0].crc64, entries[2].crc64])
    }

    @Test func indexesAreLeftOutOnRequestOnly() throws {
        #expect(try fed(request(snapshot.id)).1.withIndexes)
        #expect(try !fed(request(snapshot.id, withIndexes: false)).1.withIndexes)
    }

    @Test func theRangesGiveTheSameAsTheWhole() throws {
        let source = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress)
        for selected in [[0], [1], [2], [0, 1], [0, 2], [1, 2]].map({ Set($0.map { Self.names[$0] }) }) {
            let parts = IndexStage(options: ArchiveReaderOptions { selected.contains($0) })
            let read = try source.open(selected).copy(to: parts)
            try parts.finish()
            #expect(read < UInt64(snapshot.uncompressedBytes))
            let whole = IndexStage()
            try source.open(Set(Self.names)).copy(to: whole)
            try whole.finish()
            for name in selected {
                let part = try #require(parts.index.namespaces.first { $0.namespace == name })
                let expected = try #require(whole.index.namespaces.first { $0.namespace == name })
                #expect(part.crc64 == expected.crc64)
                #expect(part.documents == expected.documents)
                #expect(part.bytes == expected.bytes)
            }
        }
    }

    @Test(arguments: ["10-base.archive", "03b-features-plain.archive"])
    func aFileIsRestoredLikeASnapshot(name: String) throws {
        let path = site.scratch.path(of: name)
        let bytes = try fixture(name)
        try Data(bytes).write(to: URL(filePath: path))
        let (index, _) = try fed(request(path))
        let original = try ArchiveIndex(of: bytes).namespaces.filter { $0.kind != .special }
        #expect(Set(index.namespaces.map(\.namespace)) == Set(original.map(\.namespace)))
        for entry in index.namespaces {
            #expect(original.contains { $0.namespace == entry.namespace && $0.crc64 == entry.crc64 })
        }
    }

    /// A copy of a repository on another machine: no more is read of it than of a snapshot.
    @Test func aFileThatHasItsManifestBesideItIsReadLikeASnapshot() throws {
        let location = try SnapshotLocation(id: snapshot.id)
        let archive = site.scratch.path(of: location.archiveName)
        let manifest = site.scratch.path(of: location.manifestName)
        try FileManager.default.copyItem(atPath: site.repositoryPath + "/" + location.manifestPath, toPath: manifest)
        try FileManager.default.copyItem(atPath: site.workspace.file(of: snapshot), toPath: archive)
        #expect(try fed(request(archive)).0.namespaces.map(\.namespace) == Self.names)
        let source = try RestoreSource.open(archive, workspace: site.workspace, progress: progress)
        #expect(source.snapshot == nil && source.name == archive)

        let place = try place(of: Self.names[1])
        let handle = try FileHandle(forUpdating: URL(filePath: archive))
        try handle.seek(toOffset: place)
        try handle.write(contentsOf: Data("damage".utf8))
        try handle.close()
        let (index, _) = try fed(request(archive, include: ["shop.a"]))
        #expect(index.namespaces.map(\.namespace) == [Self.names[0]])
        for include in [["shop.b"], []] {
            let error = failure { _ = try prepare(request(archive, include: include)) }
            #expect(error?.code == .snapshotDamaged && error?.hint?.contains("move its manifest away") == true)
        }
        // The prelude is read before anything is planned.
        try damage(file: archive, at: 100)
        let error = failure { _ = try prepare(request(archive, include: ["shop.a"])) }
        #expect(error?.hint?.contains("move its manifest away") == true)
        unlink(manifest)
        #expect(failure { _ = try prepare(request(archive, include: ["shop.a"])) }?.code == .archiveDamaged)
    }

    @Test func whoRestoresTheLatestIsToldOfOneFromTheFuture() throws {
        let ahead = Date.now + 10 * 86400
        var workspace = site.workspace
        workspace.engine = { _ in try FakeEngine.base() }
        let run = try RunBackup(workspace: workspace, cancellation: Cancellation(), now: { ahead }).run(
            job: site.job, trigger: .manual)
        let source = try RestoreSource.open("orders@latest", workspace: site.workspace, progress: progress)
        #expect(source.snapshot == snapshot.id)
        let told = try #require(progress.current.warnings.first)
        let newest = try #require(run.snapshot)
        #expect(told.contains("'\(newest)' is dated in the future"))
    }

    // MARK: damage

    @Test func damageInWhatIsSelectedIsRefusedBeforeTheFirstWrite() throws {
        try damage(at: place(of: Self.names[1]))
        for include in [["shop.b"], ["shop.a", "shop.b"], []] {
            let error = failure { _ = try prepare(request(snapshot.id, include: include)) }
            #expect(error?.code == .snapshotDamaged, "\(include)")
        }
    }

    @Test func damageElsewhereConcernsAWholeRestoreOnly() throws {
        try damage(at: place(of: Self.names[1]))
        for include in [["shop.a"], ["shop.c"], ["shop.a", "shop.c"]] {
            let (index, _) = try fed(request(snapshot.id, include: include))
            #expect(index.namespaces.count == include.count)
        }
        #expect(failure { _ = try prepare(request(snapshot.id)) }?.code == .snapshotDamaged)
    }

    /// A check is worth nothing for bytes that change after it: they are proved once more as they pass.
    @Test func damageAfterTheCheckStopsTheRestore() throws {
        let request = try request(snapshot.id, include: ["shop.b"])
        var prepared = try prepare(request)
        try damage(at: place(of: Self.names[1]))
        let engine = FakeEngine([])
        prepared.engine = engine
        #expect(failure { _ = try restore(request, engine: engine, prepared: prepared) } != nil)
        #expect(engine.restored.archive == nil)
    }

    @Test(arguments: [-1, 1, -100_000])
    func aFileOfAnotherLengthIsNotRestored(change: Int64) throws {
        let file = try site.workspace.file(of: snapshot)
        truncate(file, off_t(snapshot.storedBytes + change))
        #expect(failure { _ = try prepare(request(snapshot.id, include: ["shop.a"])) }?.code == .snapshotDamaged)
        #expect(failure { _ = try prepare(request(snapshot.id)) }?.code == .snapshotDamaged)
    }

    @Test func aFileThatIsGoneIsMissing() throws {
        unlink(try site.workspace.file(of: snapshot))
        #expect(failure { _ = try prepare(request(snapshot.id)) }?.code == .snapshotMissing)
    }

    /// Its own digest is right: only the catalog knows that it is another one.
    @Test func anotherManifestThanTheCatalogKnowsIsNotTrusted() throws {
        let location = try SnapshotLocation(id: snapshot.id)
        var other = try manifest()
        other.warnings = ["exchanged"]
        let path = site.repositoryPath + "/" + location.manifestPath
        try Data(try other.fileBytes()).write(to: URL(filePath: path))
        #expect(failure { _ = try prepare(request(snapshot.id)) }?.code == .snapshotDamaged)
    }

    /// Every checksum in the archive is right, and still it is not what the manifest says.
    @Test(arguments: 0..<3)
    func anotherArchiveThanTheManifestsIsRefused(field: Int) throws {
        let source = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress)
        guard case .snapshot(var manifest, let collections) = source.content else { throw TestFailure() }
        switch field {
        case 0: manifest.namespaces[0].documents += 1
        case 1: manifest.namespaces[0].bytes += 1
        default: manifest.namespaces[0].crc64 ^= 1
        }
        let other = RestoreSource(
            name: source.name, job: source.job, snapshot: source.snapshot, file: source.file,
            content: .snapshot(manifest, collections: collections))
        #expect(failure { try other.check([Self.names[0]], progress: progress) }?.code == .snapshotDamaged)
        try other.check([Self.names[1]], progress: progress)
    }

    /// A whole snapshot is proven by its digest: the bytes are those that were read back when it was published.
    @Test(arguments: 0..<3)
    func aWholeArchiveOfOtherBytesIsRefused(field: Int) throws {
        let source = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress)
        guard case .snapshot(var manifest, let collections) = source.content else { throw TestFailure() }
        #expect(try source.check(Set(Self.names), progress: progress))
        switch field {
        case 0: manifest.sha256 = sha256("another".utf8)
        case 1: manifest.storedBytes += 1
        default:
            // One byte in the middle of the data, on the disk.
            let path = try site.workspace.file(of: snapshot)
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(filePath: path))
        }
        let opened = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress)
        let other = RestoreSource(
            name: source.name, job: source.job, snapshot: source.snapshot, file: opened.file,
            content: .snapshot(manifest, collections: collections))
        #expect(failure { _ = try other.check(Set(Self.names), progress: progress) }?.code == .snapshotDamaged)
    }

    @Test func aDamagedFileOfSomeoneElseIsRefused() throws {
        var bytes = try fixture("10-base.archive")
        let place = try #require(bytes.firstRange(of: Array("text-2".utf8)))
        bytes[place.lowerBound] ^= 1
        let path = site.scratch.path(of: "damaged.archive")
        try Data(bytes).write(to: URL(filePath: path))
        #expect(failure { _ = try prepare(request(path)) }?.code == .archiveDamaged)
        try Data(bytes.prefix(4000)).write(to: URL(filePath: path))
        #expect(failure { _ = try prepare(request(path)) }?.code == .archiveDamaged)
    }

    @Test func aCancelledCheckStops() throws {
        progress.cancellation.cancel(BackupError(.cancelled, "interrupted"))
        #expect(failure { _ = try prepare(request(snapshot.id)) }?.code == .cancelled)
    }

    /// A snapshot that is being restored must not be deleted under the reader.
    @Test func whatIsBeingRestoredIsNotDeleted() throws {
        let source = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress)
        let delete = DeleteSnapshot(workspace: site.workspace, repository: try site.workspace.repository("default"))
        func attempt() -> BackupError? {
            failure {
                try delete.delete(snapshot, sparing: .none, proof: .none, reason: "a test", now: site.clock.now())
            }
        }
        #expect(attempt()?.code == .locked)
        #expect(try site.workspace.catalog.snapshot(matching: snapshot.id).state == .good)
        try source.check([Self.names[0]], progress: progress)
    }

    /// The run says which snapshot it reads before it opens it: where files have no locks, that is what holds it.
    @Test func aRestoreHoldsItsSnapshotInTheCatalog() throws {
        let time = site.clock.now()
        var generator = SystemRandomNumberGenerator()
        var run = Run(
            id: RunID(at: time, using: &generator), kind: .restore, job: "orders", trigger: .manual, queuedAt: time)
        run = try site.workspace.catalog.start(run, owner: ProcessIdentity.current(), site.workspace.act(time))
        _ = try RestoreSource.open(snapshot.id, workspace: site.workspace, progress: progress, reader: run.id)
        #expect(try site.workspace.catalog.readers() == [snapshot.id: run.id])
        let delete = DeleteSnapshot(workspace: site.workspace, repository: try site.workspace.repository("default"))
        let error = failure {
            try delete.delete(snapshot, sparing: .none, proof: .none, reason: "a test", now: site.clock.now())
        }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("run '\(run.id)' is reading it") == true)
        #expect(try site.entries().count == 1)
    }
}

/// Whether a report accounts for everything.
@Suite struct RestoreResultTests {
    private static let first = Namespace(database: "shop", collection: "a")
    private static let second = Namespace(database: "shop", collection: "b")

    private static func plan() throws -> RestorePlan {
        try RestorePlan.make(
            archive: [first, second].map { ArchivedNamespace(namespace: $0, type: "collection", documents: 10) },
            choice: RestoreChoice(), live: { _ in nil })
    }

    private func result(_ change: (inout RestoreReport) -> Void = { _ in }) throws -> RestoreResult {
        var report = RestoreReport(
            server: FakeEngine.server,
            namespaces: [Self.first, Self.second].map {
                var namespace = RestoredNamespace(namespace: $0)
                namespace.restored = 10
                return namespace
            })
        change(&report)
        var result = RestoreResult(
            source: "s", state: "planned", run: nil, engine: FakeEngine([]).identity, target: "mongodb://h/",
            existing: .fail, isDryRun: false)
        result.take(try Self.plan())
        result.take(report)
        return result
    }

    @Test func aFullReportIsASuccess() throws {
        let result = try result()
        #expect(result.state == "succeeded")
        #expect(result.error == nil)
        #expect(result.exitStatus == 0)
        #expect([result.expected, result.restored, result.failed] == [20, 20, 0])
    }

    struct Shortage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout RestoreReport) -> Void
    }

    @Test(arguments: [
        Shortage(testDescription: "a namespace is missing") { $0.namespaces.removeLast() },
        Shortage(testDescription: "none is there") { $0.namespaces = [] },
        Shortage(testDescription: "one document less") { $0.namespaces[1].restored = 9 },
        Shortage(testDescription: "one document more") { $0.namespaces[1].restored = 11 },
        Shortage(testDescription: "one failed of one more") { $0.namespaces[1].failed = 1 },
        Shortage(testDescription: "one failed") { $0.namespaces[0] = $0.namespaces[0].with(restored: 9, failed: 1) },
        Shortage(testDescription: "all failed") { $0.namespaces[0] = $0.namespaces[0].with(restored: 0, failed: 10) },
        Shortage(testDescription: "an index") { $0.namespaces[1].errors = ["cannot build index 'x'"] },
        Shortage(testDescription: "another name") { $0.namespaces[1].namespace.collection = "c" },
        Shortage(testDescription: "too many kept") { $0.namespaces[1].kept = 1 },
    ])
    func aShortReportIsPartial(shortage: Shortage) throws {
        let result = try result(shortage.change)
        #expect(result.state == "partial")
        #expect(result.error?.code == .incomplete)
        #expect(result.exitStatus == 3)
        #expect(result.error?.message.contains("shop.") == true)
    }

    /// Users that exist already are left as they are, and accounted for.
    @Test func whatIsKeptCounts() throws {
        let result = try result {
            $0.namespaces[0].restored = 4
            $0.namespaces[0].kept = 6
        }
        #expect(result.state == "succeeded")
    }

    @Test func aStoppedRestoreSaysWhatIsKnown() throws {
        var result = try result()
        var progress = ProgressState()
        progress.restored[Self.first] = 3
        result.stop(with: BackupError(.serverFailed, "gone"), progress: progress)
        #expect(result.state == "failed")
        #expect(result.namespaces.map(\.restored) == [3, 0])
        #expect(result.exitStatus == 1)
        result.stop(with: BackupError(.cancelled, "interrupted"), progress: progress)
        #expect(result.state == "cancelled")
        #expect(result.exitStatus == 130)
    }
}

extension RestoredNamespace {
    fileprivate func with(restored: Int64, failed: Int64) -> RestoredNamespace {
        var copy = self
        (copy.restored, copy.failed) = (restored, failed)
        return copy
    }
}
