import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Compression, threads and niceness of a job, seen from outside.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct EffortTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }

    init() throws {
        bench = try Workbench("effort")
        try SampleData.makeSmall(bench.database, on: bench.deployment)
    }

    @Test(arguments: ["fast", "balanced", "small", nil])
    func everyLevelIsAGzipFileThatRestores(level: String?) throws {
        try bench.makeJob("e")
        if let level { try backupctl.must("job", "edit", "e", "--compression", level, "--threads", "2") }
        try backupctl.must("run", "e")
        let shown = try backupctl.json("show", "e@latest")
        #expect(shown["compression"].string == level ?? "fast")
        let lines = try backupctl("show", "e@latest").output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("compression") && $0.hasSuffix(" \(level ?? "fast")") }, "\(lines)")
        let file = try #require(shown["file"].string)
        #expect(try ChildProcess.run("/bin/gzip", "-t", file) == 0)
        try backupctl.run(["restore", "e@latest"] + bench.toCopy).expectSuccess()
        expectEqual(
            try bench.deployment.state(of: bench.database), try bench.deployment.state(of: bench.copy))
    }

    @Test func settingsAreGivenShownAndTakenBack() throws {
        try bench.makeJob("e")
        let settings = try backupctl.json("job", "show", "e")["settings"]
        expectShape(
            settings,
            [
                "toolsDir": .nullable(.string), "image": .nullable(.string), "containerRuntime": .nullable(.string),
                "containerNetwork": .nullable(.string), "readPreference": .nullable(.string),
                "query": .nullable(.string), "oplog": .bool, "parallelCollections": .nullable(.int),
                "extraToolArgs": .strings, "compression": .string, "threads": .nullable(.int), "nice": .nullable(.int),
            ])
        #expect(settings["compression"].string == "fast" && settings["threads"] == .null && settings["nice"] == .null)
        #expect(try backupctl("job", "show", "e").output.contains("fast, on all processors\n"))
        let edited = try backupctl.json(
            "job", "edit", "e", "--compression", "small", "--threads", "3", "--nice", "10")["settings"]
        #expect(edited["compression"].string == "small" && edited["threads"].int == 3 && edited["nice"].int == 10)
        #expect(try backupctl("job", "show", "e").output.contains("small, on 3 threads, nice 10\n"))
        let yaml = try backupctl("export", "e").output
        #expect(yaml.contains("compression: small") && yaml.contains("threads: 3") && yaml.contains("nice: 10"))
        let back = try backupctl.json("job", "edit", "e", "--no-threads", "--no-nice")["settings"]
        #expect(back["compression"].string == "small" && back["threads"] == .null && back["nice"] == .null)
        for wrong in [
            ["--threads", "0"], ["--threads", "257"], ["--threads", "x"], ["--nice", "20"], ["--nice=-1"],
            ["--compression", "max"], ["--no-nice", "--nice", "1"], ["--no-threads", "--threads", "1"],
        ] { expectRefusal(try backupctl.run(["job", "edit", "e"] + wrong), status: 64) }
        #expect(try backupctl.json("job", "show", "e")["settings"] == back)
    }
}

/// Niceness as the kernel has it: of the threads of a run, of its tool, and of all that is not the run's.
@Suite(
    .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason),
    .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"))
struct NicenessTests {
    private let bench: Workbench
    private let tools: FakeTools
    private var backupctl: Backupctl { bench.backupctl }
    /// What everything here inherits.
    private let usual = Int(getpriority(Int32(bitPattern: PRIO_PROCESS.rawValue), 0))
    private let wanted = 13

    init() throws {
        bench = try Workbench("nice")
        tools = try FakeTools(in: bench.fixture)
        try SampleData.makeSmall(bench.database, on: bench.deployment)
        try backupctl.must(
            "job", "create", "n", "--uri", bench.server.uri, "-d", bench.database, "--engine", "mongodump",
            "--tools-dir", tools.folder.path, "--nice", String(wanted), "--threads", "3")
        try tools.behave("hang-midway")
    }

    /// The niceness of every thread of a process by the thread's number (`proc_pid_stat(5)`, field 19).
    private func niceness(of process: pid_t) throws -> [pid_t: Int] {
        let folder = "/proc/\(process)/task"
        var found: [pid_t: Int] = [:]
        for thread in try FileManager.default.contentsOfDirectory(atPath: folder) {
            // A thread may end between the two looks.
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(thread)/stat") else { continue }
            let text = String(decoding: data, as: UTF8.self)
            // The name, field 2, may hold blanks.
            let fields = text[try #require(text.lastIndex(of: ")"))...].split(separator: " ")
            found[try #require(pid_t(thread))] = try #require(Int(fields[17]) as Int?)
        }
        return found
    }

    /// The process of the dump, once it hangs with half of the archive behind it.
    private func hangingDump() throws -> pid_t {
        var found: JSON?
        try bench.wait(for: "a dump that hangs") {
            found = try tools.records(of: "start").first { $0["argv"].strings.contains { $0.hasPrefix("--archive") } }
            return found != nil
        }
        return pid_t(try #require(found?["pid"].int))
    }

    private func expectNice(_ process: pid_t, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let tool = try hangingDump()
        #expect(try niceness(of: tool).values.allSatisfy { $0 == wanted }, sourceLocation: sourceLocation)
        // The run's own thread, three that compress and one that writes, at the least.
        try bench.wait(for: "the threads of the run") { try niceness(of: process).values.count { $0 == wanted } >= 5 }
        let threads = try niceness(of: process)
        #expect(threads[process] == usual, "\(threads)", sourceLocation: sourceLocation)
        #expect(
            threads.values.allSatisfy { [usual, wanted].contains($0) }, "\(threads)", sourceLocation: sourceLocation)
        #expect(threads.values.count { $0 == usual } >= 2, "\(threads)", sourceLocation: sourceLocation)
    }

    @Test func aRunAndItsToolAreAsNiceAsTheJobWants() throws {
        let run = try backupctl.start("run", "n")
        try expectNice(run.process.processID)
        run.process.signal(SIGINT)
        #expect(try run.wait(within: 20).status == 130)
    }

    @Test func nothingOfItStaysWithTheDaemon() throws {
        let daemon = try RunningDaemon(bench)
        let id = try #require(try backupctl.json("run", "n", "--detach")["id"].string)
        try expectNice(daemon.command.process.processID)
        try backupctl.must("cancel", id)
        try bench.wait(for: "the end of the run") {
            try niceness(of: daemon.command.process.processID).values.allSatisfy { $0 == usual }
        }
        // A run that succeeds publishes and prunes: nothing of that may be left, either.
        try tools.behave("right")
        let second = try #require(try backupctl.json("run", "n", "--detach")["id"].string)
        try bench.wait(for: "a run that succeeds") {
            try backupctl.json("history", "n").items.contains {
                $0["id"].string == second && $0["state"].string == "succeeded"
            }
        }
        try bench.wait(for: "the end of the run") {
            try niceness(of: daemon.command.process.processID).values.allSatisfy { $0 == usual }
        }
        try daemon.stop()
    }
}
