import BackupEngines
import BackupTestSupport
import Foundation
import Testing

/// Disks that are full, read-only or not there, and folders that are not as they should be.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct StorageTroubleTests {
    private let fixture = Fixture()
    private let server: TestServer
    private let backupctl: Backupctl
    private let database = SampleData.databaseName("disk")
    private static let mountReason: Comment = "needs the right to mount a tmpfs"

    init() throws {
        server = try TestServer.shared.get()
        backupctl = Backupctl(fixture)
        try SampleData.makeSmall(database, on: server.deployment())
        fixture.onEnd { [server, database] in try? server.deployment().dropDatabase(database) }
    }

    private func makeJob() throws {
        try backupctl.must("job", "create", "disk", "--uri", server.uri, "--database", database)
    }

    /// Puts a file system of this size below the state directory, before anything is made there.
    private func mount(_ path: String, kibibytes: Int) throws -> Mount {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return try Mount(at: path, kibibytes: kibibytes, in: fixture)
    }

    /// A disk that is not mounted must not get a new repository in the empty folder below it.
    @Test(arguments: ["repository.json", ""])
    func aRepositoryWithoutItsMarkerIsNotUsed(gone: String) throws {
        try makeJob()
        try backupctl.must("run", "disk")
        let kept = fixture.path("kept")
        let path = backupctl.repository + (gone.isEmpty ? "" : "/\(gone)")
        try FileManager.default.moveItem(atPath: path, toPath: kept)
        let run = try backupctl("run", "disk")
        expectRefusal(run, status: 10, "repository", hint: "mounted")
        #expect(try backupctl.newestRun()["state"].string == "failed")
        #expect(!FileManager.default.fileExists(atPath: path))
        let restore = try backupctl(
            "restore", "disk@latest", "--to", server.uri, "--rename", "\(database)=x\(database)")
        #expect(restore.status != 0, "\(restore)")
        if gone.isEmpty {
            #expect(try backupctl.json("list")[0]["state"].string == "missing")
        } else {
            expectRefusal(restore, status: 10)
        }
        #expect(try !server.deployment().databases().contains("x\(database)"))

        try FileManager.default.moveItem(atPath: kept, toPath: path)
        #expect(try backupctl.json("list")[0]["state"].string == "good")
        try backupctl.must("run", "disk")
    }

    @Test func anotherRepositoryInItsPlaceIsNotUsed() throws {
        try makeJob()
        let other = Backupctl(fixture, state: "other")
        try other.must("job", "list")
        try FileManager.default.removeItem(atPath: backupctl.repository)
        try FileManager.default.moveItem(atPath: other.repository, toPath: backupctl.repository)
        expectRefusal(try backupctl("run", "disk"), status: 10, "repository")
    }

    @Test(.enabled(if: Mount.isPossible, mountReason))
    func aReadOnlyRepositoryFailsTheRunAndKeepsWhatIsThere() throws {
        let mount = try mount(backupctl.repository, kibibytes: 4096)
        try makeJob()
        try backupctl.must("run", "disk")
        try mount.makeReadOnly()
        let before = try backupctl.json("list")
        expectRefusal(try backupctl("run", "disk"), status: 1, "read-only")
        #expect(try backupctl.newestRun()["error"]["code"].string == "storage-read-only")
        #expect(try backupctl.json("list") == before)
        #expect(before[0]["state"].string == "good")
    }

    @Test(.enabled(if: Mount.isPossible, mountReason))
    func aReadOnlyStateDirectoryIsSaidToBeThat() throws {
        let mount = try mount(backupctl.state, kibibytes: 8192)
        try makeJob()
        try mount.makeReadOnly()
        for command in [["job", "create", "new", "--uri", server.uri], ["run", "disk"]] {
            expectRefusal(try backupctl.run(command), status: 1)
        }
    }

    @Test(.enabled(if: Mount.isPossible, mountReason))
    func aFullRepositoryFailsTheRunAndPublishesNothing() throws {
        try SampleData.makeLarge(database, mebibytes: 4, on: server.deployment())
        _ = try mount(backupctl.repository, kibibytes: 1024)
        try makeJob()
        expectRefusal(try backupctl("run", "disk"), status: 1, "no space left", hint: "free space")
        #expect(try backupctl.newestRun()["error"]["code"].string == "storage-full")
        try backupctl.expectNothingPublished("failed")
    }

    /// The default: catalog and repository on the same disk. The failure must still be on record.
    @Test(.enabled(if: Mount.isPossible, mountReason))
    func aFullDiskWithTheCatalogOnItLeavesATrueHistory() throws {
        try SampleData.makeLarge(database, mebibytes: 6, on: server.deployment())
        _ = try mount(backupctl.state, kibibytes: 3072)
        try makeJob()
        let run = try backupctl("run", "disk")
        expectRefusal(run, status: 1, "space")
        try backupctl.expectNothingPublished("failed", "interrupted")
        // A smaller job has room again.
        try backupctl.must("job", "create", "small", "--uri", server.uri, "--collection", "\(database).orders")
        try backupctl.must("run", "small")
    }

    @Test func aStateDirectoryThatCannotBeMadeIsNamed() throws {
        let file = try fixture.write("x", to: "file")
        for path in [file, file + "/below", "/proc/none/here"] {
            expectRefusal(try backupctl("job", "list", "--state-dir", path), status: 1, path)
        }
    }

    @Test func aStateDirectoryThatOthersMayWriteToIsRefused() throws {
        try makeJob()
        chmod(backupctl.state, 0o777)
        expectRefusal(try backupctl("run", "disk"), status: 1, "others", hint: "chmod 700")
        chmod(backupctl.state, 0o700)
        try backupctl.must("run", "disk")
    }

    @Test func aCatalogThatIsNoneIsNotTouched() throws {
        try makeJob()
        try backupctl.must("run", "disk")
        for name in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: backupctl.state + "/" + name)
        }
        let catalog = backupctl.state + "/catalog.sqlite"
        let garbage = Data(String(repeating: "this is no catalog. ", count: 1000).utf8)
        try garbage.write(to: URL(filePath: catalog))
        for command in [["list"], ["run", "disk"], ["job", "create", "new", "--uri", server.uri]] {
            expectRefusal(try backupctl.run(command), status: 1, "catalog")
        }
        #expect(try Data(contentsOf: URL(filePath: catalog)) == garbage)
        let archives = backupctl.files(in: backupctl.repository).keys.filter { $0.hasSuffix(".gz") }
        #expect(archives.count == 1)
    }

    @Test func whatABackupWritesIsForItsOwnerAlone() throws {
        let line = "umask 000; exec \"$0\" \"$@\""
        let program = try #require(Backupctl.binary)
        let commands = [
            ["job", "create", "open", "--uri", server.uri + "&appName=x", "--database", database], ["run", "open"],
        ]
        for command in commands {
            let child = try ChildProcess(
                "/bin/sh", ["-c", line, program] + command, environment: backupctl.environment)
            #expect(child.wait(within: 60) == 0)
        }
        var paths = FileManager.default.enumerator(atPath: backupctl.state)?.compactMap { $0 as? String } ?? []
        #expect(paths.contains("catalog.sqlite") && paths.contains { $0.hasSuffix(".log") })
        paths.append("")
        for path in paths {
            var status = stat()
            #expect(lstat(backupctl.state + "/" + path, &status) == 0)
            let expected: mode_t = status.st_mode & S_IFMT == S_IFDIR ? 0o700 : 0o600
            #expect(status.st_mode & 0o777 == expected, "\(path)")
        }
    }
}
