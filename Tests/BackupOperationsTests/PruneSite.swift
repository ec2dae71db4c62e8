import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Synchronization
import Testing

@testable import BackupOperations

/// A site whose job has a retention policy, and whose clocks a test sets.
struct PruneSite {
    var site: Site
    let clock: SettableClock

    /// With `keepLast` unless another policy is given.
    init(keepLast: Int = 1, policy: RetentionPolicy? = nil) throws {
        let clock = SettableClock()
        self.clock = clock
        site = try Site(clock: TickingClock(start: clock.now()))
        site.workspace.uptime = { clock.uptime }
        let policy = try policy ?? RetentionPolicy(counts: [.last: keepLast])
        site.job = try JobEditing(workspace: site.workspace).edit(
            name: site.job.name, connection: nil, now: clock.now()
        ) { $0.retention = policy }
    }

    mutating func edit(_ change: (inout BackupModel.Job) throws -> Void) throws {
        site.job = try JobEditing(workspace: site.workspace).edit(
            name: site.job.name, connection: nil, now: clock.now(), change: change)
    }

    var workspace: Workspace { site.workspace }
    var catalog: Catalog { site.workspace.catalog }

    /// Backs up `hours` after the last time.
    @discardableResult
    func run(_ engine: FakeEngine? = nil, after hours: Double = 24) throws -> Run {
        clock.advance(hours * 3600)
        var workspace = site.workspace
        let engine = try engine ?? FakeEngine.base()
        workspace.engine = { _ in engine }
        return try RunBackup(workspace: workspace, cancellation: Cancellation(), now: clock.now).run(
            job: site.job, trigger: .manual)
    }

    /// So many snapshots, a day apart; their ids, the newest first.
    @discardableResult
    func run(times: Int) throws -> [String] {
        for _ in 0..<times { #expect(try run().state == .succeeded) }
        return try snapshots()
    }

    func failingRun() throws -> Run { try run(.base(.throwsMidway(BackupError(.serverFailed, "gone")))) }

    func prune(calls: (any FileCalls)? = nil, _ change: (inout PruneOptions) -> Void = { _ in }) throws -> PruneResult {
        var options = PruneOptions()
        change(&options)
        var workspace = site.workspace
        if let calls { workspace.fileCalls = calls }
        return try PruneJob(workspace: workspace, now: clock.now).run(job: site.job, options)
    }

    func pruneAll(calls: (any FileCalls)? = nil) throws -> PruneResult { try prune(calls: calls) { $0.share = 100 } }

    func snapshots() throws -> [String] { try catalog.snapshots().map(\.id) }

    func path(_ snapshot: String, _ suffix: String = ".archive.gz") throws -> String {
        let location = try SnapshotLocation(id: snapshot)
        return site.repositoryPath + "/" + (suffix == ".archive.gz" ? location.archivePath : location.manifestPath)
    }
}

/// A clock that a test sets, and beside it one that nobody sets; both go on by a second at each look.
final class SettableClock: Sendable {
    private struct State {
        var time = TickingClock.start
        var uptime = 1000.0
        var boot = "boot-1"
    }

    private let state = Mutex(State())

    var now: @Sendable () -> Date {
        { [self] in
            state.withLock {
                $0.time += 1
                $0.uptime += 1
                return $0.time
            }
        }
    }

    var uptime: Uptime { state.withLock { Uptime(bootID: $0.boot, seconds: $0.uptime) } }

    /// Time passes.
    func advance(_ seconds: Double) {
        state.withLock {
            $0.time += seconds
            $0.uptime += seconds
        }
    }

    /// Somebody sets the clock.
    func jump(_ seconds: Double) { state.withLock { $0.time += seconds } }
}

/// Every file below a folder: its kind, mode and content, so that any change shows.
func inventory(of folder: String) throws -> [String: String] {
    var found: [String: String] = [:]
    for name in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? [] {
        let path = folder + "/" + name
        var status = stat()
        guard lstat(path, &status) == 0 else { continue }
        let content =
            switch status.st_mode & S_IFMT {
            case S_IFLNK: try FileManager.default.destinationOfSymbolicLink(atPath: path)
            case S_IFREG: try Data(contentsOf: URL(filePath: path)).base64EncodedString()
            default: ""
            }
        found[name] = "\(String(status.st_mode, radix: 8)) \(content)"
    }
    return found
}
