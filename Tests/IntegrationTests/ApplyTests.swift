import BackupTestSupport
import Foundation
import Testing

/// Jobs as a file, at a shell.
@Suite(.enabled(if: Backupctl.isAvailable, Backupctl.skipReason))
struct ApplyTests {
    private let fixture = Fixture()
    private let backupctl: Backupctl

    init() { backupctl = Backupctl(fixture) }

    private static let two = """
        version: 1
        jobs:
          a: { source: { uri: "mongodb://u:canary@h" }, timeout: 6h }
          b: { source: { uri: "mongodb://h" } }

        """

    @Test func theDifferenceIsShownThenMadeThenGone() throws {
        let file = try fixture.write(Self.two, to: "jobs.yaml")
        let dry = try backupctl.must("apply", "-f", file, "--dry-run")
        #expect(dry.output.contains("create    a\n    source.uri: mongodb://u:***@h\n    timeout: 6h\n"))
        #expect(dry.output.hasSuffix("2 to create, 0 to change, 0 to delete, 0 unchanged\n"))
        #expect(try backupctl.json("job", "list").items.isEmpty)
        try backupctl.must("apply", "-f", file)
        let again = try backupctl.json("apply", "-f", file)
        expectShape(again, ["file": .string, "dryRun": .bool, "counts": .object, "jobs": .array])
        #expect(again["counts"]["unchanged"].int == 2)
        try fixture.write(Self.two.replacing("6h", with: "7h").replacing("canary", with: "canary2"), to: "jobs.yaml")
        let changed = try backupctl.must("apply", "-f", file)
        #expect(changed.output.contains("source.uri: mongodb://u:***@h -> mongodb://u:***@h (another secret)"))
        #expect(changed.output.contains("timeout: 6h -> 7h"))
        #expect(!"\(dry)\(changed)".contains("canary"))
    }

    @Test func pruneNeedsYesWhereNobodyCanBeAsked() throws {
        let file = try fixture.write(Self.two, to: "jobs.yaml")
        try backupctl.must("apply", "-f", file)
        try fixture.write("version: 1\njobs: {}\n", to: "jobs.yaml")
        try backupctl.must("apply", "-f", file)
        expectRefusal(try backupctl("apply", "-f", file, "--prune"), status: 1, "without confirmation")
        #expect(try backupctl.json("job", "list").items.count == 2)
        let pruned = try backupctl.json("apply", "-f", file, "--prune", "--yes")
        #expect(pruned["counts"]["delete"].int == 2)
        #expect(try backupctl.json("job", "list").items.isEmpty)
    }

    @Test func aPersonAtATerminalIsAskedBeforeJobsGo() throws {
        try backupctl.must("apply", "-f", fixture.write(Self.two, to: "jobs.yaml"))
        let none = try fixture.write("version: 1\njobs: {}\n", to: "none.yaml")
        for (answer, status, left) in [("n", Int32(130), 2), ("", 130, 2), ("y", 0, 0)] {
            let terminal = try PseudoTerminal()
            let child = try ChildProcess(
                Backupctl.binary ?? "", ["apply", "-f", none, "--prune"], environment: backupctl.environment,
                files: .init(input: terminal.terminal, output: terminal.terminal, errors: terminal.terminal))
            terminal.closeTerminal()
            #expect(terminal.waitFor("Delete 2 jobs (a, b)? Snapshots stay. [y/N]"), "\(terminal.text)")
            terminal.type(answer)
            #expect(child.wait(within: 60) == status, "\(answer): \(terminal.text)")
            #expect(try backupctl.json("job", "list").items.count == left)
        }
    }

    /// What `export` writes of many jobs `apply` takes again.
    @Test func thousandsOfJobsGoThereAndBack() throws {
        let jobs = (0..<3000).map { number in
            "  job-\(number): { source: { uri: \"mongodb://h/\(number)\" }, schedule: \"\(number % 60) 2 * * *\", "
                + "retention: { keepDaily: 7, keepWeekly: 4 } }\n"
        }
        try backupctl.must(
            "apply", "-f", fixture.write("version: 1\njobs:\n" + jobs.joined(), to: "many.yaml"), "--quiet")
        let exported = try backupctl.must("export").output
        let again = try backupctl.json("apply", "-f", fixture.write(exported, to: "export.yaml"))
        #expect(again["counts"]["unchanged"].int == 3000)
    }

    @Test func exportGoesIntoApplyAndHoldsNoPassword() throws {
        try backupctl.must("apply", "-f", fixture.write(Self.two, to: "jobs.yaml"))
        let exported = try backupctl.must("export").output
        #expect(!exported.contains("canary"))
        let input = open(try fixture.write(exported, to: "export.yaml"), O_RDONLY | O_CLOEXEC)
        defer { close(input) }
        let result = try backupctl.start(["apply", "-f", "-", "--prune", "--json"], input: input).wait()
        #expect(result.status == 0, "\(result)")
        #expect(try result.json()["counts"]["unchanged"].int == 2)
        #expect(
            try backupctl.must("export", "b").output
                == "version: 1\njobs:\n  b:\n    source:\n      uri: \"mongodb://h\"\n")
    }

    @Test func aBadFileChangesNothingAndSaysAllThatIsWrong() throws {
        try backupctl.must("apply", "-f", fixture.write(Self.two, to: "jobs.yaml"))
        let before = try backupctl.snapshot()
        let bad = try fixture.write("version: 1\njobs:\n  c: {}\n  a: { sorce: {} }\n", to: "bad.yaml")
        let result = try backupctl("apply", "-f", bad)
        expectRefusal(result, status: 64, "cannot apply '\(bad)': line 3: job 'c' has no source")
        #expect(result.errors.contains("line 4: there is no key 'sorce'"))
        #expect(try backupctl.snapshot() == before)
        expectRefusal(try backupctl("apply", "-f", "/nowhere"), status: 64, "cannot apply '/nowhere'")
    }

    @Test func ofManyAtOnceAllEndInTheSameJobs() throws {
        let file = try fixture.write(Self.two, to: "jobs.yaml")
        let running = try (0..<6).map { _ in try backupctl.start("apply", "-f", file) }
        for process in running { #expect(try process.wait().status == 0) }
        #expect(try backupctl.json("job", "list").items.count == 2)
    }

    /// Nine levels of nine: 387,420,489 nodes when written out, as values and as keys, which the parser compares. The first
    /// line is a comment, which ends wherever the parser has it end. In a process of its own, which can be killed.
    @Test(arguments: ["- ", "? "], ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}"])
    func anAliasBombEndsAtOnce(prefix: String, lineBreak: String) throws {
        var text = "# bomb\na: &a0 [x]\n"
        for level in 1...9 {
            let names = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            text += "b\(level): &a\(level)\n  \(prefix)[\(names)]\n"
        }
        let file = try fixture.write(text.replacing("\n", with: lineBreak), to: "bomb.yaml")
        let result = try backupctl.run(["apply", "-f", file], within: 20)
        expectRefusal(result, status: 64, "line 2: anchors and aliases")
    }

    /// A line that looks like a comment, and is the end of a text in quotes.
    @Test(arguments: ["\"", "'"]) func anAliasBombBehindAQuoteEndsAtOnce(quote: String) throws {
        var text = "{version: 1, k: \(quote)x\n#\(quote), a0: &a0 [1,1,1,1,1,1,1,1,1,1]"
        for level in 1...9 {
            let names = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += ", a\(level): &a\(level) [\(names)]"
        }
        let file = try fixture.write(text + ", ? *a9 : 1, ? [*a9] : 2}\n", to: "bomb.yaml")
        let result = try backupctl.run(["apply", "-f", file], within: 20)
        expectRefusal(result, status: 64, "line 2: anchors and aliases")
        // Comments that talk of both are comments.
        let commented = "# &a is no anchor\n" + Self.two + "  # 'c' is \"*a\" no more\n"
        try backupctl.must("apply", "-f", fixture.write(commented, to: "commented.yaml"))
    }
}
