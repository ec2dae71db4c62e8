package import BackupModel
package import BackupPipeline

/// The engine that runs the real `mongodump` and `mongorestore`, of this machine or of an image.
///
/// What the tools print and how they end is necessary and never enough: the archive is read as it passes, what the
/// tool says of each namespace is compared with it, and the server is asked what there is to dump and what has arrived.
package struct MongodumpEngine: Engine {
    package let identity: EngineIdentity
    let host: any ToolHost
    let surroundings: ToolSurroundings
    let tool: Tool
    let version: ToolVersion
    let hasConfig: Bool
    /// Nothing but a container's tool may reach the server from within its network.
    let isInNetwork: Bool
    let log: [String]

    /// What an engine is wanted for: the two tools are two files, and may have two versions.
    package enum Use: Sendable {
        case dump, restore
    }

    /// Finds the tool and asks it for its version. Throws `toolNotFound`, `toolRefused` or `toolFailed`.
    package static func local(
        for use: Use, directory: String?, surroundings: ToolSurroundings, check: () throws -> Void
    ) throws -> MongodumpEngine {
        let host = LocalTools(directory: directory, surroundings: surroundings)
        return try MongodumpEngine("mongodump", host, use, surroundings, isInNetwork: false, check: check)
    }

    /// Makes sure of the image, and asks its tool for its version.
    package static func container(
        for use: Use, place: ToolPlace, surroundings: ToolSurroundings, check: () throws -> Void
    ) throws -> MongodumpEngine {
        let host = ContainerTools(place, surroundings: surroundings)
        let isInNetwork = place.network != nil && place.network != "host"
        return try MongodumpEngine("docker", host, use, surroundings, isInNetwork: isInNetwork, check: check)
    }

    private init(
        _ name: String, _ host: any ToolHost, _ use: Use, _ surroundings: ToolSurroundings, isInNetwork: Bool,
        check: () throws -> Void
    ) throws {
        self.host = host
        self.surroundings = surroundings
        self.isInNetwork = isInNetwork
        let tool = use == .dump ? Tool.mongodump : .mongorestore
        self.tool = tool
        var notes: [String] = []
        try host.prepare(tool, check: check) { notes.append($0) }
        func ask(_ argument: String) throws -> ToolAnswer {
            let answer = try ToolAnswer.ask(
                host.asking(tool, argument), keeperProgram: surroundings.keeperProgram,
                seconds: host is LocalTools ? 20 : 60, check: check)
            guard answer.exit == .exited(0) else {
                throw BackupError(
                    .toolFailed, "cannot run \(host.name(of: tool)): '\(argument)' failed: \(answer.reason)")
            }
            return answer
        }
        let answer = try ask("--version")
        guard let version = ToolVersion(printed: answer.text) else {
            throw BackupError(
                .toolFailed, "cannot use \(host.name(of: tool)): it does not say which version it is",
                hint: "'\(tool.rawValue) --version' must name one like 100.12.2.")
        }
        self.version = version
        hasConfig = try ask("--help").text.contains("--config")
        notes.append("\(tool.rawValue) \(version)")
        log = notes
        identity = EngineIdentity(name: name, version: version.text)
    }

    /// Whether it can be given a password in secret.
    package var keepsSecrets: Bool { hasConfig }

    package func dump(
        _ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor
    ) throws -> DumpReport {
        for line in log { monitor.note(line) }
        return try ToolDump(self, request, monitor: monitor).run(into: sink)
    }

    package func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport {
        for line in log { monitor.note(line) }
        return try ToolRestore(self, request, monitor: monitor).run(feed: feed)
    }
}

/// A tool at work: started, listened to, and ended whatever happens.
struct ToolRun {
    let engine: MongodumpEngine
    let uri: MongoURI
    let monitor: any RunMonitor
    let transcript: ToolTranscript

    init(_ engine: MongodumpEngine, _ uri: MongoURI, monitor: any RunMonitor) {
        self.engine = engine
        self.uri = uri
        self.monitor = monitor
        transcript = ToolTranscript(tool: engine.tool, uri: uri, monitor: monitor)
    }

    /// Runs the tool with `work`, then waits for its end; gives how it ended. Whatever is thrown, the tool and all that
    /// came of it are gone then.
    func run(
        _ arguments: [String], reads: Bool, work: (ToolProcess) throws -> Void
    ) throws -> ToolProcess.Exit {
        let connection = try ToolConnection(uri, version: engine.version, hasConfig: engine.hasConfig)
        try refuseOwnHost()
        let order = ToolOrder(
            arguments: connection.arguments + arguments, config: connection.config, files: connection.files,
            reads: reads)
        let launch = try engine.host.working(engine.tool, order)
        defer { launch.companion?.end() }
        let process = try ToolProcess(launch.command, keeperProgram: engine.surroundings.keeperProgram)
        launch.companion?.serve()
        let listener = ErrorListener(process) { [transcript] in transcript.take($0) }
        do {
            try work(process)
            let exit = try process.wait(check: monitor.cancellation.check)
            listener.join()
            transcript.close(tail: listener.tail)
            if process.sweptProcesses > 0 {
                transcript.warn(
                    "\(engine.tool.rawValue) left \(process.sweptProcesses) processes behind, which were ended")
            }
            return exit
        } catch {
            end(process)
            listener.join()
            transcript.close(tail: listener.tail)
            throw error
        }
    }

    /// Asks, and kills what does not listen: within the time that a supervisor gives a cancelled run.
    private func end(_ process: ToolProcess) {
        process.closeInput()
        process.stop()
        // What is still printed is thrown away: a tool that waits for a reader would not end.
        let output = process.output
        let drain = WorkThread("drain") { try? output.readAll(check: {}) { _ in } }
        if process.wait(seconds: 5.5) == nil {
            process.letGo()
            _ = process.wait(seconds: 1.5)
        }
        drain.join(within: 0.2)
    }

    private func refuseOwnHost() throws {
        guard engine.identity.name == "docker", let place = engine.host as? ContainerTools, place.network != "host"
        else {
            return
        }
        let own = uri.hosts.first { host in
            let name = host.hasPrefix("[") ? "[::1]" : String(host.prefix { $0 != ":" })
            return ["localhost", "127.0.0.1", "[::1]"].contains(name) && (name != "[::1]" || host.hasPrefix("[::1]"))
        }
        guard let own else { return }
        throw BackupError(
            .serverUnreachable, "cannot reach '\(own)' from a container: there it is the container itself",
            hint: "give --container-network host, or the name that the server has in the container's network.")
    }

    /// What became of a tool that did not end well.
    func failure(_ exit: ToolProcess.Exit) -> BackupError {
        let name = engine.tool.rawValue
        if case .notStarted(let number) = exit {
            return BackupError(
                .toolFailed, "cannot run \(engine.host.name(of: engine.tool)): \(systemReason(number))")
        }
        let how =
            switch exit {
            case .exited(let code): "\(name) failed with status \(code)"
            case .killed(let signal): "\(name) was killed by signal \(signal)"
            default: "\(name) ended, and nobody knows how"
            }
        var reason = transcript.reason
        // What it said before somebody killed it is not why.
        if case .exited = exit {} else { reason = transcript.current.failures.last }
        return BackupError(
            .toolFailed, how + (reason.map { ": \($0)" } ?? ""),
            hint: "'backupctl log' shows the last lines that it printed.")
    }
}
