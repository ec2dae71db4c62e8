import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// The engine `docker` with a client that runs what it is told on this machine, and writes down what that was. The real thing
/// runs in the conformance suite of the engines, where an image is at hand.
@Suite(
    .enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason),
    .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"))
struct ContainerEngineTests {
    private let bench: Workbench
    private let tools: FakeTools
    private let backupctl: Backupctl
    private var fixture: Fixture { bench.fixture }

    init() throws {
        bench = try Workbench("docker", on: TestServer.guarded)
        tools = try FakeTools(in: bench.fixture)
        var backupctl = bench.backupctl
        backupctl.environment["PATH"] = bench.fixture.path("bin") + ":/usr/bin:/bin"
        backupctl.environment["DOCKER_HOST"] = "unix:///nowhere"
        self.backupctl = backupctl
        try FileManager.default.createDirectory(atPath: bench.fixture.path("bin"), withIntermediateDirectories: true)
        try SampleData.makeSmall(bench.database, on: bench.deployment)
    }

    /// Makes a client; `cases` are further branches of what it does by its first argument.
    private func makeClient(_ name: String = "docker", cases: String = "") throws {
        let script = try fixture.write(
            """
            #!/bin/sh
            printf '%s\\n' "$*" >> '\(fixture.path("calls"))'
            env | cut -d= -f1 | sort | tr '\\n' ' ' > '\(fixture.path("variables"))'
            verb=$1; shift
            case "$verb" in
            \(cases)
            version|pull|rm) exit 0 ;;
            image) echo sha256:1234; exit 0 ;;
            run) ;;
            *) exit 125 ;;
            esac
            while [ $# -gt 0 ]; do
                case "$1" in
                --mount=*) outside=${1#*source=}; outside=${outside%%,*}; inside=${1#*target=}; inside=${inside%%,*} ;;
                --entrypoint=*) tool=${1#--entrypoint=} ;;
                --*|-i) ;;
                *) break ;;
                esac
                shift
            done
            shift
            for argument do
                shift
                [ "$argument" = "--config=$inside" ] && argument="--config=$outside"
                set -- "$@" "$argument"
            done
            exec '\(tools.folder.path)'/"$tool" "$@"

            """, to: "bin/\(name).text", mode: 0o700)
        let path = fixture.path("bin/\(name)")
        try #require(try ChildProcess.run("/bin/cp", "--preserve=mode", script, path) == 0)
    }

    private var calls: [String] {
        ((try? String(contentsOfFile: fixture.path("calls"), encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }

    private func makeJob(_ options: String...) throws {
        let file = try fixture.write(bench.server.adminURI + "\n", to: "uri")
        try backupctl.run(
            ["job", "create", "d", "--uri-file", file, "-d", bench.database, "--engine", "docker"]
                + (options.isEmpty ? ["--mongo-version", "8.0", "--container-network", "host"] : options)
        ).expectSuccess()
    }

    @Test func aBackupAndARestoreGoThroughTheContainer() throws {
        try makeClient()
        try makeJob()
        let run = try backupctl.json("run", "d")
        #expect(run["engine"]["name"].string == "docker" && run["engine"]["version"].string == "100.18.0")
        let dump = try #require(calls.last { $0.contains("--archive") })
        for part in [
            "run --rm -i --name=backupctl-", "--network=host", "--entrypoint=mongodump mongo:8.0 ",
            "--config=/dev/stdin",
        ] {
            #expect(dump.contains(part), "\(dump)")
        }
        let file = fixture.path("uri")
        let copy = "copy_\(bench.database)"
        let restore = try backupctl(
            "restore", "d@latest", "--to-file", file, "--engine", "docker", "--mongo-version", "8.0",
            "--container-network", "host", "--rename", "\(bench.database)=\(copy)", "--json")
        #expect(restore.status == 0, "\(restore)")
        expectEqual(try bench.deployment.state(of: bench.database), try bench.deployment.state(of: copy))
        let load = try #require(calls.last { $0.contains("--archive") })
        #expect(
            load.contains("--mount=type=bind,source=") && load.contains(",readonly --entrypoint=mongorestore"),
            "\(load)")
        // Secrets pass through pipes: nothing was written down, and no pipe is left.
        #expect(!calls.joined().contains("s3cr"))
        for start in try tools.records(of: "start") { #expect(!"\(start)".contains("s3cr")) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: backupctl.state + "/pipes").isEmpty)
        let variables = try String(contentsOfFile: fixture.path("variables"), encoding: .utf8)
        #expect(variables.contains("DOCKER_HOST") && !variables.contains("BACKUPCTL_STATE_DIR"))
    }

    @Test func podmanIsAChoice() throws {
        try makeClient("podman")
        try makeJob("--image", "localhost/tools:1", "--container-runtime", "podman", "--container-network", "host")
        try backupctl.must("run", "d")
        #expect(calls.contains { $0.contains("--user=0:0") && $0.contains("localhost/tools:1") })
    }

    @Test(arguments: [
        (
            "version) echo 'Cannot connect to the daemon' >&2; exit 1 ;;",
            "does not answer: Cannot connect to the daemon"
        ),
        (
            "image) exit 1 ;; pull) echo 'manifest unknown' >&2; exit 1 ;;",
            "cannot get image 'mongo:8.0': manifest unknown"
        ),
        ("run) echo 'no such network' >&2; exit 125 ;;", "'--version' failed: no such network"),
    ]) func whatTheContainerEngineRefusesIsSaid(_ cases: String, _ words: String) throws {
        try makeClient(cases: cases)
        try makeJob()
        expectRefusal(try backupctl("run", "d"), status: 1, words)
        try backupctl.expectNothingPublished("failed")
    }

    @Test func withoutAClientItSaysWhereItLooked() throws {
        try makeJob()
        expectRefusal(try backupctl("run", "d"), status: 1, "cannot find 'docker': looked in", fixture.path("bin"))
    }

    @Test func theHostItselfIsNotReachedFromAContainer() throws {
        try makeClient()
        try makeJob("--mongo-version", "8.0")
        expectRefusal(
            try backupctl("run", "d"), status: 1, "from a container: there it is the container itself",
            hint: "--container-network host")
    }

    /// The container is no child of ours: whoever kills the client must remove it by its name.
    @Test(arguments: [SIGINT, SIGKILL]) func theContainerIsRemovedWhateverBecomesOfUs(_ signal: Int32) throws {
        try makeClient()
        try makeJob()
        try tools.behave("ignore-term")
        let run = try backupctl.start("run", "d", "--quiet")
        try bench.wait(for: "a dump that hangs") { try tools.records(of: "start").count == 3 }
        Thread.sleep(forTimeInterval: 0.3)
        let name = try #require(calls.last?.split(separator: " ").first { $0.hasPrefix("--name=") }?.dropFirst(7))
        run.process.signal(signal)
        _ = try run.wait(within: 20)
        try bench.wait(for: "the removal", within: 10) { calls.contains("rm --force \(name)") }
    }

    @Test func wrongUseIsRefusedWhenTheJobIsMade() throws {
        for wrong in [
            ["--engine", "docker"], ["--engine", "docker", "--mongo-version", "latest"],
            ["--engine", "docker", "--image", "-v/:/host"], ["--engine", "docker", "--image", "a b"],
            ["--engine", "docker", "--mongo-version", "8.0", "--image", "mongo:7.0"],
            ["--engine", "mongodump", "--mongo-version", "8.0"], ["--container-network", "host"],
            ["--engine", "docker", "--mongo-version", "8.0", "--container-runtime", "lxc"],
            ["--engine", "docker", "--mongo-version", "8.0", "--tools-dir", "/x"],
            ["--engine", "builtin", "--tools-dir", "/x"], ["--engine", "mongodump", "--extra-tool-arg", "--out=/tmp"],
            ["--engine", "builtin", "--extra-tool-arg", "--forceTableScan"], ["--query", "{"], ["--query", "{}"],
            ["--collection", "a.b", "--query", "{x:"], ["--parallel-collections", "0"], ["--read-preference", "any"],
        ] {
            let result = try backupctl.run(["job", "create", "w", "--uri", "mongodb://h/"] + wrong)
            expectRefusal(result, status: 64)
        }
        #expect(try backupctl.json("job", "list").items.isEmpty)
    }
}
