import BackupModel
import BackupTestSupport
import Foundation
import Testing

/// A daemon that is killed over and over leaves a true history. Its clock runs 60 times as fast, so that jobs that fire every
/// minute fire every second. `BACKUPCTL_TEST_KILLS` says how often it is killed (default: 12).
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct DaemonKillTests {
    private static let speed = 60.0
    private static let kills = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_KILLS"].flatMap(Int.init) ?? 12

    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private let host: String

    init() throws {
        bench = try Workbench("kills")
        try SampleData.makeSmall(bench.database, on: bench.deployment)
        let folder = URL(filePath: try #require(Backupctl.binary)).deletingLastPathComponent()
        host = folder.appending(path: "DaemonHost").path
        try #require(FileManager.default.isExecutableFile(atPath: host), "there is no '\(host)'")
    }

    /// The daemon's time at this moment.
    private struct Epoch {
        let start = Date.now
        let begin = ContinuousClock.now

        var now: Double {
            start.timeIntervalSince1970 + (ContinuousClock.now - begin) / .seconds(1) * DaemonKillTests.speed
        }
    }

    private func startDaemon(_ epoch: Epoch) throws -> RunningCommand {
        try RunningCommand(
            host, [backupctl.state, "\(epoch.now)", "\(Self.speed)"], environment: backupctl.environment,
            in: bench.fixture)
    }

    @Test func killsAtAnyMomentLoseNoInstantAndRunNoneTwice() throws {
        let jobs = (0..<10).map { "job\($0)" }
        for job in jobs {
            try backupctl.must(
                "job", "create", job, "--uri", bench.server.uri, "--database", bench.database, "--schedule", "* * * * *"
            )
        }
        let epoch = Epoch()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<Self.kills {
            let daemon = try startDaemon(epoch)
            Thread.sleep(forTimeInterval: Double.random(in: 0.2...2.2, using: &random))
            try #require(daemon.process.isRunning, "the daemon ended by itself: \(daemon.errorsSoFar)")
            daemon.process.signal(SIGKILL)
            _ = try daemon.wait(within: 10)
        }
        let last = try startDaemon(epoch)
        Thread.sleep(forTimeInterval: 3)
        last.process.signal(SIGTERM)
        let result = try last.wait(within: 30)
        #expect(result.status == 0 && result.seconds < 30, "\(result)")
        try checkHistory(of: jobs, from: epoch.start, through: epoch.now)
    }

    private func checkHistory(of jobs: [String], from start: Date, through end: Double) throws {
        let runs = try backupctl.json("history", "--limit", "0").items
        // Nothing runs any more, and no row says so. What the last daemon had no time for waits for the next one.
        let states = Set(runs.compactMap { $0["state"].string })
        #expect(!states.contains("running"), "\(states)")
        #expect(runs.contains { $0["state"].string == "succeeded" })
        for job in jobs {
            let own = runs.filter { $0["job"].string == job && $0["scheduledFor"] != .null }
            let first = own.filter { ["schedule", "catch-up"].contains($0["trigger"].string ?? "") }
            let instants = first.compactMap { $0["scheduledFor"].string.flatMap(Timestamp.parse) }
            #expect(Set(instants).count == instants.count, "\(job) has an instant twice")
            let spans = first.compactMap { span($0["error"]["message"].string ?? "") }
            let known = Set(instants.map { Int($0.timeIntervalSince1970) })
            let newest = try #require(known.max())
            // From the first full minute after the job was made to the newest that has a row, none is without one.
            var minute = (Int(start.timeIntervalSince1970) / 60 + 1) * 60
            while minute <= newest {
                let isKnown = known.contains(minute) || spans.contains { $0.contains(minute) }
                #expect(isKnown, "\(job) lost \(Timestamp.rfc3339(Date(timeIntervalSince1970: Double(minute))))")
                minute += 60
            }
            #expect(Double(newest) > end - 300, "\(job) stopped at \(newest)")
        }
        // What the history calls a success is there, whole, and nothing else is.
        let succeeded = Set(runs.compactMap { $0["snapshot"].string })
        let listed = try backupctl.json("list").items
        #expect(Set(listed.compactMap { $0["id"].string }) == succeeded)
        #expect(listed.allSatisfy { $0["state"].string == "good" })
    }

    /// `missed 123 instants, from A to B`
    private func span(_ message: String) -> ClosedRange<Int>? {
        guard let match = message.firstMatch(of: /^missed \d+ instants, from (\S+) to (\S+)$/),
            let first = Timestamp.parse(String(match.1)), let last = Timestamp.parse(String(match.2))
        else { return nil }
        return Int(first.timeIntervalSince1970)...Int(last.timeIntervalSince1970)
    }
}
