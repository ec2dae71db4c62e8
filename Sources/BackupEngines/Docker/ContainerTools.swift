internal import BackupModel
internal import Foundation

/// Tools in a container: `docker run --rm -i IMAGE`, or podman's.
struct ContainerTools: ToolHost {
    let runtime: ContainerRuntime
    let image: String
    let network: String?
    let surroundings: ToolSurroundings
    private let finder: ProgramFinder

    /// What clients of container engines look at; `CONTAINERS_CONF` and the like are podman's.
    private static let variables = [
        "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR",
        "CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
        "CONTAINERS_REGISTRIES_CONF",
    ]
    /// Where the tool finds its secrets when its input is the archive.
    private static let configInside = "/run/backupctl-config"

    init(_ place: ToolPlace, surroundings: ToolSurroundings) {
        runtime = place.runtime ?? .docker
        // A job without an image was refused when it was made.
        image = place.image ?? ""
        network = place.network
        self.surroundings = surroundings
        finder = ProgramFinder(folder: nil, path: surroundings.environment["PATH"])
    }

    func name(of tool: Tool) -> String { "\(tool.rawValue) of image '\(image)'" }

    private func client() throws -> String {
        try finder.find(
            runtime.rawValue,
            hint: "install \(runtime.rawValue), choose another with --container-runtime, or use --engine builtin.")
    }

    private func command(_ arguments: [String]) throws -> ToolProcess.Command {
        ToolProcess.Command(
            path: try client(), arguments: [runtime.rawValue] + arguments,
            environment: surroundings.childEnvironment(also: Self.variables))
    }

    /// Each step is a command of its own, so that its exit status says which of them failed.
    func prepare(_ tool: Tool, check: () throws -> Void, note: (String) -> Void) throws {
        let engine = try answer(["version"], check)
        guard case .exited(0) = engine.exit else {
            throw BackupError(
                .toolFailed, "cannot use \(runtime.rawValue): it does not answer: \(engine.reason)",
                hint: "check that the container engine runs and that this user may use it.")
        }
        if try answer(["image", "inspect", image], check).exit != .exited(0) {
            note("pulling image '\(image)'")
            let pulled = try answer(["pull", image], check, seconds: 1800)
            guard pulled.exit == .exited(0) else {
                throw BackupError(
                    .toolNotFound, "cannot get image '\(image)': \(pulled.reason)",
                    hint:
                        "check the version, give the image with its full name by --image, or load it by hand where there is no network."
                )
            }
        }
        let described = try answer(["image", "inspect", "--format", "{{.Id}}", image], check)
        note("image '\(image)' is \(described.text.trimmingCharacters(in: .whitespacesAndNewlines).escapedForDisplay)")
    }

    private func answer(
        _ arguments: [String], _ check: () throws -> Void, seconds: Double = 60
    ) throws -> ToolAnswer {
        try ToolAnswer.ask(
            try command(arguments), keeperProgram: surroundings.keeperProgram, seconds: seconds, check: check)
    }

    func asking(_ tool: Tool, _ argument: String) throws -> ToolProcess.Command {
        let name = Self.containerName()
        var command = try command(running(tool, name: name, [argument], mounts: []))
        command.farewell = try farewell(name)
        return command
    }

    func working(_ tool: Tool, _ order: ToolOrder) throws -> ToolLaunch {
        let name = Self.containerName()
        var mounts = order.files.map { ($0, $0) }
        var companion: SecretPipe?
        var config: [String] = []
        if let bytes = order.config {
            if order.reads {
                let pipe = try SecretPipe(bytes, in: surroundings.scratch, name: name)
                mounts.append((pipe.path, Self.configInside))
                config = ["--config=\(Self.configInside)"]
                companion = pipe
            } else {
                config = ["--config=/dev/stdin"]
            }
        }
        var command = try command(running(tool, name: name, config + order.arguments, mounts: mounts))
        command.input = order.reads ? .stream : order.config.map { .bytes($0) } ?? .none
        command.farewell = try farewell(name)
        return ToolLaunch(command: command, companion: companion)
    }

    /// The image's own entry point is passed by: it would change to a user that cannot read what is ours.
    private func running(
        _ tool: Tool, name: String, _ arguments: [String], mounts: [(outside: String, inside: String)]
    ) -> [String] {
        var words = ["run", "--rm", "-i", "--name=\(name)", "--label=backupctl", "--pull=never"]
        // In podman root is whoever runs it.
        words.append(runtime == .docker ? "--user=\(getuid()):\(getgid())" : "--user=0:0")
        if let network { words.append("--network=\(network)") }
        for mount in mounts {
            words.append("--mount=type=bind,source=\(mount.outside),target=\(mount.inside),readonly")
        }
        return words + ["--entrypoint=\(tool.rawValue)", image] + arguments
    }

    /// A client that is killed leaves its container running. podman would ask it to end for ten seconds first, which is as
    /// long as this may take.
    private func farewell(_ name: String) throws -> [String] {
        [try client(), "rm", "--force"] + (runtime == .podman ? ["--time=0"] : []) + [name]
    }

    private static func containerName() -> String { "backupctl-\(UUID().uuidString.lowercased())" }
}
