internal import BackupModel

/// One of the two tools.
enum Tool: String, Sendable {
    case mongodump, mongorestore
}

/// Where tools run: on this machine or in a container.
protocol ToolHost: Sendable {
    /// For logs and errors: `'/usr/bin/mongodump'`, `image 'mongo:8.0'`.
    func name(of tool: Tool) -> String
    /// Makes sure that the tool can be run; `note` gets what belongs into the log.
    func prepare(_ tool: Tool, check: () throws -> Void, note: (String) -> Void) throws
    /// A tool that prints something and ends, for example its version.
    func asking(_ tool: Tool, _ argument: String) throws -> ToolProcess.Command
    /// The tool at work. `config` is how it gets its secrets.
    func working(_ tool: Tool, _ order: ToolOrder) throws -> ToolLaunch
}

/// What a tool is to do.
struct ToolOrder {
    var arguments: [String]
    /// Secrets for `--config`.
    var config: [UInt8]?
    /// Files that the arguments name.
    var files: [String] = []
    /// Whether an archive is fed to it.
    var reads: Bool
}

/// A command that is ready to start, and what goes with it.
struct ToolLaunch {
    var command: ToolProcess.Command
    /// Hands over what cannot go along, once the tool has started; ends when the tool has.
    var companion: SecretPipe?
}

/// What engines that run programs need of their surroundings.
package struct ToolSurroundings: Sendable {
    /// This program, which keeps the tools.
    package var keeperProgram: String
    /// This process's variables; few of them reach a tool.
    package var environment: [String: String]
    /// A private folder for pipes that a container is to see.
    package var scratch: String

    package init(keeperProgram: String = "/proc/self/exe", environment: [String: String], scratch: String) {
        self.keeperProgram = keeperProgram
        self.environment = environment
        self.scratch = scratch
    }

    /// What a child may know: enough to run, and no secret.
    static let alwaysPassed = ["HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"]
    static let childPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    func childEnvironment(also names: [String] = []) -> [String: String] {
        var child = environment.filter { (Self.alwaysPassed + names).contains($0.key) }
        child["PATH"] = Self.childPath
        return child
    }
}

/// Tools of this machine.
struct LocalTools: ToolHost {
    let surroundings: ToolSurroundings
    private let finder: ProgramFinder

    init(directory: String?, surroundings: ToolSurroundings) {
        self.surroundings = surroundings
        finder = ProgramFinder(folder: directory, path: surroundings.environment["PATH"])
    }

    func path(of tool: Tool) throws -> String {
        try finder.find(
            tool.rawValue,
            hint:
                "install the MongoDB Database Tools or name their folder with --tools-dir; --engine builtin needs none."
        )
    }

    func name(of tool: Tool) -> String { (try? path(of: tool)).map { "'\($0)'" } ?? "'\(tool.rawValue)'" }

    func prepare(_ tool: Tool, check: () throws -> Void, note: (String) -> Void) throws {
        let path = try path(of: tool)
        note("\(tool.rawValue) is '\(path)', \(try FileDigest.of(path, check: check))")
    }

    func asking(_ tool: Tool, _ argument: String) throws -> ToolProcess.Command {
        ToolProcess.Command(
            path: try path(of: tool), arguments: [tool.rawValue, argument], environment: surroundings.childEnvironment()
        )
    }

    func working(_ tool: Tool, _ order: ToolOrder) throws -> ToolLaunch {
        let config = order.config == nil ? [] : ["--config=\(ToolProcess.configPath)"]
        return ToolLaunch(
            command: ToolProcess.Command(
                path: try path(of: tool), arguments: [tool.rawValue] + config + order.arguments,
                environment: surroundings.childEnvironment(), input: order.reads ? .stream : .none,
                config: order.config))
    }
}
