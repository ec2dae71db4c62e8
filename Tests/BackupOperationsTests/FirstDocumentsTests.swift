import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive
import Testing

@testable import BackupOperations

/// What `show --documents` finds, and what it reads for it.
@Suite struct FirstDocumentsTests {
    private let site: Site
    private let progress = RunProgress(cancellation: Cancellation(), log: nil)

    init() throws { site = try Site() }

    private func read(
        _ archive: OpenedArchive, include: [String] = [], limit: Int
    ) throws -> [FirstDocuments.Sample] {
        var samples: [FirstDocuments.Sample] = []
        try FirstDocuments(archive, progress: progress).read(
            NamespaceSelection(include: include, exclude: []), limit: limit
        ) { samples.append($0) }
        return samples
    }

    private func open(_ text: String) throws -> OpenedArchive {
        try OpenedArchive.open(
            text, workspace: { site.workspace }, progress: progress, at: site.clock.now())
    }

    /// All documents of an archive by namespace, by another way: everything is read.
    private struct Everything: ArchiveHandler {
        var documents: [Namespace: [[UInt8]]] = [:]
        var current: Namespace?

        mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) { current = namespace }

        mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) {
            guard let current else { return }
            var rest = Array(bytes)
            while !rest.isEmpty {
                let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
                documents[current, default: []].append(Array(rest.prefix(length)))
                rest.removeFirst(length)
            }
        }
    }

    private func everything(_ archive: [UInt8]) throws -> [Namespace: [[UInt8]]] {
        let reader = ArchiveReader(handler: Everything())
        try archive.withUnsafeBytes { try reader.feed($0) }
        try reader.finish()
        return reader.handler.documents
    }

    @Test(arguments: [1, 2, 3, 1000]) func theFirstOfEachNamespaceAreFound(limit: Int) throws {
        let engine = FakeEngine(try fixture("03b-features-plain.archive"))
        _ = try site.run(engine)
        let plain = try site.scratch.write(engine.archive, to: "plain.archive")
        let all = try everything(engine.archive)
        let index = try #require(engine.index)
        let expected = index.namespaces.filter { !$0.namespace.isUsersOrRoles }
        for source in ["orders@latest", plain] {
            let samples = try read(open(source), limit: limit)
            #expect(samples.map(\.namespace) == expected.map(\.namespace))
            #expect(samples.map(\.type) == expected.map(\.kind.rawValue))
            for (sample, entry) in zip(samples, expected) {
                let documents = all[entry.namespace] ?? []
                #expect(sample.documents.map(\.bytes) == Array(documents.prefix(limit)), "\(entry.namespace)")
                if source != plain || entry.documents < Int64(limit) { #expect(sample.count == entry.documents) }
            }
        }
    }

    @Test func usersAreNotShown() throws {
        let users = Namespace(database: "admin", collection: "system.users")
        let plain = try site.scratch.write(
            MadeArchive.make([(users, 2), (Namespace(database: "d", collection: "c"), 2)], size: 10), to: "u.archive")
        #expect(try read(open(plain), limit: 5).map(\.namespace.description) == ["d.c"])
        #expect(failure { _ = try read(open(plain), include: ["admin.*"], limit: 5) }?.code == .noMatch)
    }

    private static let names = ["a", "b", "c"].map { Namespace(database: "shop", collection: $0) }

    private func large() throws -> (source: RestoreSource, file: CountingFile, manifest: SnapshotManifest) {
        var engine = FakeEngine(try MadeArchive.make(Self.names.map { ($0, 60) }))
        engine.piece = 1 << 18
        let run = try site.run(engine)
        let repository = try site.workspace.repository("default")
        let location = try SnapshotLocation(id: #require(run.snapshot))
        let manifest = try repository.manifest(of: location).manifest
        let file = CountingFile(try repository.openArchive(location))
        return (try RestoreSource(file, named: "s", manifest), file, manifest)
    }

    /// A document is a tenth of a member: for each namespace one member, or two where it begins at the end of one.
    @Test func noMoreMembersAreReadThanTheDocumentsTake() throws {
        let (source, file, manifest) = try large()
        let opening = file.readBytes
        #expect(opening <= manifest.prelude.stored?.length ?? 0)
        let member = UInt64(GzipStage.memberSize + 1000)
        #expect(try read(.described(source, nil), include: ["shop.c"], limit: 2).map(\.documents.count) == [2])
        #expect(file.readBytes - opening <= 2 * member, "\(file.readBytes - opening)")
        let before = file.readBytes
        #expect(try read(.described(source, nil), limit: 1).map(\.documents.count) == [1, 1, 1])
        #expect(file.readBytes - before <= 3 * 2 * member, "\(file.readBytes - before)")
        #expect(file.readBytes < file.size)
    }

    /// Without a manifest: from the beginning to the last document that is wanted, and what was read ahead.
    @Test func withoutAManifestTheReadingEndsWithTheLastDocument() throws {
        let (_, file, _) = try large()
        let before = file.readBytes
        let samples = try read(.file(file, path: "f"), include: ["shop.a"], limit: 3)
        #expect(samples.map(\.documents.count) == [3] && samples.map(\.count) == [nil])
        let ahead = UInt64((2 * ProcessInfo.processInfo.activeProcessorCount + 4) << 20)
        #expect(file.readBytes - before < ahead)
    }

    @Test func damageThatIsReadIsSaid() throws {
        let (source, _, manifest) = try large()
        let place = try #require(manifest.namespaces[1].ranges?.first?.stored)
        var bytes = try source.file.source().collect(limit: .max)
        bytes[Int(place.offset) + 1000] ^= 1
        let damaged = RestoreSource(
            name: "s", job: nil, snapshot: nil, file: BytesFile(bytes), content: source.content)
        #expect(try read(.described(damaged, nil), include: ["shop.c"], limit: 1).count == 1)
        #expect(failure { _ = try read(.described(damaged, nil), limit: 50) }?.code == .snapshotDamaged)
    }

    @Test func aManifestThatPromisesMoreIsDamage() throws {
        let (source, _, manifest) = try large()
        var wrong = manifest
        wrong.namespaces[2].documents = 61
        guard case .snapshot(_, let collections) = source.content else { throw TestFailure() }
        let lying = RestoreSource(
            name: "s", job: nil, snapshot: nil, file: source.file, content: .snapshot(wrong, collections: collections))
        #expect(failure { _ = try read(.described(lying, nil), limit: 100) }?.code == .snapshotDamaged)
        // What is asked for is there.
        #expect(try read(.described(lying, nil), include: ["shop.c"], limit: 60).map(\.documents.count) == [60])
    }

    @Test func tooMuchIsRefused() throws {
        let plain = try site.scratch.write(
            MadeArchive.make([(Namespace(database: "d", collection: "c"), 34)], size: 1 << 20), to: "l.archive")
        #expect(failure { _ = try read(open(plain), limit: 40) }?.code == .refused)
        #expect(try read(open(plain), limit: 30).map(\.documents.count) == [30])
    }
}
