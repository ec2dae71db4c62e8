import BackupCatalog
import BackupModel
import CLinux
import Foundation
import Synchronization
import Testing

@testable import BackupOperations

/// A run whose owner has its number in another namespace, or on another node: only the lock on its mark says that it
/// lives. Other processes are played by other descriptors: for its locks these are the same.
@Suite struct OwnerMarkTests {
    private let site: Site
    private var marks: String { site.scratch.statePath + "/owners" }
    /// Nobody here has this number and start in that boot.
    private let elsewhere = ProcessIdentity(
        processID: 1, startTicks: 815, bootID: "00000000-0000-4000-8000-000000000001")
    private var mark: String { "\(marks)/\(elsewhere.bootID)-1-815" }

    init() throws { site = try Site() }

    private func hold(_ path: String) throws -> FileHandle {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        try #require(csystem_lock_shared(descriptor) == 0)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Ends the holder. A child that another test starts just then has a copy of its descriptors until it runs its program.
    private func release(_ holder: FileHandle, of owner: ProcessIdentity) throws {
        try holder.close()
        try waitUntilGone(owner)
    }

    private func waitUntilGone(_ owner: ProcessIdentity) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while OwnerMark.isHeld(by: owner, in: marks) {
            try #require(ContinuousClock.now < deadline, "the lock went with its holder")
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    @Test func itsRunGoesOnUntilTheLockIsGone() throws {
        let time = site.clock.now()
        let id = try #require(RunID(Timestamp.compact(time) + "-else"))
        let run = Run(id: id, kind: .backup, job: "orders", trigger: .manual, queuedAt: time)
        let holder = try hold(mark)
        _ = try site.workspace.catalog.start(run, owner: elsewhere, site.workspace.act(time))
        for _ in 0..<3 {
            let other = try Workspace.open(statePath: site.scratch.statePath, now: time)
            #expect(Recovery(workspace: other).recover(now: time) == [])
            #expect(try other.catalog.run(id).state == .running)
        }
        #expect(failure { _ = try site.run(.base()) }?.code == .locked)
        try release(holder, of: elsewhere)
        let other = try Workspace.open(statePath: site.scratch.statePath, now: time)
        #expect(try other.catalog.run(id).state == .interrupted)
        #expect(exists(mark))
        #expect(Recovery(workspace: other).recover(now: time) == [])
        #expect(!exists(mark))
        #expect(try site.run(.base()).state == .succeeded)
    }

    @Test func withoutAMarkItIsGone() throws {
        #expect(!site.workspace.isAlive(elsewhere))
        let holder = try hold(mark)
        #expect(site.workspace.isAlive(elsewhere))
        try FileManager.default.removeItem(atPath: mark)
        #expect(!site.workspace.isAlive(elsewhere))
        try holder.close()
    }

    /// A daemon that has used up its descriptors can read neither `/proc` nor a mark.
    @Test func whoCannotBeAskedIsNotGone() async throws {
        let holder = try hold(mark)
        await #expect(processExitsWith: .success) {
            [marks = marks as String, elsewhere = elsewhere as ProcessIdentity] in
            let own = try ProcessIdentity.current()
            var gone = own
            gone.startTicks += 1
            guard own.isAlive, !gone.isAlive, OwnerMark.isHeld(by: elsewhere, in: marks) else { exit(1) }
            var limit = rlimit(rlim_cur: 0, rlim_max: 0)
            guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, open("/", O_RDONLY) < 0
            else { exit(2) }
            exit(own.isAlive && OwnerMark.isHeld(by: elsewhere, in: marks) ? 0 : 3)
        }
        try release(holder, of: elsewhere)
    }

    /// Who sweeps holds the lock for a moment.
    @Test func whoSweepsIsNotTakenForTheOwner() throws {
        let holder = try hold(mark)
        let sweeper = open(mark, O_RDWR | O_CLOEXEC)
        #expect(csystem_lock_alone(sweeper) != 0 && OwnerMark.isHeld(by: elsewhere, in: marks))
        try release(holder, of: elsewhere)
        #expect(csystem_lock_alone(sweeper) == 0 && !OwnerMark.isHeld(by: elsewhere, in: marks))
        close(sweeper)
    }

    /// Those who ask at the same time do not see each other.
    @Test func whoAsksIsNotTakenForTheOwner() throws {
        try release(try hold(mark), of: elsewhere)
        let (marks, elsewhere) = (marks, elsewhere)
        let found = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<5000 where OwnerMark.isHeld(by: elsewhere, in: marks) { found.withLock { $0 += 1 } }
        }
        #expect(found.withLock { $0 } == 0)
    }

    @Test func aMarkThatCouldNotBeMadeIsTriedAgain() throws {
        let marks = site.scratch.path(of: "later")
        let shown = OwnerMark(in: marks)
        shown.show(elsewhere)
        #expect(!OwnerMark.isHeld(by: elsewhere, in: marks))
        mkdir(marks, 0o700)
        shown.show(elsewhere)
        #expect(OwnerMark.isHeld(by: elsewhere, in: marks))
        withExtendedLifetime(shown) {}
    }

    @Test(arguments: ["", "../../etc", "00000000-0000-4000-8000-00000000000/", String(repeating: ".", count: 36)])
    func aBootOfAnotherFormHasNoMark(boot: String) throws {
        var owner = elsewhere
        owner.bootID = boot
        let shown = OwnerMark(in: marks)
        shown.show(owner)
        #expect(!site.workspace.isAlive(owner))
        #expect(try FileManager.default.contentsOfDirectory(atPath: marks).isEmpty)
        withExtendedLifetime(shown) {}
    }

    @Test func whoOwnsARunShowsItAsLongAsItsWorkspaceIsThere() throws {
        var workspace: Workspace? = try Workspace.open(statePath: site.scratch.statePath, now: .now)
        #expect(try FileManager.default.contentsOfDirectory(atPath: marks).isEmpty)
        let owner = try #require(try workspace?.owner())
        #expect(try workspace?.owner() == owner)
        let name = "\(owner.bootID)-\(owner.processID)-\(owner.startTicks)"
        #expect(try FileManager.default.contentsOfDirectory(atPath: marks) == [name])
        #expect(try mode(marks + "/" + name) == 0o600)
        #expect(OwnerMark.isHeld(by: owner, in: marks))
        try OwnerMark.sweep(marks)
        #expect(OwnerMark.isHeld(by: owner, in: marks))
        workspace = nil
        try waitUntilGone(owner)
        try OwnerMark.sweep(marks)
        #expect(try FileManager.default.contentsOfDirectory(atPath: marks).isEmpty)
    }

    @Test func onlyMarksAreSwept() throws {
        for name in ["a", ".hidden-" + elsewhere.bootID, "short-1-1"] {
            try Data().write(to: URL(filePath: marks + "/" + name))
        }
        symlink(site.scratch.path(of: "victim"), mark)
        mkdir(mark + "0", 0o700)
        let before = try FileManager.default.contentsOfDirectory(atPath: marks).sorted()
        #expect(before.count == 5)
        try OwnerMark.sweep(marks)
        #expect(try FileManager.default.contentsOfDirectory(atPath: marks).sorted() == before)
    }

    /// A mark that is being made must not be swept away under its owner.
    @Test func whatIsShownIsThereWhileOthersSweep() throws {
        let isOver = Mutex(false)
        let lost = Mutex(0)
        let marks = marks
        let elsewhere = elsewhere
        DispatchQueue.concurrentPerform(iterations: 3) { thread in
            guard thread > 0 else {
                while !isOver.withLock({ $0 }) { try? OwnerMark.sweep(marks) }
                return
            }
            for number in 0..<2000 {
                var owner = elsewhere
                owner.startTicks = UInt64(number % 7)
                let mark = OwnerMark(in: marks)
                mark.show(owner)
                withExtendedLifetime(mark) {
                    if !OwnerMark.isHeld(by: owner, in: marks) { lost.withLock { $0 += 1 } }
                }
            }
            isOver.withLock { $0 = true }
        }
        #expect(lost.withLock { $0 } == 0)
    }
}
