package import BackupEngines
package import Foundation
import Synchronization

import BackupModel
import MongoArchive

/// A mongod of our own: a one-node replica set on a free loopback port, its data in a scratch folder.
///
/// `BACKUPCTL_TEST_MONGOD` is the path of the program; without it the suites that need a server say that they are
/// skipped. A server is gone when it is stopped, or when the process of the tests is gone.
package final class TestServer: Sendable {
    package static let mongodPath = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_MONGOD"]
    package static var isAvailable: Bool { mongodPath != nil }
    package static let skipReason = "needs BACKUPCTL_TEST_MONGOD, the path of a mongod"

    /// For all tests of the process that use databases of their own names.
    package static let shared = Result { try TestServer() }
    /// Another deployment.
    package static let second = Result { try TestServer() }
    /// One that asks for credentials.
    package static let guarded = Result { try TestServer(auth: true) }

    /// Every kind of character that a URI must escape.
    package static let adminPassword = "s3cr:t/p@ss%w"

    package let port: Int
    package let hasAuth: Bool
    package let folder: URL
    private let process: ChildProcess
    private let watchdog: Watchdog

    package init(auth: Bool = false, isReplicaSet: Bool = true) throws {
        hasAuth = auth
        folder = ScratchFolder.make("mongod")
        (process, watchdog, port) = try Self.start(in: folder, auth: auth, isReplicaSet: isReplicaSet)
        do {
            try isReplicaSet ? initiate() : retry { _ = try $0.runCommand("admin", ["ping": 1]) }
        } catch {
            stop()
            throw error
        }
    }

    /// Ends the server for good.
    package func stop() {
        process.killNow()
        ScratchFolder.remove(folder)
        watchdog.standDown()
    }

    /// SIGSTOP, SIGCONT, SIGKILL: what may happen to a server.
    package func signal(_ number: Int32) { process.signal(number) }

    package var uri: String { "mongodb://127.0.0.1:\(port)/?directConnection=true" }
    package var adminURI: String { uri(user: "admin", password: Self.adminPassword) }

    package func uri(user: String, password: String) -> String {
        "mongodb://\(user):\(password.uriEncoded)@127.0.0.1:\(port)/?authSource=admin&directConnection=true"
    }

    /// The administrator's connection, for one thread.
    package func deployment() throws -> MongoDeployment {
        try MongoDeployment(uri: hasAuth ? adminURI : uri)
    }
}

extension TestServer {
    private static func start(
        in folder: URL, auth: Bool, isReplicaSet: Bool
    ) throws -> (ChildProcess, Watchdog, Int) {
        guard let path = mongodPath else { throw SetupError(skipReason) }
        // A port that was free a moment ago may be taken by now: then the server ends at once.
        for _ in 0..<5 {
            let port = try LoopbackSocket.freePort()
            let arguments = try self.arguments(port: port, folder: folder, auth: auth, isReplicaSet: isReplicaSet)
            let process = try ChildProcess(path, arguments, environment: ["LC_ALL": "C", "PATH": "/usr/bin:/bin"])
            // From the first moment: a server whose tests are killed while it starts must not stay either.
            let watchdog = try Watchdog(script: "kill -9 \"$1\"", [String(process.processID)])
            if process.wait(within: 0.5) == nil { return (process, watchdog, port) }
            watchdog.standDown()
        }
        let log = try? String(contentsOf: folder.appending(path: "mongod.log"), encoding: .utf8)
        throw SetupError("'\(path)' does not start\n\(log?.suffix(2000) ?? "")")
    }

    private static func arguments(
        port: Int, folder: URL, auth: Bool, isReplicaSet: Bool
    ) throws -> [String] {
        let data = folder.appending(path: "data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        var arguments = [
            "--dbpath", data.path, "--port", String(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
            "--wiredTigerCacheSizeGB", "0.25", "--quiet",
            "--logpath", folder.appending(path: "mongod.log").path,
            "--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "ttlMonitorEnabled=false",
        ]
        if isReplicaSet { arguments += ["--replSet", "rs0", "--oplogSize", "200"] }
        guard auth else { return arguments }
        let key = folder.appending(path: "key").path
        try Data("c3ludGhldGljLWtleS1mb3ItdGVzdHM=".utf8).write(to: URL(filePath: key))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        arguments += ["--auth", "--keyFile", key]
        return arguments
    }

    private func initiate() throws {
        let member: BSONValue = ["_id": 0, "host": .string("127.0.0.1:\(port)")]
        try retry {
            _ = try $0.runCommand("admin", ["replSetInitiate": ["_id": "rs0", "members": .array([member])]])
        }
        try retry {
            let answer = try $0.runCommand("admin", ["hello": 1])
            guard answer["isWritablePrimary"]?.boolValue == true else { throw SetupError("no primary yet") }
        }
        guard hasAuth else { return }
        // The first user may be made without credentials from this machine.
        _ = try MongoDeployment(uri: uri).runCommand(
            "admin",
            ["createUser": "admin", "pwd": .string(Self.adminPassword), "roles": ["root", "__system"]], write: true)
    }

    /// Each time with a new connection: the driver does not try one that failed again for five seconds.
    private func retry(within seconds: Double = 60, _ body: (MongoDeployment) throws -> Void) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            do {
                return try body(MongoDeployment(uri: uri + "&serverSelectionTimeoutMS=1000"))
            } catch {
                guard ContinuousClock.now < deadline, process.isRunning else {
                    throw SetupError("the server does not come up: \(error)")
                }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }
}

extension String {
    /// For the user or password in a connection string.
    package var uriEncoded: String {
        utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
