import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// The stand-ins are what other tests rely on: that they do the real thing, and that each mode does what it says.
@Suite(
    .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason),
    .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"))
struct FakeToolTests {
    private let bench: Workbench
    private let tools: FakeTools
    private var fixture: Fixture { bench.fixture }
    private var database: String { bench.database }

    init() throws {
        bench = try Workbench("fake")
        tools = try FakeTools(in: bench.fixture)
    }

    @Test func whatTheStandInDumpsIsWhatIsThere() throws {
        try SampleData.makeZoo(database, on: bench.deployment)
        let dump = try self.dump()
        #expect(dump.status == 0, "\(dump.errors)")
        try bench.backupctl.must(
            "restore", dump.file, "--to", bench.server.uri, "--ns-from", "\(database).*", "--ns-to", "\(bench.copy).*")
        expectEqual(try bench.deployment.state(of: database), try bench.deployment.state(of: bench.copy))
    }

    @Test func whatTheStandInRestoresIsWhatWasThere() throws {
        try SampleData.makeZoo(database, on: bench.deployment)
        try bench.makeJob("fake")
        try bench.backupctl.must("run", "fake")
        let file = try #require(try bench.backupctl.json("list")[0]["file"].string)
        let second = try TestServer.second.get()
        let target = try second.deployment()
        defer { try? target.dropDatabase(database) }
        let restore = try restore(file, "--gzip", "--bypassDocumentValidation", to: second.uri)
        #expect(restore.status == 0, "\(restore.errors)")
        #expect(restore.errors.contains(" 0 document(s) failed to restore."), "\(restore.errors)")
        expectEqual(try bench.deployment.state(of: database), try target.state(of: database))
    }

    /// What a mode of `mongodump` gives: its status and how much of a whole archive.
    struct BadDump: CustomTestStringConvertible, Sendable {
        var mode: String
        var options = "{}"
        var status: Int32
        var part: Double
        var says = ""
        var testDescription: String { "\(mode) \(options)" }
    }

    @Test(arguments: [
        BadDump(mode: "right", status: 0, part: 1, says: "done dumping `DB.orders` (200 documents)"),
        BadDump(mode: "truncated", status: 0, part: 0.5, says: "done dumping `DB.orders` (200 documents)"),
        BadDump(mode: "truncated", options: #"{"bytes": 0}"#, status: 0, part: 0),
        BadDump(mode: "empty", status: 0, part: 0),
        BadDump(mode: "fails-after-whole", status: 1, part: 1, says: "\tFailed: error on purpose"),
        BadDump(mode: "hang-midway", options: #"{"seconds": 0.2}"#, status: 1, part: 0.5),
        BadDump(mode: "hang-before-first-byte", options: #"{"seconds": 0.2}"#, status: 1, part: 0),
        BadDump(mode: "die-by-signal", status: -9, part: 0.5),
        BadDump(mode: "wrong-counts", status: 0, part: 1, says: "done dumping `DB.users` (101 documents)"),
        BadDump(mode: "flood", options: #"{"bytes": 3000000}"#, status: 0, part: 1),
        BadDump(mode: "flood-one-line", options: #"{"bytes": 3000000}"#, status: 0, part: 1),
        BadDump(mode: "drip", options: #"{"bytes": 20, "delay": 0.001}"#, status: 0, part: 1),
        BadDump(mode: "nonsense", status: 70, part: 0, says: "no mode 'nonsense'"),
    ])
    func aModeOfMongodumpDoesWhatItSays(_ bad: BadDump) throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        let whole = try dump().data.count
        try tools.behave(bad.mode, bad.options)
        let dump = try dump()
        #expect(dump.status == bad.status, "\(dump.errors.suffix(500))")
        #expect(dump.data.count == Int(Double(whole) * bad.part))
        let says = bad.says.isEmpty || dump.errors.contains(bad.says.replacing("DB", with: database))
        #expect(says, "\(dump.errors.suffix(500))")
        let flooded = dump.errors.utf8.count > 3_000_000
        #expect(flooded == bad.mode.hasPrefix("flood"))
    }

    /// The trap of the format: nothing in the archive tells that it ends too early, only the status does.
    @Test func anInterruptedDumpIsPerfectInForm() throws {
        try bench.deployment.insert(SampleData.documents(0..<200), into: database, "orders")
        try tools.behave("interrupted-like")
        let dump = try dump()
        #expect(dump.status == 1)
        try bench.backupctl.must(
            "restore", dump.file, "--to", bench.server.uri, "--ns-from", "\(database).*", "--ns-to", "\(bench.copy).*")
        #expect(try bench.deployment.count(bench.copy, "orders") == 100)
    }

    @Test func aHangingToolEndsWithTheSecondSignalAndOneThatIgnoresThemDoesNot() throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        for (mode, ending) in [("hang-midway", Int32?.some(1)), ("ignore-term", nil)] {
            try tools.behave(mode, #"{"seconds": 60}"#)
            let running = try start(tools.mongodump, dumping, output: fixture.path(mode))
            try wait(for: { try Data(contentsOf: URL(filePath: fixture.path(mode))).count > 1000 })
            running.signal(SIGTERM)
            #expect(running.wait(within: 0.3) == nil)
            running.signal(SIGINT)
            #expect(running.wait(within: ending == nil ? 0.3 : 10) == ending)
            running.killNow()
            let signals = try tools.records(of: "signal").filter { $0["pid"].int == Int64(running.processID) }
            #expect(signals.compactMap(\.["number"].int) == [15, 2])
        }
    }

    @Test func aChildStaysBehindWithTheFilesOpen() throws {
        try tools.behave("fork-and-leave", #"{"child-seconds": 60}"#)
        let dump = try dump()
        #expect(dump.status == 0)
        let child = pid_t(try #require(try tools.records(of: "grandchild").first?["child"].int))
        defer { kill(child, SIGKILL) }
        let start = try #require(try tools.records(of: "start").first)
        #expect(getsid(child) == child)
        #expect(start["pid"].int != Int64(child))
        let output = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child)/fd/1")
        #expect(output == dump.file)
    }

    /// What a mode of `mongorestore` gives: its status, what it reports, what is there.
    struct BadRestore: CustomTestStringConvertible, Sendable {
        var mode: String
        var options = "{}"
        var status: Int32
        var reports: String
        var there: Int64
        var testDescription: String { "\(mode) \(options)" }
    }

    @Test(arguments: [
        BadRestore(mode: "right", status: 0, reports: "300 . 0", there: 300),
        BadRestore(mode: "swallows", status: 0, reports: "300 . 0", there: 0),
        BadRestore(mode: "loses", status: 0, reports: "270 . 30", there: 270),
        BadRestore(mode: "loses", options: #"{"silently": true}"#, status: 0, reports: "300 . 0", there: 270),
        BadRestore(mode: "fails-after-whole", status: 1, reports: "300 . 0", there: 300),
        BadRestore(mode: "closes-stdin", status: 1, reports: "0 . 0", there: 0),
        BadRestore(mode: "hang-before-first-byte", options: #"{"seconds": 0.2}"#, status: 1, reports: "", there: 0),
        BadRestore(mode: "empty", status: 70, reports: "", there: 0),
    ])
    func aModeOfMongorestoreDoesWhatItSays(_ bad: BadRestore) throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        let file = try dump().file
        try bench.deployment.dropDatabase(database)
        try tools.behave(bad.mode, bad.options)
        let result = try restore(file, to: bench.server.uri)
        #expect(result.status == bad.status, "\(result.errors)")
        let counts = bad.reports.split(separator: " . ")
        if counts.count == 2 {
            let last = "\(counts[0]) document(s) restored successfully. \(counts[1]) document(s) failed to restore.\n"
            #expect(result.errors.hasSuffix(last), "\(result.errors)")
        }
        let there = try ["orders", "users"].map { try bench.deployment.count(database, $0) }.reduce(0, +)
        #expect(there == bad.there)
    }

    @Test func duplicatesAreCountedAndEndWithZero() throws {
        try SampleData.makeSmall(database, on: bench.deployment)
        let result = try restore(try dump().file, to: bench.server.uri)
        #expect(result.status == 0)
        #expect(result.errors.hasSuffix("0 document(s) restored successfully. 300 document(s) failed to restore.\n"))
        #expect(result.errors.contains("continuing through error: E11000 duplicate key error"))
    }

    /// Words of mongodump 100.18.0 for the same arguments.
    @Test(arguments: [
        (["--archive", "--nope"], "error parsing command line options: unknown option `nope`"),
        (["--archive", "FILE"], "provide only one MongoDB connection string"),
        (["--archive", "--db"], "expected argument for flag `-d, --db'"),
        (["--archive", "--oplog=3"], "bool flag `--oplog' cannot have an argument"),
        (["--archive", "--uri=foo://a"], #"error parsing uri: scheme must be "mongodb" or "mongodb+srv""#),
        (["--archive", "--uri=mongodb://h/x", "--db=y"], "Cannot specify different database in connection URI"),
        (["--archive", "--config=/does/not/exist"], "open /does/not/exist: no such file or directory"),
        (["--archive", "--config=CONFIG passwor: x"], "field passwor not found in type struct"),
        (["--archive", #"--config=CONFIG {"password": "a\/b"}"#], "yaml: found unknown escape character"),
        (["--archive", "--uri=SERVER", "-c", "x"], "Failed: bad option: cannot dump a collection without a specified"),
        (["--archive", "--uri=SERVER", "-j", "0"], "Failed: bad option: numParallelCollections must be positive"),
        (["--archive", "--uri=SERVER", "-d", "x", "--oplog"], "Failed: bad option: --oplog mode only supported on"),
        (
            ["--archive", "--uri=mongodb://u:pw@127.0.0.1:1/", "--serverSelectionTimeout=1"],
            "Failed: can't create session: failed to connect to mongodb://u:pw@127.0.0.1:1/: server selection error"
        ),
    ])
    func mongodumpRefusesAsTheRealOne(_ arguments: [String], _ words: String) throws {
        let arguments = try arguments.map { argument in
            guard let text = argument.split(separator: "CONFIG ").dropFirst().first else {
                return argument.replacing("SERVER", with: bench.server.uri)
            }
            return "--config=\(try fixture.write(String(text), to: "config"))"
        }
        let result = try run(tools.mongodump, arguments, output: fixture.path("out"))
        #expect(result.status == 1)
        #expect(result.errors.contains(words), "\(result.errors)")
        #expect(result.data.isEmpty)
    }

    /// The way a password goes in, and what a test can look at to see that it went no other.
    @Test func aPasswordInTheConfigurationIsUsedAndWrittenDownNowhere() throws {
        let guarded = try TestServer.guarded.get()
        let config = try fixture.write("password: \"\(TestServer.adminPassword)\"\n", to: "config.yml")
        let uri = "mongodb://admin@127.0.0.1:\(guarded.port)/?authSource=admin"
        let arguments = ["--archive", "--uri", uri, "--config=\(config)", "--db", "admin"]
        let result = try run(tools.mongodump, arguments, output: fixture.path("out"))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("done dumping `admin.system.users`"), "\(result.errors)")
        let start = try #require(try tools.records(of: "start").first)
        #expect(start["argv"].strings == [tools.mongodump] + arguments)
        #expect(start["environ"].keys == ["PATH"])
        #expect(start["stdin"].string == "null")
        let record = try String(contentsOf: tools.folder.appending(path: "record.jsonl"), encoding: .utf8)
        #expect(!record.contains(TestServer.adminPassword) && !result.errors.contains(TestServer.adminPassword))
    }

    // How the tools are run: the archive on stdout or stdin, as the product has it.

    private struct Result {
        var status: Int32
        var errors: String
        var file: String
        var data: Data
    }

    private var dumping: [String] { ["--archive", "--uri", bench.server.uri, "--db", database] }

    private func dump() throws -> Result {
        try run(tools.mongodump, dumping, output: fixture.path("dump-\(UUID().uuidString).archive"))
    }

    private func restore(_ file: String, _ options: String..., to uri: String) throws -> Result {
        try run(
            tools.mongorestore, ["--archive", "--uri", uri] + options, input: file, output: fixture.path("restore.out"))
    }

    private func run(
        _ tool: String, _ arguments: [String], input: String? = nil, output: String
    ) throws -> Result {
        let running = try start(tool, arguments, input: input, output: output)
        let status = running.wait(within: 60)
        running.killNow()
        return Result(
            status: status ?? CommandResult.hung,
            errors: String(decoding: try Data(contentsOf: URL(filePath: output + ".err")), as: UTF8.self),
            file: output, data: try Data(contentsOf: URL(filePath: output)))
    }

    private func start(
        _ tool: String, _ arguments: [String], input: String? = nil, output: String
    ) throws -> ChildProcess {
        var opened: [Int32] = []
        defer { for file in opened { close(file) } }
        for (path, flags) in [(output, O_WRONLY), (output + ".err", O_WRONLY)] + (input.map { [($0, O_RDONLY)] } ?? [])
        {
            let file = open(path, flags | (flags == O_WRONLY ? O_CREAT | O_TRUNC : 0) | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw SetupError("cannot open '\(path)'") }
            opened.append(file)
        }
        let running = try ChildProcess(
            tool, arguments, environment: ["PATH": "/usr/bin:/bin"],
            files: .init(input: input == nil ? nil : opened[2], output: opened[0], errors: opened[1]))
        fixture.onEnd { running.killNow() }
        return running
    }

    private func wait(for condition: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try !condition() {
            try #require(ContinuousClock.now < deadline, "nothing comes")
            Thread.sleep(forTimeInterval: 0.02)
        }
    }
}
