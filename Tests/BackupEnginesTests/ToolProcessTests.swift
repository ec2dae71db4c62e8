import Foundation
import Testing

@testable import BackupEngines
import BackupModel

/// A tool under its keeper: real processes, and none of them left.
@Suite(.enabled(if: ToolScratch.hasKeeper, ToolScratch.keeperSkipReason))
struct ToolProcessTests {
    let scratch: ToolScratch

    init() {
        scratch = ToolScratch()
    }

    func start(
        _ script: String, input: ToolProcess.Input = .none, config: [UInt8]? = nil, farewell: [String] = [],
        environment: [String: String] = [:], grace: Double = 0.3
    ) throws -> ToolProcess {
        var environment = environment
        environment["PATH"] = ToolSurroundings.childPath
        environment["S"] = scratch.folder.path
        return try ToolProcess(
            ToolProcess.Command(
                path: "/bin/sh", arguments: ["sh", "-c", script], environment: environment, input: input,
                config: config, farewell: farewell),
            keeperProgram: #require(ToolScratch.keeperProgram), grace: grace)
    }

    func output(_ process: ToolProcess) throws -> String {
        var bytes: [UInt8] = []
        try process.output.readAll(check: {}) { bytes.append(contentsOf: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func whatItPrintsAndHowItEndsArrive() throws {
        let process = try start("echo out; echo err >&2; exit 7")
        let listener = ErrorListener(process) { _ in }
        #expect(try output(process) == "out\n")
        #expect(try process.wait(check: {}) == .exited(7))
        listener.join()
        // Before it, libmongoc may say in the keeper that a killed process of the same number left its counters behind.
        #expect(listener.tail.last == "err", "\(listener.tail)")
        #expect(process.sweptProcesses == 0)
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGSEGV]) func aSignalIsNoExitStatus(_ signal: Int32) throws {
        #expect(try start("kill -\(signal) $$").wait(check: {}) == .killed(signal))
    }

    @Test func whatCannotBeStartedSaysSo() throws {
        let process = try ToolProcess(
            ToolProcess.Command(path: scratch.path("nothing"), arguments: ["nothing"], environment: [:]),
            keeperProgram: #require(ToolScratch.keeperProgram))
        #expect(try process.wait(check: {}) == .notStarted(ENOENT))
    }

    @Test func itGetsItsInputItsConfigAndNoVariableButThoseGiven() throws {
        setenv("BACKUPCTL_TEST_CANARY", "CANARY-9f3a", 1)
        let process = try start(
            "cat; cat \(ToolProcess.configPath); env | cut -d= -f1 | sort | tr '\\n' ' '; ls /proc/self/fd | wc -w",
            input: .bytes(Array("in ".utf8)), config: Array("config ".utf8), environment: ["LANG": "C"])
        let text = try output(process)
        // 'ls' has its own descriptor for the folder; 3 is the config.
        #expect(text == "in config LANG PATH PWD S 5\n" || text == "in config LANG PATH PWD S _ 5\n", "\(text)")
    }

    @Test func withoutInputItReadsNothing() throws {
        #expect(try output(start("cat; echo end")) == "end\n")
    }

    @Test func aStreamIsFedWithBackPressure() throws {
        let process = try start("sleep 0.3; cat | wc -c", input: .stream)
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<8 { #expect(try bytes.withUnsafeBytes { try process.feed($0, check: {}) }) }
        process.closeInput()
        #expect(try output(process).trimmingCharacters(in: .whitespacesAndNewlines) == String(8 << 20))
    }

    @Test func aToolThatStopsReadingIsNoticed() throws {
        let process = try start("exec 0<&-; sleep 0.2; exit 3", input: .stream)
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        var isFed = true
        for _ in 0..<4 where isFed { isFed = try bytes.withUnsafeBytes { try process.feed($0, check: {}) } }
        #expect(!isFed)
        #expect(try process.wait(check: {}) == .exited(3))
    }

    @Test func askedToEndItEnds() throws {
        let process = try start("trap 'echo bye; exit 1' TERM; echo $$ > $S/pid; while :; do sleep 0.05; done")
        _ = try #require(scratch.number("pid"))
        process.stop()
        #expect(try process.wait(check: {}) == .exited(1))
        #expect(try output(process) == "bye\n")
    }

    @Test func whatIgnoresTheAskingIsKilled() throws {
        let process = try start("trap '' TERM INT HUP; echo $$ > $S/pid; while :; do sleep 0.05; done")
        let number = try #require(scratch.number("pid"))
        let began = Date()
        process.stop()
        #expect(try process.wait(check: {}) == .killed(SIGKILL))
        #expect(Date().timeIntervalSince(began) < 3 && isGone(number))
    }

    /// It has a session of its own, ignores SIGTERM, and holds our pipes open.
    static let grandchild =
        "setsid sh -c 'trap \"\" TERM HUP; echo $$ > $S/grandchild; while :; do sleep 0.05; done' & "
        + "while [ ! -s $S/grandchild ]; do sleep 0.02; done; "

    @Test func aGrandchildInASessionOfItsOwnDoesNotOutliveTheTool() throws {
        let process = try start(Self.grandchild + "echo done")
        #expect(try output(process) == "done\n")
        #expect(try process.wait(check: {}) == .exited(0))
        #expect(process.sweptProcesses > 0)
        #expect(isGone(try #require(scratch.number("grandchild"))))
    }

    @Test func lettingGoEndsEverything() throws {
        let process = try start(Self.grandchild + "echo $$ > $S/pid; while :; do sleep 0.05; done")
        let tool = try #require(scratch.number("pid"))
        let grandchild = try #require(scratch.number("grandchild"))
        process.letGo()
        #expect(try process.wait(check: {}) == .killed(SIGKILL))
        #expect(isGone(tool) && isGone(grandchild))
    }

    @Test func aToolDoesNotOutliveItsKeeper() throws {
        let process = try start("echo $$ > $S/pid; grep -i ppid /proc/$$/status | cut -f2 > $S/keeper; sleep 1000")
        let tool = try #require(scratch.number("pid"))
        #expect(kill(try #require(scratch.number("keeper")), SIGKILL) == 0)
        #expect(try process.wait(check: {}) == .lost)
        #expect(isGone(tool))
    }

    @Test func theFarewellIsSaidWhenTheToolDidNotEndByItself() throws {
        let farewell = ["/bin/sh", "-c", "echo said > $S/farewell"]
        #expect(try start("exit 3", farewell: farewell).wait(check: {}) == .exited(3))
        #expect(scratch.text("farewell") == nil)
        let process = try start("echo $$ > $S/pid; sleep 1000", farewell: farewell)
        _ = try #require(scratch.number("pid"))
        process.letGo()
        _ = try process.wait(check: {})
        #expect(scratch.text("farewell") == "said\n")
    }

    @Test func outputWithoutEndBlocksNothingAndIsNotKept() throws {
        let process = try start(
            "yes 'a line that says nothing at all, again and again and again' | head -c 300000000 >&2; echo done")
        let before = try residentBytes()
        let listener = ErrorListener(process) { _ in }
        #expect(try output(process) == "done\n")
        listener.join()
        #expect(listener.tail.count == 40)
        #expect(try residentBytes() - before < 64 << 20)
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
    }

    @Test func anOrderIsReadAsItWasWritten() {
        let orders = [
            Keeper.Order(grace: 2000, farewell: [], hasConfig: false, path: "/p", arguments: ["p"]),
            Keeper.Order(
                grace: 0, farewell: ["/d", "rm", ""], hasConfig: true, path: "/p", arguments: ["p", "", "--", "a b"]),
        ]
        for order in orders { #expect(Keeper.Order(arguments: order.encoded) == order) }
        for bad in [[], ["x"], [Keeper.name, "-1", "-", "0", "/p", "p"], [Keeper.name, "1", "-", "9", "/p", "p"]] {
            #expect(Keeper.Order(arguments: bad) == nil)
        }
    }
}
