import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Testing

/// What every repository promises; each rule runs against each kind.
@Suite struct RepositoryConformance {
    enum Kind: CaseIterable { case memory, directory }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func make(_ kind: Kind) throws -> any Repository {
        switch kind {
        case .memory: MemoryRepository()
        case .directory: try DirectoryRepository.create(path: folder.path(of: "repository"), id: UUID())
        }
    }

    @Test(arguments: Kind.allCases)
    func aPublishedSnapshotIsReadBack(kind: Kind) throws {
        let repository = try make(kind)
        #expect(try repository.snapshots().isEmpty)
        let location = try Example.location()
        let published = try Example.publish(location, in: repository)
        #expect(published.location == location)
        let read = try repository.manifest(of: location)
        #expect(read.sha256 == published.manifestSHA256)
        #expect(read.manifest.snapshotId == "orders-20260114T020000Z-k3f9")
        let archive = try repository.openArchive(location)
        let entry = SnapshotEntry(location: location, hasManifest: true, archiveBytes: archive.size)
        #expect(try repository.snapshots() == [entry])
        #expect(try SnapshotChecker.problems(of: archive, read.manifest) == [])
        #expect(try repository.incomingRuns().isEmpty)
    }

    @Test(arguments: Kind.allCases)
    func aFailedCheckPublishesNothing(kind: Kind) throws {
        let repository = try make(kind)
        let incoming = try repository.createIncoming(for: Example.run())
        _ = try Example.store(fixture("10-base.archive"), into: incoming)
        let refusal = BackupError(.snapshotDamaged, "no")
        #expect(throws: refusal) { try repository.publish(incoming) { _ in throw refusal } }
        #expect(try repository.snapshots().isEmpty)
        try incoming.discard()
        #expect(try repository.incomingRuns().isEmpty)
    }

    @Test(arguments: Kind.allCases)
    func onlyAFinishedFileWithItsOwnManifestIsPublished(kind: Kind) throws {
        let repository = try make(kind)
        let open = try repository.createIncoming(for: Example.run("aaaa"))
        try open.write([1, 2, 3])
        let done = try repository.createIncoming(for: Example.run("bbbb"))
        let content = try Example.store(fixture("10-base.archive"), into: done)
        var manifest = Example.manifest(try Example.location("bbbb"), in: repository, content)
        // What was not read back has no digest, and no manifest without one is written.
        #expect(throws: BackupError.self) { try repository.publish(done) { _ in manifest } }
        _ = try? repository.publish(done) { stored in
            manifest = try SnapshotChecker.sealed(manifest, by: stored)
            throw TestFailure()
        }
        #expect(manifest.sha256.count == 64)
        var short = manifest
        short.storedBytes -= 1
        var foreign = manifest
        foreign.repositoryId = "00000000-0000-0000-0000-000000000009"
        var other = manifest
        other.run = try Example.run("aaaa")
        for wrong in [short, foreign, other] {
            #expect(throws: BackupError.self) { try repository.publish(done) { _ in wrong } }
        }
        #expect(throws: BackupError.self) { try repository.publish(open) { _ in other } }
        #expect(try repository.snapshots().isEmpty)
        _ = try repository.publish(done) { _ in manifest }
        #expect(throws: BackupError.self) { try repository.publish(done) { _ in manifest } }
        #expect(try repository.snapshots().count == 1)
    }

    @Test(arguments: Kind.allCases)
    func nothingIsEverReplaced(kind: Kind) throws {
        let repository = try make(kind)
        let location = try Example.location()
        try Example.publish(location, in: repository)
        let before = try repository.manifest(of: location)
        #expect(throws: BackupError.self) { try Example.publish(location, in: repository) }
        #expect(try repository.manifest(of: location) == before)
        #expect(try SnapshotChecker.problems(of: repository.openArchive(location), before.manifest) == [])
        let run = try Example.run("zzzz")
        let first = try repository.createIncoming(for: run)
        #expect(throws: BackupError.self) { try repository.createIncoming(for: run) }
        try first.discard()
    }

    @Test(arguments: Kind.allCases)
    func deletingRemovesOneAndCanBeRepeated(kind: Kind) throws {
        let repository = try make(kind)
        let (first, second) = (try Example.location("aaaa"), try Example.location("bbbb", job: "users"))
        try Example.publish(first, in: repository)
        try Example.publish(second, in: repository)
        for _ in 0..<2 {
            try repository.delete(first)
            #expect(try repository.snapshots().map(\.location) == [second])
        }
        for read in [{ _ = try repository.manifest(of: first) }, { _ = try repository.openArchive(first) }] {
            let error = #expect(throws: BackupError.self) { try read() }
            #expect(error?.code == .snapshotMissing)
        }
    }

    @Test(arguments: Kind.allCases)
    func whatIsBeingReadIsNotDeleted(kind: Kind) throws {
        let repository = try make(kind)
        let location = try Example.location()
        try Example.publish(location, in: repository)
        var reader: (any StoredFile)? = try repository.openArchive(location)
        let error = #expect(throws: BackupError.self) { try repository.delete(location) }
        #expect(error?.code == .locked)
        #expect(try repository.snapshots().count == 1)
        #expect(reader != nil)
        reader = nil
        try repository.delete(location)
        #expect(try repository.snapshots().isEmpty)
    }

    @Test(arguments: Kind.allCases)
    func theSweepLeavesWhatIsKeptAndWhatLives(kind: Kind) throws {
        let repository = try make(kind)
        for suffix in ["aaaa", "bbbb"] {
            let incoming = try repository.createIncoming(for: Example.run(suffix))
            try incoming.write([1])
        }
        let living = try repository.createIncoming(for: Example.run("cccc"))
        let kept = try Example.run("bbbb")
        #expect(try repository.incomingRuns().count == 3)
        #expect(try repository.swept(1) { $0 == kept } == [Example.run("aaaa")])
        #expect(try repository.incomingRuns() == [kept, living.run])
        try living.write([2])
        try living.discard()
        #expect(try repository.swept(1) == [kept])
        #expect(try repository.incomingRuns().isEmpty)
    }
}
