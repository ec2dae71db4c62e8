import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

/// A one-node replica set of our own in a scratch folder, gone when the tests end.
///
/// `BACKUPCTL_TEST_MONGOD` is the path of a mongod; without it the suites that need a server say that they are skipped.
final class TestServer: Sendable {
    static var mongodPath: String? { ProcessInfo.processInfo.environment["BACKUPCTL_TEST_MONGOD"] }
    static var isAvailable: Bool { mongodPath != nil }
    static var toolsFolder: String? { ProcessInfo.processInfo.environment["BACKUPCTL_TEST_TOOLS"] }
    static let skipReason: Comment = "needs BACKUPCTL_TEST_MONGOD, the path of a mongod"
    static let toolsSkipReason: Comment =
        "needs BACKUPCTL_TEST_MONGOD, and BACKUPCTL_TEST_TOOLS, a folder with the MongoDB tools"
    static var hasTools: Bool { isAvailable && toolsFolder != nil }

    /// One for reading and writing, shared by all tests of the process; and one that asks for credentials.
    static let shared = Result { try TestServer() }
    static let second = Result { try TestServer() }
    static let guarded = Result { try TestServer(auth: true) }

    static let adminPassword = "s3cr:t/p@ss%w"

    let port: Int
    let folder: URL
    let hasAuth: Bool
    private let process: ProcessIdentifier
    private let lifeline: FileHandle

    private struct ProcessIdentifier: Sendable { let number: Int32 }

    var uri: String { "mongodb://127.0.0.1:\(port)/?directConnection=true" }
    var adminURI: String { uri(user: "admin", password: Self.adminPassword) }

    func uri(user: String, password: String) -> String {
        "mongodb://\(user):\(password.percentEncoded)@127.0.0.1:\(port)/?authSource=admin&directConnection=true"
    }

    init(auth: Bool = false) throws {
        hasAuth = auth
        port = try Self.freePort()
        folder = FileManager.default.temporaryDirectory.appending(path: "backupctl-mongod-\(port)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        process = ProcessIdentifier(number: try Self.start(port: port, folder: folder, auth: auth))
        lifeline = try Self.stopWithThisProcess(process.number, folder)
        try initiate()
    }

    /// A connection as the tests' administrator.
    func connect() throws -> MongoConnection {
        try MongoConnection(try MongoURI(hasAuth ? adminURI : uri), patience: .writing)
    }

    /// For tests that need a server of their own.
    func stop() { _ = Foundation.kill(process.number, SIGSTOP) }
    func kill() { _ = Foundation.kill(process.number, SIGKILL) }

    func deployment() throws -> MongoDeployment { try MongoDeployment(uri: hasAuth ? adminURI : uri) }
}

extension TestServer {
    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard bound else { throw BackupError(.failed, "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func start(port: Int, folder: URL, auth: Bool) throws -> Int32 {
        guard let path = mongodPath else { throw BackupError(.failed, "no mongod") }
        let data = folder.appending(path: "data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        var arguments = [
            "--dbpath", data.path, "--port", String(port), "--bind_ip", "127.0.0.1", "--replSet", "rs0", "--quiet",
            "--wiredTigerCacheSizeGB", "0.5", "--logpath", folder.appending(path: "mongod.log").path,
            "--setParameter", "diagnosticDataCollectionEnabled=false", "--oplogSize", "200", "--nounixsocket",
            "--setParameter", "ttlMonitorEnabled=false",
        ]
        if auth {
            let key = folder.appending(path: "key")
            try Data("c3ludGhldGljLWtleS1mb3ItdGVzdHM=".utf8).write(to: key)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key.path)
            arguments += ["--auth", "--keyFile", key.path]
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process.processIdentifier
    }

    private func initiate() throws {
        let connection = try MongoConnection(
            try MongoURI(uri + "&serverSelectionTimeoutMS=30000"), patience: .reading)
        let member: BSONValue = ["_id": 0, "host": .string("127.0.0.1:\(port)")]
        _ = try connection.run(
            ["replSetInitiate": ["_id": "rs0", "members": .array([member])]], on: "admin")
        for _ in 0..<300 {
            if try connection.run(["hello": 1], on: "admin")["isWritablePrimary"]?.boolValue == true { break }
            Thread.sleep(forTimeInterval: 0.05)
        }
        guard hasAuth else { return }
        _ = try connection.run(
            ["createUser": "admin", "pwd": .string(Self.adminPassword), "roles": ["root", "__system"]], on: "admin",
            as: .write)
    }

    /// Ends the server and removes its folder when this process ends, however it ends: the watcher reads from a pipe
    /// whose other end only this process has.
    private static func stopWithThisProcess(_ process: Int32, _ folder: URL) throws -> FileHandle {
        let pipe = Pipe()
        let watcher = Process()
        watcher.executableURL = URL(fileURLWithPath: "/bin/sh")
        watcher.arguments = [
            "-c", #"read -r line; kill -9 "$1"; sleep 0.2; rm -rf "$2""#, "watcher", String(process), folder.path,
        ]
        watcher.standardInput = pipe
        watcher.standardOutput = FileHandle.nullDevice
        watcher.standardError = FileHandle.nullDevice
        try watcher.run()
        return pipe.fileHandleForWriting
    }
}
