import BackupCatalog
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive
import Testing

@testable import BackupOperations

/// What `cat` passes on, what it reads for it, and what becomes of damage.
@Suite struct CopyArchiveTests {
    private static let names = ["a", "b", "c", "d"].map { Namespace(database: "shop", collection: $0) }

    /// Collections of some MiB that no compressor makes smaller, so that each has gzip members of its own.
    private static let large = Result {
        var engine = FakeEngine(try MadeArchive.make(names.map { ($0, $0.collection == "b" ? 12 : 40) }))
        engine.piece = 1 << 18
        return engine
    }

    private let site: Site
    private let progress = RunProgress(cancellation: Cancellation(), log: nil)

    init() throws { site = try Site() }

    private func snapshot(_ engine: FakeEngine) throws -> Snapshot {
        let run = try site.run(engine)
        return try site.workspace.catalog.snapshot(matching: #require(run.snapshot))
    }

    private var copier: CopyArchive { CopyArchive(progress: progress, workspace: { [site] in site.workspace }) }

    private func copy(
        _ text: String, include: [String] = [], exclude: [String] = []
    ) throws -> [UInt8] {
        let sink = CollectingSink()
        try copier.copy(text, NamespaceSelection(include: include, exclude: exclude), to: sink)
        #expect(sink.isFinished)
        return sink.bytes
    }

    @Test func theWholeIsByteForByteWhatTheEngineMade() throws {
        let engine = FakeEngine(try fixture("03b-features-plain.archive"))
        let made = try snapshot(engine)
        #expect(try copy("orders@latest") == engine.archive)
        #expect(try copy(made.id) == engine.archive)
        let file = try site.workspace.file(of: made)
        #expect(try copy(file) == engine.archive)
        // Compressed by somebody else, and not compressed.
        let foreign = try GzipStageOutput.bytes(engine.archive, memberSize: 5000)
        #expect(try copy(site.scratch.write(foreign, to: "other.gz")) == engine.archive)
        #expect(try copy(site.scratch.write(engine.archive, to: "plain.archive")) == engine.archive)
    }

    @Test(arguments: ["03b-features-plain.archive", "10-base.archive"])
    func aPartIsAnArchiveOfItsNamespaces(archive: String) throws {
        let engine = FakeEngine(try fixture(archive))
        let file = try site.workspace.file(of: snapshot(engine))
        let whole = try #require(engine.index)
        let foreign = try site.scratch.write(engine.archive, to: "plain.archive")
        for entry in whole.namespaces where !entry.namespace.isUsersOrRoles {
            let name = entry.namespace.description
            for source in ["orders@latest", file, foreign] {
                let part = try ArchiveIndex(of: copy(source, include: [name]))
                #expect(part.namespaces.map(\.namespace) == [entry.namespace], "\(source)")
                #expect(part.namespaces.first?.crc64 == entry.crc64 && part.namespaces.first?.kind == entry.kind)
                #expect(part.collections == whole.collections.filter { $0.namespace == entry.namespace })
                #expect(part.header.serverVersion == whole.header.serverVersion)
            }
            guard whole.namespaces.count > 1 else { continue }
            let rest = try ArchiveIndex(of: copy("orders@latest", exclude: [name]))
            #expect(
                rest.namespaces.map(\.namespace) == whole.namespaces.map(\.namespace).filter { $0 != entry.namespace })
        }
    }

    @Test func whatMatchesNothingIsRefusedBeforeTheFirstByte() throws {
        let engine = try FakeEngine.base()
        let file = try site.workspace.file(of: snapshot(engine))
        let plain = try site.scratch.write(engine.archive, to: "plain.archive")
        for source in ["orders@latest", file, plain] {
            for (include, exclude) in [(["none.*"], []), (["gold_small.*", "x.y"], []), ([], ["*"]), ([], ["none"])] {
                let sink = CollectingSink()
                let error = failure {
                    try copier.copy(source, NamespaceSelection(include: include, exclude: exclude), to: sink)
                }
                #expect(error?.code == .noMatch && error?.hint?.contains("gold_small.") == true)
                #expect(sink.bytes.isEmpty)
            }
        }
    }

    @Test func usersAndRolesOfADatabaseGoTogether() throws {
        let names = ["users", "roles", "version"].map { Namespace(database: "admin", collection: "system.\($0)") }
        let there = names + Self.names + [.oplog]
        let users = try NamespaceSelection(include: ["admin.system.users"], exclude: [])
        #expect(try users.choose(from: there) == Set(names))
        let others = try NamespaceSelection(include: [], exclude: ["admin.*"])
        #expect(try others.choose(from: there) == Set(Self.names))
        let all = try NamespaceSelection(include: ["*"], exclude: [])
        #expect(try all.choose(from: there) == Set(names + Self.names))
    }

    /// The member at each border and the prelude, and nothing else.
    @Test func ofAPartOnlyItsRangesAreRead() throws {
        let made = try snapshot(Self.large.get())
        let repository = try site.workspace.repository("default")
        let location = try SnapshotLocation(id: made.id)
        let manifest = try repository.manifest(of: location).manifest
        let file = CountingFile(try repository.openArchive(location))
        let source = try RestoreSource(file, named: "s", manifest)
        let entry = try #require(manifest.namespaces.first { $0.namespace == Self.names[1] })
        let ranges = try #require(entry.ranges).compactMap(\.stored).reduce(0) { $0 + $1.length }
        let prelude = try #require(manifest.prelude.stored).length
        let sink = CollectingSink()
        try copier.copy(
            .described(source, nil), NamespaceSelection(include: ["shop.b"], exclude: []), to: sink)
        #expect(try ArchiveIndex(of: sink.bytes).namespaces.map(\.crc64) == [entry.crc64])
        // Opening reads the prelude, and copying once more, since it is a part of every archive.
        #expect(file.readBytes <= ranges + 2 * prelude, "\(file.readBytes), \(ranges), \(prelude)")
        #expect(file.readBytes < file.size / 3)
    }

    /// Of a file that nobody describes, what lies behind the last of the part stays unread.
    @Test func withoutAManifestTheReadingEndsWithThePart() throws {
        let engine = try Self.large.get()
        let entry = try #require(engine.index?.namespaces.first { $0.namespace == Self.names[1] })
        let end = try #require(entry.ranges.last?.upperBound)
        // A plain one, of which nothing is inflated ahead.
        let file = CountingFile(BytesFile(engine.archive))
        let sink = CollectingSink()
        try copier.copy(
            .file(file, path: "f"), NamespaceSelection(include: ["shop.b"], exclude: []), to: sink)
        #expect(try ArchiveIndex(of: sink.bytes).namespaces.map(\.crc64) == [entry.crc64])
        #expect(file.readBytes < end + (1 << 19) && file.readBytes < file.size / 2, "\(file.readBytes), \(end)")
    }

    /// Whatever byte is wrong: it is said, and what came out by then cannot be taken for an archive.
    @Test(arguments: [[], ["gold_small.aa"], ["gold_small.cc"]])
    func damageIsSaidAndNeverLooksWhole(include: [String]) throws {
        let engine = try FakeEngine.base()
        let made = try snapshot(engine)
        let file = try site.workspace.file(of: made)
        let good = Array(try Data(contentsOf: URL(filePath: file)))
        let selection = try NamespaceSelection(include: include, exclude: [])
        let expected = try copy(made.id, include: include)
        let manifest = try site.workspace.repository("default").manifest(of: SnapshotLocation(id: made.id)).manifest
        var harmless = 0
        for position in stride(from: 0, to: good.count, by: 3) {
            var bytes = good
            bytes[position] ^= 0x11
            let source = RestoreSource(
                name: "s", job: nil, snapshot: nil, file: BytesFile(bytes),
                content: .snapshot(manifest, collections: try #require(engine.index).collections))
            let sink = CollectingSink()
            let error = failure {
                let archive = OpenedArchive.described(source, nil)
                try archive.reading(at: .now) { try copier.copy(archive, selection, to: sink) }
            }
            // Bits of a member's header that mean nothing, and those that fill its last byte up.
            if error == nil, !include.isEmpty, sink.bytes == expected {
                harmless += 1
                continue
            }
            #expect(error?.code == .snapshotDamaged, "byte \(position): \(String(describing: error))")
            #expect(!sink.isFinished && sink.bytes.count < expected.count)
            #expect(throws: (any Error).self, "byte \(position)") { try ArchiveIndex(of: sink.bytes) }
        }
        #expect(harmless < 8)
    }

    @Test func everyTruncationOfAFileIsSaid() throws {
        let engine = try FakeEngine.base()
        for length in stride(from: 8, to: engine.archive.count, by: 7) {
            let sink = CollectingSink()
            let archive = OpenedArchive.file(BytesFile(Array(engine.archive.prefix(length))), path: "f")
            let error = failure { try archive.reading(at: .now) { try copier.copy(archive, .everything, to: sink) } }
            #expect(error?.code == .archiveDamaged || error?.code == .notAnArchive, "\(String(describing: error))")
            #expect(throws: (any Error).self) { try ArchiveIndex(of: sink.bytes) }
        }
    }

    @Test func aSnapshotThatIsFoundToBeDamagedIsNoGoodOneAnyMore() throws {
        let made = try snapshot(.base())
        let handle = try FileHandle(forUpdating: URL(filePath: try site.workspace.file(of: made)))
        try handle.seek(toOffset: UInt64(made.storedBytes) - 40)
        try handle.write(contentsOf: Data([0xAA]))
        try handle.close()
        #expect(failure { _ = try copy("orders@latest") }?.code == .snapshotDamaged)
        #expect(try site.workspace.catalog.snapshot(matching: made.id).state == .damaged)
    }

    /// Counts that are not those of the manifest are damage, though the archive itself is right.
    @Test func whatIsNotWhatTheManifestSaysIsDamage() throws {
        let engine = try FakeEngine.base()
        let made = try snapshot(engine)
        let repository = try site.workspace.repository("default")
        let location = try SnapshotLocation(id: made.id)
        var manifest = try repository.manifest(of: location).manifest
        let index = try #require(manifest.namespaces.firstIndex { $0.namespace.collection == "bb" })
        manifest.namespaces[index].documents += 1
        let archive = OpenedArchive.described(
            try RestoreSource(repository.openArchive(location), named: "s", manifest), nil)
        for include in [[], ["gold_small.bb"]] {
            let sink = CollectingSink()
            let error = failure {
                try archive.reading(at: .now) {
                    try copier.copy(archive, NamespaceSelection(include: include, exclude: []), to: sink)
                }
            }
            #expect(error?.code == .snapshotDamaged)
            #expect(throws: (any Error).self) { try ArchiveIndex(of: sink.bytes) }
        }
    }
}
