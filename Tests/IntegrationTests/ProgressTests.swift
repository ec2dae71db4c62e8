import BackupEngines
import BackupTestSupport
import Foundation
import Testing

/// A bar on a terminal, lines elsewhere, nothing when quiet.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct ProgressTests {
    private let bench: Workbench
    private let proxy: FaultyProxy
    private var backupctl: Backupctl { bench.backupctl }

    init() throws {
        bench = try Workbench("progress")
        proxy = try bench.proxy(.slow(bytesPerSecond: 1_000_000))
        try SampleData.makeLarge(bench.database, mebibytes: 3, on: bench.deployment)
        try bench.makeJob("p", uri: proxy.uri)
    }

    @Test func aTerminalShowsABarThatGrowsAndGoes() throws {
        let terminal = try PseudoTerminal(columns: 100)
        let child = try bench.start(on: terminal, ["run", "p"], kind: "xterm")
        #expect(child.wait(within: 60) == 0, "\(terminal.text)")
        #expect(terminal.waitFor("read back and checked"))
        let text = terminal.text
        let bars = text.matches(of: /\[(#*)(\.*)\] p: dumping, (\d+)%/)
        #expect(bars.count > 3, "\(text)")
        let shares = bars.compactMap { Int($0.output.3) }
        #expect(shares == shares.sorted(), "\(shares)")
        #expect(shares.first ?? 100 < 60 && shares.last ?? 0 > 60, "\(shares)")
        #expect(text.contains("MiB/s") || text.contains("KiB/s"))
        #expect(text.contains("left"))
        for frame in text.split(separator: "\r") { #expect(frame.prefix { $0 != "\u{1B}" && $0 != "\n" }.count < 100) }
        // The bar is wiped before the result.
        let end = text.components(separatedBy: "snapshot p-")
        #expect(end.first?.hasSuffix("\r\u{1B}[K") == true, "\(text.suffix(400))")
    }

    @Test func elsewhereThereIsALineEveryTenSecondsAndNoneWhenQuiet() throws {
        proxy.behave(.slow(bytesPerSecond: 280_000))
        let plain = try backupctl.start("run", "p")
        let quietly = Backupctl(bench.fixture, state: "quiet")
        try quietly.must(
            "job", "create", "q", "--uri", proxy.uri, "--database", bench.database, "--parallel-collections", "1")
        let quiet = try quietly.start("run", "q", "--quiet")
        let lines = try plain.wait()
        #expect(lines.status == 0 && lines.seconds > 10, "\(lines)")
        let found = lines.errors.matches(of: /p: dumping, \d+%, [\d,]+ documents, [\d.]+ MiB, [\d.]+ [KM]iB\/s.*\n/)
        #expect(found.count == Int(lines.seconds / 10), "\(lines)")
        #expect(!lines.errors.contains("\r") && !lines.errors.contains("\u{1B}"))
        let silence = try quiet.wait()
        #expect(silence.status == 0 && silence.seconds > 10, "\(silence)")
        #expect(silence.errors == "" && silence.output == "")
    }

    @Test func aDumbTerminalGetsNoControlCharacters() throws {
        proxy.behave(.passing)
        let terminal = try PseudoTerminal()
        let child = try bench.start(on: terminal, ["run", "p"], kind: "dumb")
        #expect(child.wait(within: 60) == 0)
        #expect(terminal.waitFor("read back and checked"))
        #expect(!terminal.text.contains("\u{1B}"))
    }
}
