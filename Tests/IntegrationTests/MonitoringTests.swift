import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// What the daemon shows of itself over HTTP, and to whom.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct MonitoringTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }

    init() throws {
        bench = try Workbench("monitor")
        try SampleData.makeSmall(bench.database, on: bench.deployment)
    }

    /// A daemon on a port that the system chooses, and that port.
    private func start(_ arguments: String...) throws -> (daemon: RunningDaemon, port: Int) {
        let daemon = try RunningDaemon(bench, ["--listen", "127.0.0.1:0"] + arguments)
        let address = try daemon.lines().first { $0["message"].string == "listening" }?["address"].string
        return (daemon, try #require(address?.split(separator: ":").last.flatMap { Int($0) }))
    }

    private func metrics(_ port: Int, fields: [String] = []) throws -> MetricsPageText {
        let answer = try HTTPExchange("GET", "/metrics", port: port, fields: fields)
        #expect(answer.status == 200, "\(answer)")
        #expect(answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        return try MetricsPageText(answer.body)
    }

    /// A second has passed: an answer is good for that long.
    private func settled(_ port: Int) throws -> MetricsPageText {
        Thread.sleep(forTimeInterval: 1.2)
        return try metrics(port)
    }

    @Test func healthSaysYesAndNothingElse() throws {
        let (daemon, port) = try start()
        for path in ["/healthz", "/readyz"] {
            let answer = try HTTPExchange("GET", path, port: port)
            #expect(answer.status == 200 && answer.body == "ok\n", "\(answer)")
            #expect(answer.fields["cache-control"] == "no-store" && answer.fields["server"] == nil)
            let head = try HTTPExchange("HEAD", path, port: port)
            #expect(head.status == 200 && head.body.isEmpty, "\(head)")
            let post = try HTTPExchange("POST", path, port: port, fields: ["Content-Length: 3"], body: "abc")
            #expect(post.status == 405 && post.fields["allow"] == "GET, HEAD", "\(post)")
        }
        for path in ["/", "/metrics/", "/healthz/../metrics", "//metrics", "/jobs", "/%6detrics", "/healthz%00"] {
            let answer = try HTTPExchange("GET", path, port: port)
            #expect([400, 404].contains(answer.status), "\(path): \(answer)")
            #expect(!answer.body.contains("backupctl"), "\(answer)")
        }
        try daemon.stop()
        #expect(throws: (any Error).self) { try LoopbackSocket.connect(port: port) }
    }

    @Test func metricsAreWhatHappened() throws {
        let (daemon, port) = try start()
        try bench.makeJob("good")
        try backupctl.must("job", "edit", "good", "--schedule", "0 0 1 1 *", "--jitter", "1h")
        try backupctl.must("job", "create", "bad", "--uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")
        try backupctl.must("run", "good", "bad", "--detach")
        try bench.wait(for: "the runs") {
            try backupctl.json("history").items.allSatisfy { $0["finishedAt"] != .null }
        }
        let page = try settled(port)
        let snapshot = try backupctl.json("list")[0]
        #expect(
            page[#"backupctl_job_last_success_stored_bytes{job="good"}"#]
                == snapshot["storedBytes"].int.map(Double.init))
        #expect(
            page[#"backupctl_job_last_success_documents{job="good"}"#] == snapshot["documents"].int.map(Double.init))
        let time = try #require(page[#"backupctl_job_last_success_timestamp_seconds{job="good"}"#])
        #expect(abs(time - Date.now.timeIntervalSince1970) < 120)
        #expect(page[#"backupctl_job_last_success_timestamp_seconds{job="bad"}"#] == nil)
        for (job, state) in [("good", "succeeded"), ("bad", "failed")] {
            #expect(page[#"backupctl_job_runs_total{job="\#(job)",state="\#(state)"}"#] == 1)
            #expect(page[#"backupctl_job_last_run_state{job="\#(job)",state="\#(state)"}"#] == 1)
            let others = page.samples.filter {
                $0.key.hasPrefix(#"backupctl_job_last_run_state{job="\#(job)""#) && !$0.key.contains(state)
            }
            #expect(!others.isEmpty && others.values.allSatisfy { $0 == 0 })
            #expect(page[#"backupctl_job_running{job="\#(job)"}"#] == 0)
        }
        let next = try backupctl.json("status")["jobs"].items.last?["nextRun"].string
        let nextDate = try #require(next.flatMap { try? Date($0, strategy: .iso8601) })
        #expect(page[#"backupctl_job_next_run_timestamp_seconds{job="good"}"#] == nextDate.timeIntervalSince1970)
        #expect(page[#"backupctl_job_next_run_timestamp_seconds{job="bad"}"#] == nil)
        #expect(page["backupctl_jobs"] == 2 && page["backupctl_ready"] == 1 && page["backupctl_queue_length"] == 0)
        #expect((page["process_resident_memory_bytes"] ?? 0) > 1_000_000)
        #expect(page.types["backupctl_job_runs_total"] == "counter")
        try backupctl.must("job", "pause", "good")
        try bench.wait(for: "the pause") { try settled(port)[#"backupctl_job_paused{job="good"}"#] == 1 }
        #expect(try settled(port)[#"backupctl_job_next_run_timestamp_seconds{job="good"}"#] == nil)
        try daemon.stop()
    }

    @Test func whatRunsAndWhatWaitsIsCounted() throws {
        let proxy = try bench.proxy(.slow(bytesPerSecond: 2000))
        try bench.makeJob("one", uri: proxy.uri)
        try bench.makeJob("two", uri: proxy.uri)
        let (daemon, port) = try start("--max-runs", "1")
        try backupctl.must("run", "one", "two", "--detach")
        try bench.wait(for: "the run") {
            try backupctl.json("status")["jobs"][0]["active"]["state"].string == "running"
        }
        try bench.wait(for: "the metric") { try settled(port)[#"backupctl_job_running{job="one"}"#] == 1 }
        let page = try settled(port)
        #expect(page["backupctl_runs_running"] == 1 && page["backupctl_queue_length"] == 1)
        #expect(page[#"backupctl_job_running{job="two"}"#] == 0)
        try daemon.stop()
    }

    @Test func aTokenIsAskedFor() throws {
        let token = "0123456789abcdef0123456789abcdef"
        let file = try bench.fixture.write(token + "\n", to: "token")
        let (daemon, port) = try start("--token-file", file)
        for (fields, isRight) in [
            ([], false), (["Authorization: Bearer \(token)"], true), (["Authorization: bearer \(token)"], true),
            (["Authorization: Bearer \(token)0"], false), (["Authorization: Bearer \(token.dropLast())"], false),
            (["Authorization: Bearer "], false), (["Authorization: Basic \(token)"], false),
            (["Authorization: Bearer \(token.uppercased())"], false),
        ] as [([String], Bool)] {
            let answer = try HTTPExchange("GET", "/metrics", port: port, fields: fields)
            #expect(answer.status == (isRight ? 200 : 401), "\(fields): \(answer)")
            #expect(isRight || !answer.body.contains("backupctl"))
        }
        #expect(try HTTPExchange("GET", "/healthz", port: port).status == 200)
        #expect(try HTTPExchange("GET", "/readyz", port: port).status == 200)
        // A new token counts from the next SIGHUP on.
        let other = String(token.reversed())
        _ = try bench.fixture.write(other + "\n", to: "token")
        daemon.command.process.signal(SIGHUP)
        try bench.wait(for: "the new token") {
            try HTTPExchange("GET", "/metrics", port: port, fields: ["Authorization: Bearer \(other)"]).status == 200
        }
        let old = try HTTPExchange("GET", "/metrics", port: port, fields: ["Authorization: Bearer \(token)"])
        #expect(old.status == 401)
        let log = try daemon.stop()
        #expect(!log.errors.contains(token) && !log.errors.contains(other))
    }

    /// Where others can connect, the two health paths are open to them, and the figures are not.
    @Test(
        .enabled(if: FakeTools.isAvailable, "\(FakeTools.skipReason)"), arguments: ["0.0.0.0:0", "[::]:0", "[::1]:0"])
    func onEveryAddressTheTokenCounts(_ address: String) throws {
        let token = "0123456789abcdef0123456789abcdef"
        let file = try bench.fixture.write(token + "\n", to: "token")
        let daemon = try RunningDaemon(bench, ["--listen", address, "--token-file", file])
        let listening = try #require(
            try daemon.lines().first { $0["message"].string == "listening" }?["address"].string)
        let port = try #require(listening.split(separator: ":").last)
        let host = address.hasPrefix("[") ? "[::1]" : "127.0.0.1"
        let script = """
            import http.client, sys
            for path, token in (("healthz", ""), ("readyz", ""), ("metrics", ""), ("metrics", sys.argv[3])):
                connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
                connection.request("GET", "/" + path, headers={"Authorization": "Bearer " + token} if token else {})
                print(connection.getresponse().status)
            """
        let output = bench.fixture.path("statuses")
        let descriptor = open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let child = try ChildProcess(
            FakeTools.python, ["-c", script, host.filter { $0 != "[" && $0 != "]" }, String(port), token],
            environment: [:], files: .init(output: descriptor))
        #expect(child.wait(within: 60) == 0)
        #expect(try String(contentsOfFile: output, encoding: .utf8) == "200\n200\n401\n200\n")
        try daemon.stop()
    }

    /// More connections than it takes, and a request whose body has no end.
    @Test func whatIsTooMuchWaitsOrIsClosed() throws {
        let (daemon, port) = try start()
        let silent = try (0..<200).map { _ in try LoopbackSocket.connect(port: port) }
        defer { for descriptor in silent { close(descriptor) } }
        // The first ones are closed for their silence, and then there is room.
        #expect(try HTTPExchange("GET", "/healthz", port: port).status == 200)
        let endless = try LoopbackSocket.connect(port: port)
        defer { close(endless) }
        let head = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Length: 1000000000000\r\n\r\n"
        _ = send(endless, head, head.utf8.count, Int32(MSG_NOSIGNAL))
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        var sent = 0
        while sent < 64 << 20 {
            let count = send(endless, piece, piece.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { break }
            sent += count
        }
        #expect(try HTTPExchange("GET", "/readyz", port: port).status == 200)
        let memory = try #require(try metrics(port)["process_resident_memory_bytes"])
        #expect(memory < 200e6, "\(sent) bytes were sent")
        try daemon.stop()
    }

    @Test func strangersAreRefusedAtTheStart() throws {
        let readable = try bench.fixture.write("0123456789abcdef\n", to: "readable", mode: 0o644)
        let empty = try bench.fixture.write("\n", to: "empty")
        for (arguments, status) in [
            (["--listen", "0.0.0.0:0"], 64), (["--listen", "[::]:0"], 64), (["--listen", "8484"], 64),
            (["--listen", "example.org:80"], 64), (["--listen", "127.0.0.1:65536"], 64), (["--listen", ":8484"], 64),
            (["--listen", ""], 64), (["--listen", "127.0.0.1:0", "--token-file", "/nowhere"], 1),
            (["--listen", "0.0.0.0:0", "--token-file", readable], 1),
            (["--listen", "0.0.0.0:0", "--token-file", empty], 1),
        ] as [([String], Int32)] {
            let result = try backupctl.run(["daemon"] + arguments, within: 20)
            expectRefusal(result, status: status)
        }
        // A name of somebody's own that points here is not ours.
        let (daemon, port) = try start()
        let foreign = try HTTPExchange("GET", "/metrics", port: port, fields: ["Host: evil.example:\(port)"])
        #expect(foreign.status == 421, "\(foreign)")
        // The port is taken now: the second one does not start, and does nothing.
        var second = backupctl
        second.state = bench.fixture.path("second")
        second.environment["BACKUPCTL_STATE_DIR"] = second.state
        let result = try second("daemon", "--listen", "127.0.0.1:\(port)", within: 20)
        expectRefusal(
            result, status: 1, "cannot listen on '127.0.0.1:\(port)'", "address already in use", hint: "--listen")
        try daemon.stop()
    }

    @Test func aCatalogThatIsGoneMakesItNotReadyUntilItIsBack() throws {
        let (daemon, port) = try start()
        #expect(try HTTPExchange("GET", "/readyz", port: port).status == 200)
        let catalog = backupctl.state + "/catalog.sqlite"
        try FileManager.default.moveItem(atPath: catalog, toPath: catalog + ".away")
        try bench.wait(for: "503") { try HTTPExchange("GET", "/readyz", port: port).status == 503 }
        let answer = try HTTPExchange("GET", "/readyz", port: port)
        #expect(answer.body == "not ready\n" && !answer.body.contains(backupctl.state), "\(answer)")
        #expect(try HTTPExchange("GET", "/healthz", port: port).status == 200)
        try FileManager.default.moveItem(atPath: catalog + ".away", toPath: catalog)
        try bench.wait(for: "200") { try HTTPExchange("GET", "/readyz", port: port).status == 200 }
        #expect(try daemon.says("not ready") && daemon.says("ready"))
        try daemon.stop()
    }

    /// Connections that say nothing, and heads without end, cost neither the answers to others nor the daemon.
    @Test func slowAndEndlessClientsHoldNothingUp() throws {
        let (daemon, port) = try start()
        let silent = try (0..<100).map { _ in try LoopbackSocket.connect(port: port) }
        defer { for descriptor in silent { close(descriptor) } }
        #expect(try HTTPExchange("GET", "/healthz", port: port).status == 200)
        let endless = try HTTPExchange(
            "GET", "/healthz", port: port, fields: ["X: " + String(repeating: "a", count: 200_000)])
        #expect(endless.status != 200, "\(endless)")
        for wrong in ["GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET /healthz\r\n\r\n"] {
            let descriptor = try LoopbackSocket.connect(port: port)
            _ = send(descriptor, Array(wrong.utf8), wrong.utf8.count, Int32(MSG_NOSIGNAL))
            close(descriptor)
        }
        #expect(try HTTPExchange("GET", "/readyz", port: port).status == 200)
        // Those that say nothing are closed: there is an end to read.
        var wait = timeval(tv_sec: 40, tv_usec: 0)
        setsockopt(silent[0], SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var byte: UInt8 = 0
        let count = recv(silent[0], &byte, 1, 0)
        #expect(count == 0 || (count < 0 && errno == ECONNRESET))
        try daemon.stop()
    }
}
