import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

enum RealTools {
    static let folder = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_TOOLS"]
    static let skipReason: Comment = """
        needs BACKUPCTL_TEST_TOOLS, a folder with mongodump and mongorestore, beside BACKUPCTL_TEST_BINARY and \
        BACKUPCTL_TEST_MONGOD
        """
}

/// Side by side with MongoDB's own tools: each reads what the other wrote.
@Suite(.enabled(if: Backupctl.isAvailableWithServer && RealTools.folder != nil, RealTools.skipReason))
struct RealToolTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var database: String { bench.database }
    private var copy: String { bench.copy }
    private var deployment: MongoDeployment { bench.deployment }

    init() throws {
        bench = try Workbench("tool")
        try SampleData.makeZoo(database, on: deployment)
    }

    private func tool(_ name: String, _ arguments: String...) throws -> CommandResult {
        try RunningCommand(
            "\(RealTools.folder ?? "")/\(name)", ["--uri", bench.server.uri] + arguments,
            environment: ["PATH": "/usr/bin:/bin"],
            in: bench.fixture
        ).wait(within: 120)
    }

    @Test func mongorestoreRestoresOurFileWithoutAFailure() throws {
        try bench.makeJob("tool")
        try backupctl.must("run", "tool")
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        let result = try tool(
            "mongorestore", "--gzip", "--archive=\(file)", "--nsFrom=\(database).$c$", "--nsTo=\(copy).$c$",
            "--bypassDocumentValidation")
        #expect(result.status == 0, "\(result)")
        #expect(result.errors.contains(" 0 document(s) failed to restore"), "\(result)")
        expectEqual(try deployment.state(of: database), try deployment.state(of: copy))
    }

    @Test(arguments: [["--gzip"], []])
    func weRestoreWhatMongodumpWrote(compression: [String]) throws {
        let file = bench.fixture.path("dump.archive")
        let arguments = ["--db", database, "--archive=\(file)"] + compression
        let dump = try RunningCommand(
            "\(RealTools.folder ?? "")/mongodump", ["--uri", bench.server.uri] + arguments,
            environment: ["PATH": "/usr/bin:/bin"],
            in: bench.fixture
        ).wait(within: 120)
        #expect(dump.status == 0, "\(dump)")
        let restored = try backupctl.json(
            "restore", file, "--to", bench.server.uri, "--ns-from", "\(database).*", "--ns-to", "\(copy).*")
        #expect(restored["state"].string == "succeeded")
        expectEqual(try deployment.state(of: database), try deployment.state(of: copy))
    }

    /// The manifest has the command that restores a file without us: it must work as it stands there.
    @Test func theManifestsCommandWorks() throws {
        try bench.makeJob("tool")
        try backupctl.must("run", "tool")
        let before = try deployment.state(of: database)
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        let manifest = try JSON(
            String(
                contentsOfFile: file.replacingOccurrences(of: ".archive.gz", with: ".manifest.json"), encoding: .utf8))
        let command = try #require(Self.commands(in: manifest).first { $0.contains("mongorestore") })
        try deployment.dropDatabase(database)
        let script =
            "cd \"$1\" && \(command.replacingOccurrences(of: "mongorestore", with: "mongorestore --uri=\"$2\" --bypassDocumentValidation"))"
        let result = try RunningCommand(
            "/bin/sh", ["-c", script, "sh", URL(filePath: file).deletingLastPathComponent().path, bench.server.uri],
            environment: ["PATH": "\(RealTools.folder ?? ""):/usr/bin:/bin"], in: bench.fixture
        ).wait()
        #expect(result.status == 0, "\(script)\n\(result)")
        expectEqual(before, try deployment.state(of: database))
    }

    private static func commands(in value: JSON) -> [String] {
        switch value {
        case .string(let text): [text]
        case .array(let items): items.flatMap(commands)
        case .object(let members): members.values.flatMap(commands)
        default: []
        }
    }
}
