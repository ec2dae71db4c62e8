import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// What most tests need: a server, a database of their own on it, and the program. Databases whose names hold that of
/// this one go when the test does.
struct Workbench {
    let fixture = Fixture()
    let server: TestServer
    let deployment: MongoDeployment
    let backupctl: Backupctl
    let database: String
    /// Where tests restore to.
    var copy: String { "copy_\(database)" }
    var toCopy: [String] { ["--to", server.uri, "--rename", "\(database)=\(copy)"] }

    init(_ name: String, on server: Result<TestServer, any Error> = TestServer.shared) throws {
        let server = try server.get()
        let database = SampleData.databaseName(name)
        self.server = server
        self.database = database
        deployment = try server.deployment()
        backupctl = Backupctl(fixture)
        fixture.onEnd {
            guard let deployment = try? server.deployment(), let all = try? deployment.databases() else { return }
            for name in all where name.contains(database) { try? deployment.dropDatabase(name) }
        }
    }

    /// A relay in front of the server that is gone with the test.
    func proxy(_ behaviour: FaultyProxy.Behaviour = .passing, to port: Int? = nil) throws -> FaultyProxy {
        let proxy = try FaultyProxy(to: port ?? server.port, behaviour)
        fixture.onEnd { proxy.stop() }
        return proxy
    }

    /// A server that a test may stop or kill.
    func ownServer() throws -> TestServer {
        let own = try TestServer()
        fixture.onEnd { own.stop() }
        return own
    }

    /// A server that belongs to no replica set.
    func standalone() throws -> TestServer {
        let own = try TestServer(isReplicaSet: false)
        fixture.onEnd { own.stop() }
        return own
    }

    func wait(for what: String, within seconds: Double = 30, _ condition: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while try !condition() {
            try #require(ContinuousClock.now < deadline, "\(what) does not come")
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    func makeJob(_ name: String, uri: String? = nil) throws {
        // Through a proxy that slows each connection down, two would be twice as fast.
        let reading = uri == nil ? [] : ["--parallel-collections", "1"]
        try backupctl.run(
            ["job", "create", name, "--uri", uri ?? server.uri, "--database", database] + reading
        ).expectSuccess()
    }

    /// Waits for the first collection of a restore to appear.
    func waitForCopy(within seconds: Double = 30) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while try !deployment.databases().contains(copy) {
            try #require(ContinuousClock.now < deadline, "the restore does not begin")
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// Starts the program on a terminal.
    func start(on terminal: PseudoTerminal, _ arguments: [String], kind: String = "xterm") throws -> ChildProcess {
        let child = try ChildProcess(
            Backupctl.binary ?? "", arguments, environment: backupctl.environment.merging(["TERM": kind]) { $1 },
            files: .init(input: terminal.terminal, output: terminal.terminal, errors: terminal.terminal))
        fixture.onEnd { child.killNow() }
        terminal.closeTerminal()
        return child
    }
}
