import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Synchronization
import Testing

@testable import BackupOperations

/// The state directory as a whole: made once, by whoever is first, and never made again behind anyone's back.
@Suite struct WorkspaceTests {
    @Test func theFirstOpeningMakesWhatIsNeeded() throws {
        let scratch = try Scratch()
        let workspace = try Workspace.open(statePath: scratch.statePath, now: .now)
        #expect(try workspace.catalog.repositories().map(\.name) == ["default"])
        #expect(try workspace.repository("default").snapshots().isEmpty)
        #expect(failure { _ = try workspace.repository("other") }?.code == .noRepository)
    }

    @Test func twoThatOpenAtOnceGetTheSame() throws {
        for _ in 0..<20 {
            let scratch = try Scratch()
            let ids = Mutex<[String]>([])
            let errors = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 3) { _ in
                do {
                    let workspace = try Workspace.open(statePath: scratch.statePath, now: .now)
                    let id = try workspace.repository("default").repositoryId
                    ids.withLock { $0.append(id) }
                } catch {
                    errors.withLock { $0.append("\(error)") }
                }
            }
            #expect(errors.withLock { $0 } == [])
            #expect(Set(ids.withLock { $0 }).count <= 1)
            // Whatever happened then, the next one works.
            let later = try Workspace.open(statePath: scratch.statePath, now: .now)
            #expect(try later.repository("default").snapshots().isEmpty)
        }
    }

    @Test func aMarkerThatIsGoneIsNotMadeAgain() throws {
        let site = try Site()
        let marker = site.repositoryPath + "/repository.json"
        unlink(marker)
        let workspace = try Workspace.open(statePath: site.scratch.statePath, now: .now)
        #expect(failure { _ = try workspace.repository("default") }?.code == .noRepository)
        #expect(!exists(marker))
    }

    @Test func aRepositoryThatIsGoneIsNotMadeAgain() throws {
        let site = try Site()
        try FileManager.default.removeItem(atPath: site.repositoryPath)
        let workspace = try Workspace.open(statePath: site.scratch.statePath, now: .now)
        #expect(failure { _ = try workspace.repository("default") }?.code == .noRepository)
        #expect(!exists(site.repositoryPath))
    }

    @Test func anotherRepositoryInItsPlaceIsRefused() throws {
        let site = try Site()
        try FileManager.default.removeItem(atPath: site.repositoryPath)
        _ = try DirectoryRepository.create(path: site.repositoryPath, id: UUID())
        #expect(failure { _ = try site.workspace.repository("default") }?.code == .noRepository)
    }

    /// Its catalog says where it was before.
    @Test func aStateDirectoryMayBeMoved() throws {
        let site = try Site()
        let moved = site.scratch.statePath + "-moved"
        try FileManager.default.moveItem(atPath: site.scratch.statePath, toPath: moved)
        let workspace = try Workspace.open(statePath: moved, now: .now)
        #expect(try workspace.repository("default").path(of: "x") == moved + "/repository/x")
    }

    @Test func aCopyHasItsOwnRepository() throws {
        let prune = try PruneSite()
        let ids = try prune.run(times: 2)
        let original = prune.site.scratch.statePath
        try FileManager.default.copyItem(atPath: original, toPath: original + "-copy")
        let copy = try Workspace.open(statePath: original + "-copy", now: .now)
        #expect(try copy.file(of: copy.findSnapshot(ids[0])).hasPrefix(original + "-copy/repository/"))
        // Without it, or with a link to the original's, it has none.
        try FileManager.default.removeItem(atPath: original + "-copy/repository")
        for link in [false, true] {
            if link { symlink(original + "/repository", original + "-copy/repository") }
            let error = failure { _ = try copy.repository("default") }
            #expect(error?.code == .refused && error?.message.contains("is a copy") == true)
            #expect(failure { _ = try copy.snapshots(job: nil) }?.code == .refused)
            #expect(
                failure { _ = try PruneJob(workspace: copy).run(job: prune.site.job, PruneOptions()) }?.code == .refused
            )
        }
        #expect(try prune.snapshots().count == 2 && ids.allSatisfy { exists(try prune.path($0)) })
    }

    @Test func aStateDirectoryBehindALinkIsTheSame() throws {
        let site = try Site()
        let folder = URL(filePath: site.scratch.statePath).deletingLastPathComponent().path(percentEncoded: false)
        let link = site.scratch.statePath + "-link"
        symlink(folder, link)
        let workspace = try Workspace.open(statePath: link + "/state", now: .now)
        #expect(try workspace.repository("default").snapshots().isEmpty)
    }

    /// The one before was killed between the two.
    @Test func aRepositoryThatTheCatalogHasNotHeardOfIsTaken() throws {
        let scratch = try Scratch()
        mkdir(scratch.statePath, 0o700)
        let id = UUID()
        _ = try DirectoryRepository.create(path: scratch.statePath + "/repository", id: id)
        let workspace = try Workspace.open(statePath: scratch.statePath, now: .now)
        #expect(try workspace.repository("default").repositoryId == id.uuidString.lowercased())
    }

    @Test func foreignFilesAreNotTakenForARepository() throws {
        let scratch = try Scratch()
        mkdir(scratch.statePath, 0o700)
        mkdir(scratch.statePath + "/repository", 0o700)
        try Data("x".utf8).write(to: URL(filePath: scratch.statePath + "/repository/photo.jpg"))
        #expect(throws: BackupError.self) { try Workspace.open(statePath: scratch.statePath, now: .now) }
    }
}

/// Names on the command line and what they mean.
@Suite struct FindingTests {
    private let site: Site
    private let snapshots: [String]

    init() throws {
        let site = try Site()
        self.site = site
        snapshots = try (0..<3).map { _ in try #require(try site.run(.base()).snapshot) }
    }

    @Test func theNewestIsTheLatest() throws {
        #expect(try site.workspace.findSnapshot("orders@latest").id == snapshots[2])
        #expect(try site.workspace.findSnapshot(snapshots[0]).id == snapshots[0])
        #expect(try site.workspace.snapshots(job: "orders").map(\.id) == snapshots.reversed())
    }

    /// Nothing is shown as good that is not there any more, whatever the catalog has.
    @Test func aFileThatIsGoneOrHasAnotherSizeIsNotGood() throws {
        let newest = try site.workspace.findSnapshot(snapshots[2])
        unlink(try site.workspace.file(of: newest))
        let middle = try site.workspace.findSnapshot(snapshots[1])
        truncate(try site.workspace.file(of: middle), 10)
        #expect(try site.workspace.findSnapshot(snapshots[2]).state == .missing)
        #expect(try site.workspace.findSnapshot(snapshots[1]).state == .damaged)
        #expect(try site.workspace.findSnapshot("orders@latest").id == snapshots[0])
        unlink(try site.workspace.file(of: site.workspace.findSnapshot(snapshots[0])))
        #expect(failure { _ = try site.workspace.findSnapshot("orders@latest") }?.code == .snapshotNotFound)
    }

    @Test func aLinkInThePlaceOfTheFileIsNotGood() throws {
        let file = try site.workspace.file(of: site.workspace.findSnapshot(snapshots[2]))
        rename(file, file + ".away")
        symlink(file + ".away", file)
        #expect(try site.workspace.findSnapshot(snapshots[2]).state != .good)
    }

    @Test func whatIsNotThereIsNamed() throws {
        #expect(failure { _ = try site.workspace.findSnapshot("nothing@latest") }?.code == .jobNotFound)
        #expect(failure { _ = try site.workspace.findSnapshot("nothing") }?.code == .snapshotNotFound)
        #expect(failure { _ = try site.workspace.findRun("nothing") }?.code == .runNotFound)
    }

    @Test func aJobsNameMeansItsNewestRun() throws {
        let run = try site.workspace.findRun("orders")
        #expect(run.snapshot == snapshots[2])
        #expect(try site.workspace.findRun(run.id.text) == run)
        #expect(try !site.workspace.logLines(of: run.id).isEmpty)
    }

    @Test(arguments: [
        ("./x", true), ("/tmp/x.gz", true), ("dump.archive", true), ("x.archive.gz", true), ("orders@latest", false),
        ("orders-20260114T020000Z-k3f9", false),
    ])
    func pathsAreToldFromNames(text: String, isPath: Bool) {
        #expect((SnapshotName.path(text) != nil) == isPath)
    }
}
