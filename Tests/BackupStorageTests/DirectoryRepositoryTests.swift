import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Glibc
import Testing

@Suite struct DirectoryRepositoryTests {
    private let folder: TemporaryFolder
    private let path: String
    private let id = UUID()

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path(of: "repository")
        _ = try DirectoryRepository.create(path: path, id: id)
    }

    private func open(expecting id: UUID? = nil) throws -> DirectoryRepository {
        try DirectoryRepository(path: path, expecting: id)
    }

    private func inRepository(_ name: String) -> String { "repository/\(name)" }

    private func code(_ work: () throws -> Void) -> BackupError.Code? {
        do { try work() } catch { return (error as? BackupError)?.code }
        return nil
    }

    @Test func theLayoutIsThatOfTheFormat() throws {
        try Example.publish(Example.location(), in: open())
        let names = folder.tree.filter { $0.hasPrefix("repository/") }.map { String($0.dropFirst("repository/".count)) }
        #expect(
            names == [
                ".incoming", "orders", "orders/2026", "orders/2026/orders-20260114T020000Z-k3f9.archive.gz",
                "orders/2026/orders-20260114T020000Z-k3f9.manifest.json", "repository.json",
            ])
        let incoming = try open().createIncoming(for: Example.run("aaaa"))
        #expect(folder.tree.contains(inRepository(".incoming/20260114T020000Z-aaaa")))
        try incoming.discard()
    }

    // The mask belongs to the whole process, and tests beside this one would make folders with it.
    @Test func rightsDoNotDependOnTheUmask() async throws {
        for mask in [0, geteuid() == 0 ? 0o777 : 0o077] as [Int32] {
            let base = folder.path
            await #expect(processExitsWith: .success) { [base = base as String, mask = mask as Int32] in
                umask(mode_t(mask))
                let repository = try DirectoryRepository.create(path: base + "/masked-\(mask)/deep", id: UUID())
                try Example.publish(Example.location(), in: repository)
                _ = try repository.createIncoming(for: Example.run("aaaa"))
                exit(EXIT_SUCCESS)
            }
            let made = folder.tree.filter { $0.hasPrefix("masked-\(mask)") }
            #expect(made.count > 5)
            for name in made {
                var status = stat()
                #expect(lstat(folder.path(of: name), &status) == 0)
                let isFolder = status.st_mode & S_IFMT == S_IFDIR
                #expect(status.st_mode & 0o7777 == (isFolder ? 0o700 : 0o600), "\(name)")
            }
        }
    }

    @Test func withoutItsMarkerNothingIsTouched() throws {
        let repository = try open(expecting: id)
        let location = try Example.location()
        try Example.publish(location, in: repository)
        let waiting = try repository.createIncoming(for: Example.run("aaaa"))
        let content = try Example.store(fixture("10-base.archive"), into: waiting)
        let manifest = Example.manifest(try Example.location("aaaa"), in: repository, content)
        try FileManager.default.removeItem(atPath: path + "/repository.json")
        let before = folder.tree
        #expect(code { _ = try open() } == .noRepository)
        #expect(code { _ = try repository.createIncoming(for: Example.run("bbbb")) } == .noRepository)
        let published = code { _ = try repository.publish(waiting) { try SnapshotChecker.sealed(manifest, by: $0) } }
        #expect(published == .noRepository)
        #expect(code { try repository.delete(location) } == .noRepository)
        #expect(code { _ = try repository.sweepIncoming { _ in false } } == .noRepository)
        #expect(folder.tree == before)
    }

    @Test func anotherDirectoryInItsPlaceIsRefused() throws {
        let repository = try open(expecting: id)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".unmounted")
        #expect(code { _ = try repository.createIncoming(for: Example.run()) } == .noRepository)
        _ = try DirectoryRepository.create(path: path, id: UUID())
        #expect(code { _ = try repository.createIncoming(for: Example.run()) } == .noRepository)
        #expect(code { _ = try open(expecting: id) } == .noRepository)
        #expect(try open().snapshots().isEmpty)
        #expect(code { _ = try DirectoryRepository(path: path + ".gone") } == .noRepository)
    }

    @Test(arguments: [
        ("", BackupError.Code.noRepository), ("{", .noRepository), ("{\"formatVersion\": 1}", .noRepository),
        ("{\"formatVersion\": 0, \"repositoryId\": \"11111111-1111-1111-1111-111111111111\"}", .noRepository),
        ("{\"formatVersion\": 2, \"repositoryId\": \"11111111-1111-1111-1111-111111111111\"}", .unsupported),
    ])
    func aMarkerThatCannotBeReadIsRefused(text: String, expected: BackupError.Code) throws {
        try folder.write(inRepository("repository.json"), Array(text.utf8))
        #expect(code { _ = try open() } == expected)
    }

    @Test func aRepositoryIsMadeInAnEmptyDirectoryOnly() throws {
        #expect(code { _ = try DirectoryRepository.create(path: path, id: UUID()) } == .refused)
        #expect(try open(expecting: id).repositoryId == id.uuidString.lowercased())
        // One that lost its marker does not get another.
        try FileManager.default.removeItem(atPath: path + "/repository.json")
        try folder.write(inRepository(".incoming/x"))
        #expect(code { _ = try DirectoryRepository.create(path: path, id: UUID()) } == .refused)
        // One whose making was interrupted does.
        try FileManager.default.removeItem(atPath: path + "/.incoming/x")
        try folder.write(inRepository("repository.json.new"))
        _ = try DirectoryRepository.create(path: path, id: UUID())
    }

    @Test(arguments: [0o770, 0o777, 0o707, 0o720])
    func aRootThatOthersCanWriteToIsRefused(mode: mode_t) throws {
        chmod(path, mode)
        let error = #expect(throws: BackupError.self) { try open() }
        #expect(error?.code == .refused)
        #expect(error?.hint?.contains("chmod go-w") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a directory away"))
    func aRootOfAnotherUserIsRefused() throws {
        chown(path, 12_345, 0)
        #expect(code { _ = try open() } == .refused)
    }

    @Test func plantedLinksAreNotFollowed() throws {
        let repository = try open()
        let outside = try TemporaryFolder()
        try outside.write("victim", Array("untouched".utf8))
        let location = try Example.location()
        let manager = FileManager.default
        // In place of the unfinished file, of its folder, of the job's folder, of the year's, of the two files.
        let run = "20260114T020000Z-k3f9"
        try manager.createSymbolicLink(
            atPath: path + "/.incoming/\(run)", withDestinationPath: outside.path(of: "victim"))
        #expect(code { try Example.publish(location, in: repository) } == .storageFailed)
        try manager.removeItem(atPath: path + "/.incoming/\(run)")
        for name in ["orders", "orders/2026"] {
            try manager.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: outside.path)
            #expect(code { try Example.publish(location, in: repository) } == .storageFailed)
            #expect(try repository.snapshots().isEmpty)
            #expect(try repository.swept(1).count == 1)
            try manager.removeItem(atPath: path + "/" + name)
            try manager.createDirectory(atPath: path + "/orders", withIntermediateDirectories: true)
        }
        try manager.createDirectory(atPath: path + "/orders/2026", withIntermediateDirectories: true)
        for name in [location.archivePath, location.manifestPath] {
            try manager.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: outside.path(of: "victim"))
            #expect(code { try Example.publish(location, in: repository) } == .storageFailed)
            #expect(code { try repository.delete(location) } == .storageFailed)
            try manager.removeItem(atPath: path + "/" + name)
            #expect(try repository.swept(1) == [location.run])
            #expect(try repository.snapshots().isEmpty)
        }
        #expect(outside.tree == ["victim"])
        #expect(try outside.bytes("victim") == Array("untouched".utf8))
        try Example.publish(location, in: repository)
    }

    @Test func aFifoDoesNotHoldUs() throws {
        let repository = try open()
        let location = try Example.location()
        try Example.publish(location, in: repository)
        for name in [location.archivePath, location.manifestPath] {
            try FileManager.default.removeItem(atPath: path + "/" + name)
            #expect(mkfifo(path + "/" + name, 0o600) == 0)
        }
        #expect(code { _ = try repository.openArchive(location) } == .storageFailed)
        #expect(code { _ = try repository.manifest(of: location) } == .storageFailed)
        #expect(code { try repository.delete(location) } == .storageFailed)
    }

    @Test func foreignFilesAreNeitherListedNorRemoved() throws {
        let repository = try open()
        let location = try Example.location()
        try Example.publish(location, in: repository)
        let foreign = [
            "notes.txt", "lost+found", "orders/README", "orders/2025", "orders/2026/extra.archive.gz",
            "orders/2026/orders-20260114T020000Z-k3f9.archive.gz.bak",
            "orders/2026/orders-20260114T020000Z-k3f.archive.gz",
            "orders/2026/users-20260114T020000Z-k3f9.archive.gz",
            "orders/2026/orders-20250114T020000Z-k3f9.manifest.json",
            "orders/2026/ORDERS-20260114T020000Z-k3f9.archive.gz", ".incoming/note", ".incoming/20260114T020000Z-k3f9x",
        ]
        for name in foreign { try folder.write(inRepository(name)) }
        #expect(try repository.snapshots().map(\.location) == [location])
        #expect(try repository.sweepIncoming { _ in false } == [])
        try repository.delete(location)
        for name in foreign { #expect(folder.tree.contains(inRepository(name)), "\(name)") }
    }

    @Test func aLostHalfIsReported() throws {
        let repository = try open()
        let (first, second) = (try Example.location("aaaa"), try Example.location("bbbb"))
        for location in [first, second] { try Example.publish(location, in: repository) }
        try FileManager.default.removeItem(atPath: path + "/" + first.archivePath)
        try FileManager.default.removeItem(atPath: path + "/" + second.manifestPath)
        let found = try repository.snapshots()
        #expect(found.map(\.hasManifest) == [true, false])
        #expect(found.map { $0.archiveBytes == nil } == [true, false])
        // An archive whose manifest was lost is no unfinished file.
        #expect(try repository.sweepIncoming { _ in false } == [])
        #expect(try repository.snapshots().count == 2)
    }

    @Test func manifestsThatWereExchangedAreNoticed() throws {
        let repository = try open()
        let (first, second) = (try Example.location("aaaa"), try Example.location("bbbb"))
        for location in [first, second] { try Example.publish(location, in: repository) }
        try folder.write(inRepository(first.manifestPath), folder.bytes(inRepository(second.manifestPath)))
        #expect(code { _ = try repository.manifest(of: first) } == .snapshotDamaged)
        let other = folder.path(of: "other")
        try Example.publish(first, in: DirectoryRepository.create(path: other, id: UUID()))
        try folder.write(inRepository(first.manifestPath), folder.bytes("other/" + first.manifestPath))
        #expect(code { _ = try repository.manifest(of: first) } == .snapshotDamaged)
    }

    /// A child that was started a moment ago may still have a copy of a reader's descriptor, and so of its lock.
    @Test func aLockThatIsGoneInAMomentDoesNotKeepAFile() throws {
        let repository = try open()
        let location = try Example.location()
        try Example.publish(location, in: repository)
        var archive: (any StoredFile)? = try repository.openArchive(location)
        let copy = dup(try #require(archive as? DiskFile).descriptor)
        try #require(copy >= 0)
        archive = nil
        #expect(code { try repository.delete(location) } == .locked)
        Thread.detachNewThread {
            usleep(60_000)
            close(copy)
        }
        try repository.delete(location)
        #expect(try repository.snapshots().isEmpty)
    }

    @Test func bytesThatChangedOnTheDiskAreNotPublished() throws {
        let repository = try open()
        let location = try Example.location()
        let incoming = try repository.createIncoming(for: location.run)
        let content = try Example.store(fixture("10-base.archive"), into: incoming)
        var bytes = try folder.bytes(inRepository(".incoming/\(location.run)"))
        bytes[bytes.count / 2] ^= 4
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path + "/.incoming/\(location.run)"))
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
        let manifest = Example.manifest(location, in: repository, content)
        #expect(
            code { _ = try repository.publish(incoming) { try SnapshotChecker.sealed(manifest, by: $0) } }
                == .snapshotDamaged)
        #expect(try repository.snapshots().isEmpty)
    }

    @Test(arguments: [
        "", "orders", "../orders-20260114T020000Z-k3f9", "orders/-20260114T020000Z-k3f9", "-20260114T020000Z-k3f9",
        "orders-20260114T020000Z-k3f9.", "orders-20260114T020000Z-k3f9\0", "Orders-20260114T020000Z-k3f9",
        "orders-20260114T020000Z-K3F9", "orders-20260114T020000Z_k3f9", ".-20260114T020000Z-k3f9",
        "repository.json-20260114T020000Z-k3f9", "orders20260114T020000Z-k3f9",
    ])
    func idsOfAnotherFormAreRefused(id: String) {
        #expect(code { _ = try SnapshotLocation(id: id) } == .invalidName)
    }

    @Test func idsAreReadBack() throws {
        for job in ["orders", "a-b", "a-20260114t020000z-k3f9", "x.y_z-", String(repeating: "j", count: 64)] {
            let location = try Example.location(job: job)
            #expect(try SnapshotLocation(id: location.id) == location)
        }
    }
}
