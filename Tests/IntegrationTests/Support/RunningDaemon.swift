import BackupTestSupport
import Foundation
import Testing

/// A `backupctl daemon` that was started, and its log in JSON.
struct RunningDaemon {
    let command: RunningCommand
    private let bench: Workbench

    /// Listens nowhere unless it is told to.
    init(_ bench: Workbench, _ arguments: String..., environment: [String: String] = [:]) throws {
        try self.init(bench, ["--listen", "off"] + arguments, environment: environment)
    }

    init(_ bench: Workbench, _ arguments: [String], environment: [String: String] = [:]) throws {
        var backupctl = bench.backupctl
        backupctl.environment.merge(environment) { $1 }
        self.bench = bench
        command = try backupctl.start(["daemon", "--log-format", "json"] + arguments)
        try bench.wait(for: "the daemon") { try says("scheduler started") || !command.process.isRunning }
        try #require(command.process.isRunning, "\(command.errorsSoFar)")
    }

    /// The lines of the log so far; the last one may not be whole yet.
    func lines() throws -> [JSON] {
        var text = command.errorsSoFar[...]
        while let last = text.last, last != "\n" { text.removeLast() }
        return try text.split(separator: "\n").map { try JSON(String($0)) }
    }

    func says(_ message: String, job: String? = nil) throws -> Bool {
        try lines().contains { $0["message"].string == message && (job == nil || $0["job"].string == job) }
    }

    /// Ends it, and gives how it ended.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM, sourceLocation: SourceLocation = #_sourceLocation) throws -> CommandResult {
        command.process.signal(signal)
        let asked = ContinuousClock.now
        let result = try command.wait(within: 40)
        #expect(result.status == 0, "\(result)", sourceLocation: sourceLocation)
        #expect(ContinuousClock.now - asked < .seconds(30), "\(result)", sourceLocation: sourceLocation)
        return result
    }
}
