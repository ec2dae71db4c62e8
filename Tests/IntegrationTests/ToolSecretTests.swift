import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// A password that goes to a tool is seen by nobody else: not in the list of processes, not in an environment, in no file and
/// in no log.
@Suite(
    .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason),
    .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"))
struct ToolSecretTests {
    /// Each test's own: they run side by side, and one of them has it in an environment.
    private let canary: String
    private let password: String
    private let bench: Workbench
    private let tools: FakeTools
    private var backupctl: Backupctl { bench.backupctl }
    private var fixture: Fixture { bench.fixture }

    init() throws {
        bench = try Workbench("toolsecret", on: TestServer.guarded)
        canary = "CANARY-\(bench.database.suffix(8))"
        password = "\(canary)@:/%?\"\\é"
        tools = try FakeTools(in: bench.fixture)
        let user = "u\(bench.database)"
        try bench.deployment.perform(
            "admin",
            [
                "createUser": .string(user), "pwd": .string(password),
                "roles": ["backup", "restore", "readWriteAnyDatabase", "dbAdminAnyDatabase"],
            ])
        let server = bench.server
        bench.fixture.onEnd { try? server.deployment().perform("admin", ["dropUser": .string(user)]) }
        try SampleData.makeSmall(bench.database, on: bench.deployment)
    }

    private var uri: String { bench.server.uri(user: "u\(bench.database)", password: password) }

    /// Looks at every process of the machine as fast as it can.
    private final class Watch: @unchecked Sendable {
        // Protects all below.
        private let lock = NSLock()
        private var isOver = false
        private var sightings: Set<String> = []
        private var tools: Set<String> = []
        private let done = DispatchSemaphore(value: 0)

        init(for canary: String, amongToolsOf folder: String) {
            let needle = Data(canary.utf8)
            let tool = Data("\(folder)/mongo".utf8)
            Thread.detachNewThread { [self] in
                while !lock.withLock({ isOver }) {
                    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
                    for process in processes where Int(process) != nil && Int32(process) != getpid() {
                        for file in ["cmdline", "environ"] {
                            guard let data = FileManager.default.contents(atPath: "/proc/\(process)/\(file)")
                            else { continue }
                            if file == "cmdline", data.range(of: tool) != nil {
                                lock.withLock { _ = tools.insert(process) }
                            }
                            guard data.range(of: needle) != nil else { continue }
                            let text = String(decoding: data, as: UTF8.self).replacing("\0", with: " ")
                            lock.withLock { _ = sightings.insert("\(file) of \(process): \(text)") }
                        }
                    }
                    usleep(2000)
                }
                done.signal()
            }
        }

        /// How many processes of the tools it saw, and where it saw the canary.
        func end() -> (tools: Int, sightings: [String]) {
            lock.withLock { isOver = true }
            done.wait()
            return lock.withLock { (tools.count, Array(sightings)) }
        }
    }

    /// Fifty with the real tools where they are; with the stand-ins, which take longer to start, fewer.
    @Test func noListOfProcessesShowsThePassword() throws {
        let real = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_TOOLS"]
        let folder = real ?? tools.folder.path
        let file = try fixture.write(uri + "\n", to: "uri")
        try backupctl.must(
            "job", "create", "s", "--uri-file", file, "-d", bench.database, "--engine", "mongodump", "--tools-dir",
            folder)
        let watch = Watch(for: canary, amongToolsOf: folder)
        for _ in 0..<(real == nil ? 6 : 50) { try backupctl("run", "s", "--quiet").expectSuccess() }
        for index in 0..<3 {
            try backupctl(
                "restore", "s@latest", "--to-file", file, "--engine", "mongodump", "--tools-dir", folder, "--rename",
                "\(bench.database)=copy\(index)_\(bench.database)", "--quiet"
            ).expectSuccess()
        }
        let (seen, sightings) = watch.end()
        #expect(seen >= 3, "a look that sees no tool proves nothing")
        #expect(sightings.count == 0, "\(sightings.prefix(3))")
        try expectNoCanary()
    }

    /// What was written down anywhere but in the file that was given.
    private func expectNoCanary(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let paths = try #require(FileManager.default.enumerator(atPath: fixture.folder.path)?.allObjects as? [String])
        for path in paths where path != "uri" && path != "password" && !path.contains("secrets/") {
            guard let data = FileManager.default.contents(atPath: fixture.path(path)) else { continue }
            #expect(data.range(of: Data(canary.utf8)) == nil, "\(path)", sourceLocation: sourceLocation)
        }
    }

    @Test func theEnvironmentOfAToolHoldsOnlyWhatItNeeds() throws {
        var backupctl = backupctl
        backupctl.environment["BACKUP_URI"] = uri
        backupctl.environment["AWS_SECRET_ACCESS_KEY"] = canary
        backupctl.environment["LD_LIBRARY_PATH"] = "/nowhere"
        backupctl.environment["PYTHONPATH"] = "/nowhere"
        try backupctl.must(
            "job", "create", "e", "--uri-env", "BACKUP_URI", "-d", bench.database, "--engine", "mongodump",
            "--tools-dir",
            tools.folder.path)
        try backupctl.must("run", "e")
        let allowed: Set = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"]
        for start in try tools.records(of: "start") {
            #expect(start["environ"].keys.isSubset(of: allowed), "\(start["environ"].keys)")
            #expect(start["environ"]["PATH"].string?.contains(fixture.folder.path) == false)
            #expect(start["pid"].int == start["pgid"].int, "a process group of its own")
        }
        try expectNoCanary()
    }

    /// `-h HOST:PORT -u USER -d DB` of old scripts.
    @Test func aServerCanBeGivenInPieces() throws {
        let file = try fixture.write(password + "\n", to: "password")
        try backupctl.must(
            "job", "create", "p", "--host", "127.0.0.1", "--port", String(bench.server.port), "--user",
            "u\(bench.database)", "--password-file", file, "--authenticationDatabase", "admin", "-d", bench.database,
            "-c", "users", "--engine", "mongodump", "--tools-dir", tools.folder.path)
        let job = try backupctl.json("job", "show", "p")
        #expect(job["source"]["uri"].string?.hasPrefix("mongodb://u\(bench.database):***@127.0.0.1:") == true)
        let run = try backupctl.json("run", "p")
        #expect(run["namespaces"].int == 1 && (run["documents"].int ?? 0) > 0)
        try expectNoCanary()
        for wrong in [
            ["--port", "1"], ["--user", "x"], ["--host", "h", "--uri", "mongodb://h/"], ["--host", "h,"],
            ["--host", "h", "--password-file", file], ["--host", "h:1", "--port", "2"],
        ] { expectRefusal(try backupctl.run(["job", "create", "w"] + wrong), status: 64) }
    }

    /// What a tool says when it cannot connect holds the whole URI (`ARCHIVE-FORMAT.md`, B1).
    @Test func whatAToolSaysIsShownWithoutThePassword() throws {
        try tools.behave("fails-after-whole", #"{"text": "failed to connect to \#(uri.replacing("\"", with: ""))"}"#)
        let file = try fixture.write(uri + "\n", to: "uri")
        try backupctl.must(
            "job", "create", "f", "--uri-file", file, "-d", bench.database, "--engine", "mongodump", "--tools-dir",
            tools.folder.path)
        let result = try backupctl("run", "f", "--json", "--verbose")
        #expect(result.status == 1 && result.output.contains("failed to connect to"), "\(result)")
        #expect(!result.output.contains(canary) && !result.errors.contains(canary), "\(result)")
        #expect(try !backupctl("log", "f").output.contains(canary))
        try FileManager.default.removeItem(at: tools.folder.appending(path: "fake.json"))
        try expectNoCanary()
    }
}
