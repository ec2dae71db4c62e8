import BackupCatalog
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import BackupOperations

/// Jobs and the secrets that belong to them.
@Suite struct JobEditingTests {
    private let site: Site
    private var secret: String { site.workspace.state.secrets + "/orders" }
    private var editing: JobEditing { JobEditing(workspace: site.workspace) }

    init() throws { site = try Site() }

    private func stored() -> String? { try? String(contentsOfFile: secret, encoding: .utf8) }

    private func edit(_ connection: GivenConnection?) throws -> BackupModel.Job {
        try editing.edit(name: site.job.name, connection: connection, now: site.clock.now()) { _ in }
    }

    private func create(_ name: String, _ connection: GivenConnection) throws -> BackupModel.Job {
        try editing.create(
            name: JobName(name), connection: connection,
            source: JobSource(connection: .literal(""), scope: .deployment), engine: .auto, policy: RunPolicy(),
            now: site.clock.now())
    }

    @Test func aSecretIsStoredBesideTheCatalog() throws {
        #expect(stored() == Site.uri + "\n")
        #expect(try mode(secret) == 0o600)
        guard case .stored(let shown) = site.job.source.connection else {
            Issue.record("the secret is in the catalog")
            return
        }
        #expect(!shown.contains(Site.password))
        #expect(try site.workspace.catalog.job(named: site.job.name) == site.job)
        #expect(try site.files(with: Site.password) == [])
    }

    @Test(arguments: ["mongodb://h:27017", "mongodb://h:27017/", "mongodb://h/shop?replicaSet=rs0"])
    func withoutASecretNothingIsStored(uri: String) throws {
        let job = try create("plain", .literal(uri))
        #expect(job.source.connection == .literal(uri))
        #expect(!exists(site.workspace.state.secrets + "/plain"))
    }

    @Test func anotherSecretReplacesTheFirst() throws {
        _ = try edit(.literal("mongodb://bob:other@h/"))
        #expect(stored() == "mongodb://bob:other@h/\n")
        #expect(try mode(secret) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: site.workspace.state.secrets) == ["orders"])
    }

    @Test func aSecretThatIsNoLongerUsedIsForgotten() throws {
        _ = try edit(.literal("mongodb://h"))
        #expect(!exists(secret))
        let file = try site.scratch.write("uri", Site.uri)
        _ = try edit(.literal(Site.uri))
        #expect(exists(secret))
        #expect(try edit(.file(file)).source.connection == .file(file))
        #expect(!exists(secret))
        _ = try edit(.literal(Site.uri))
        #expect(try edit(.environment("ORDERS_URI")).source.connection == .environment("ORDERS_URI"))
        #expect(!exists(secret))
    }

    @Test func anEditOfSomethingElseKeepsTheSecret() throws {
        let job = try editing.edit(name: site.job.name, connection: nil, now: site.clock.now()) {
            $0.policy.timeout = 9
        }
        #expect(job.policy.timeout == 9)
        #expect(stored() == Site.uri + "\n")
    }

    @Test func deletingTheJobForgetsItsSecretAndKeepsItsSnapshots() throws {
        let snapshot = try #require(try site.run(.base()).snapshot)
        #expect(try editing.delete(name: site.job.name, withSnapshots: false, now: site.clock.now()) == 0)
        #expect(!exists(secret))
        #expect(try site.workspace.findSnapshot(snapshot).state == .good)
        try site.expectConsistent()
    }

    @Test func deletingWithSnapshotsDeletesTheirFiles() throws {
        for _ in 0..<2 { _ = try site.run(.base()) }
        #expect(try editing.delete(name: site.job.name, withSnapshots: true, now: site.clock.now()) == 2)
        #expect(try site.entries().isEmpty)
        #expect(try site.workspace.catalog.snapshots(job: nil).isEmpty)
    }

    @Test func aDuplicateDoesNotTouchTheSecretOfTheFirst() throws {
        let error = failure { _ = try create("orders", .literal("mongodb://eve:evil@h/")) }
        #expect(error?.code == .jobExists)
        #expect(stored() == Site.uri + "\n")
    }

    @Test(arguments: ["no uri", "http://h/", "mongodb://", ""])
    func aWrongConnectionStringMakesNoJob(text: String) throws {
        #expect(failure { _ = try create("other", .literal(text)) }?.code == .invalidURI)
        #expect(failure { _ = try edit(.literal(text)) }?.code == .invalidURI)
        #expect(try site.workspace.catalog.jobs() == [site.job])
        #expect(stored() == Site.uri + "\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: site.workspace.state.secrets) == ["orders"])
    }

    /// The catalog refuses the job after its secret was checked.
    @Test func aJobThatCannotBeEnteredLeavesNoSecret() throws {
        try site.execute(
            "CREATE TRIGGER test_fault BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'fault'); END")
        #expect(failure { _ = try create("other", .literal(Site.uri)) }?.code == .catalogFailed)
        #expect(!exists(site.workspace.state.secrets + "/other"))
    }

    @Test func aChangeThatCannotBeEnteredKeepsTheSecret() throws {
        try site.execute(
            "CREATE TRIGGER test_fault BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'fault'); END")
        #expect(failure { _ = try edit(.literal("mongodb://bob:other@h/")) }?.code == .catalogFailed)
        #expect(stored() == Site.uri + "\n")
    }

    /// Two at once: the one that is told that the job exists must not have replaced the other's secret.
    @Test func ofTwoThatCreateTheSameJobTheLoserLeavesNoTrace() throws {
        for round in 0..<30 {
            let name = "job\(round)"
            let winners = Mutex<[Int]>([])
            DispatchQueue.concurrentPerform(iterations: 2) { number in
                let uri = "mongodb://user\(number):secret\(number)@h\(number)/"
                if (try? create(name, .literal(uri))) != nil { winners.withLock { $0.append(number) } }
            }
            let winner = try #require(winners.withLock { $0.count == 1 ? $0.first : nil })
            let text = try String(contentsOfFile: site.workspace.state.secrets + "/" + name, encoding: .utf8)
            #expect(text == "mongodb://user\(winner):secret\(winner)@h\(winner)/\n")
        }
    }

    @Test func pausingAndResumingAreKept() throws {
        #expect(try editing.setPaused(true, name: site.job.name, now: site.clock.now()).pausedAt != nil)
        #expect(try site.workspace.catalog.job(named: site.job.name).pausedAt != nil)
        #expect(try editing.setPaused(false, name: site.job.name, now: site.clock.now()).pausedAt == nil)
    }
}
