import BackupTestSupport
import Foundation
import Testing

/// The built program with a state directory of its own, as someone at a shell has it.
struct Backupctl {
    static let binary = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_BINARY"]
    static var isAvailable: Bool { binary != nil }
    static let skipReason: Comment = "needs BACKUPCTL_TEST_BINARY, the built backupctl"
    static var isAvailableWithServer: Bool { isAvailable && TestServer.isAvailable }
    static let serverSkipReason: Comment = """
        needs BACKUPCTL_TEST_BINARY, the built backupctl, and BACKUPCTL_TEST_MONGOD, the path of a mongod
        """

    let fixture: Fixture
    var state: String
    /// Nothing of the tests' own environment gets through.
    var environment: [String: String]

    init(_ fixture: Fixture, state: String = "state") {
        self.fixture = fixture
        self.state = fixture.path(state)
        // Without the variable libmongoc warns on stderr, while it is loaded, when a killed process of the same number
        // has left its file of counters: a test of its own has that, the others would fail by chance.
        environment = [
            "MONGOC_DISABLE_SHM": "1",
            "PATH": "/usr/bin:/bin", "HOME": fixture.folder.path, "BACKUPCTL_STATE_DIR": self.state,
            "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8",
        ]
    }

    /// Runs a command to its end.
    func callAsFunction(_ arguments: String..., within seconds: Double = 120) throws -> CommandResult {
        try run(arguments, within: seconds)
    }

    func run(_ arguments: [String], within seconds: Double = 120) throws -> CommandResult {
        try start(arguments).wait(within: seconds)
    }

    func start(_ arguments: String...) throws -> RunningCommand { try start(arguments) }

    func start(_ arguments: [String], input: Int32? = nil) throws -> RunningCommand {
        try RunningCommand(Self.binary ?? "", arguments, environment: environment, in: fixture, input: input)
    }

    /// Runs a command that must succeed, and reads what it printed.
    func json(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let result = try run(arguments + ["--json"])
        #expect(result.status == 0, "\(result)", sourceLocation: sourceLocation)
        return try result.json()
    }

    /// Runs a command that must succeed.
    @discardableResult
    func must(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> CommandResult {
        let result = try run(arguments)
        try #require(result.status == 0, "\(result)", sourceLocation: sourceLocation)
        return result
    }
}

/// A command that was started.
struct RunningCommand {
    let process: ChildProcess
    let arguments: [String]
    private let output: URL
    private let errors: URL
    private let started = ContinuousClock.now

    init(
        _ executable: String, _ arguments: [String], environment: [String: String], in fixture: Fixture,
        input: Int32? = nil
    ) throws {
        self.arguments = arguments
        let name = UUID().uuidString
        output = fixture.folder.appending(path: "\(name).out")
        errors = fixture.folder.appending(path: "\(name).err")
        let files = try [output, errors].map { url in
            let descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw SetupError("cannot make '\(url.path)'") }
            return descriptor
        }
        defer { for file in files { close(file) } }
        let process = try ChildProcess(
            executable, arguments, environment: environment,
            files: .init(input: input, output: files[0], errors: files[1]))
        self.process = process
        fixture.onEnd { process.killNow() }
    }

    /// Waits for the end, and kills what does not come to one.
    func wait(within seconds: Double = 120) throws -> CommandResult {
        let status = process.wait(within: seconds)
        if status == nil { process.killNow() }
        let result = CommandResult(
            arguments: arguments, status: status ?? CommandResult.hung, output: Self.text(output),
            errors: Self.text(errors), seconds: (ContinuousClock.now - started) / .seconds(1))
        try FileManager.default.removeItem(at: output)
        try FileManager.default.removeItem(at: errors)
        return result
    }

    private static func text(_ url: URL) -> String {
        String(decoding: (try? Data(contentsOf: url)) ?? Data(), as: UTF8.self)
    }

    var errorsSoFar: String { Self.text(errors) }
}

/// How a command ended, and what it said.
struct CommandResult: CustomStringConvertible {
    /// The status of a command that had to be killed.
    static let hung: Int32 = -1000

    let arguments: [String]
    let status: Int32
    let output: String
    let errors: String
    let seconds: Double

    func json() throws -> JSON { try JSON(output) }

    private var errorLines: [Substring] { errors.split(separator: "\n") }
    var error: String { errorLines.first { $0.hasPrefix("error: ") }.map(String.init) ?? "" }
    var hint: String { errorLines.first { $0.hasPrefix("hint: ") }.map(String.init) ?? "" }

    var description: String {
        let ended = status == Self.hung ? "did not end" : "status \(status)"
        return "backupctl \(arguments.joined(separator: " ")): \(ended) after \(seconds) s\n\(output)\(errors)"
    }
}

extension CommandResult {
    func expectSuccess(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try #require(status == 0, "\(self)", sourceLocation: sourceLocation)
    }
}
