import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// A password goes to the server and to `secrets/`, and nowhere else.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct SecretTests {
    private let fixture = Fixture()
    private let server: TestServer
    private var backupctl: Backupctl
    private static let canary = "CANARY-9f3a"
    /// What must be written as %40 and so on; the beginning is found in either form.
    private static let password = "CANARY-9f3a@:/%?"

    init() throws {
        server = try TestServer.guarded.get()
        backupctl = Backupctl(fixture)
    }

    private func expectSilence(_ result: CommandResult, sourceLocation: SourceLocation = #_sourceLocation) {
        for text in [result.output, result.errors] {
            #expect(!text.contains(Self.canary), "\(result)", sourceLocation: sourceLocation)
        }
    }

    /// Every byte of every file, but for those that are there to keep it.
    private func expectSilenceOnDisk(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let needle = Data(Self.canary.utf8)
        var seen = 0
        for path in FileManager.default.enumerator(atPath: backupctl.state)?.compactMap({ $0 as? String }) ?? [] {
            let url = URL(filePath: backupctl.state + "/" + path)
            guard !path.hasPrefix("secrets/"), let data = try? Data(contentsOf: url) else { continue }
            seen += 1
            #expect(data.range(of: needle) == nil, "\(path)", sourceLocation: sourceLocation)
        }
        #expect(seen > 1, sourceLocation: sourceLocation)
    }

    private var uris: [String] {
        get throws {
            let password = Self.password.uriEncoded
            let away = try LoopbackSocket.freePort()
            return [
                server.uri(user: "nobody", password: Self.password),
                "mongodb://nobody:\(password)@127.0.0.1:\(away)/shop?serverSelectionTimeoutMS=300",
                "mongodb://nobody:\(password)@127.0.0.1:\(server.port)/?authMechanism=PLAIN&authSource=$external",
                "mongodb://nobody:\(password)@no-such-host.invalid/?serverSelectionTimeoutMS=300",
                "mongodb+srv://nobody:\(password)@no-such-host.invalid/?serverSelectionTimeoutMS=300",
                "mongodb://127.0.0.1:\(server.port)/?tls=true&tlsCertificateKeyFile=/none&tlsCertificateKeyFilePassword=\(password)"
                    + "&serverSelectionTimeoutMS=300",
            ]
        }
    }

    @Test(arguments: ["uri", "uri-file", "uri-env"])
    func noErrorOfTheServerShowsIt(form: String) throws {
        var backupctl = backupctl
        for (number, uri) in try uris.enumerated() {
            let file = try fixture.write(uri, to: "\(number).uri")
            backupctl.environment["SECRET_URI"] = uri
            let value = ["uri": uri, "uri-file": file, "uri-env": "SECRET_URI"][form] ?? ""
            let job = "job\(number)"
            let create = try backupctl("job", "create", job, "--\(form)", value, "--database", "shop")
            expectSilence(create)
            let target = form.replacingOccurrences(of: "uri", with: "to")
            let archive = GoldenArchives.path("10-base.archive")
            for command in [
                ["run", job, "--json"], ["restore", archive, "--\(target)", value, "--json"],
                ["restore", archive, "--\(target)", value, "--dry-run"], ["job", "show", job, "--json"],
                ["job", "list"], ["history", "--json"], ["log", job],
                ["job", "edit", job, "--\(form)", value, "--verbose"],
            ] {
                let result = try backupctl.run(command, within: 60)
                if command[0] == "run" || command[0] == "restore" { #expect(result.status != 0, "\(result)") }
                expectSilence(result)
            }
        }
        try expectSilenceOnDisk()
    }

    /// The driver's own words quote what it could not read.
    @Test func noErrorAboutTheURIItselfShowsIt() throws {
        let bad = [
            "mongodb://user:\(Self.canary)", "mongodb://user:\(Self.canary)@", "mongodb://user:\(Self.canary)/x@host",
            "mongodb://user:\(Self.canary)%zz@host/", "mongodb://user:\(Self.canary)@host:port/",
            "mongodb://user:\(Self.canary)@host/?tls=\(Self.canary)", "mongodb:user:\(Self.canary)@host",
            "postgres://user:\(Self.canary)@host/", "user:\(Self.canary)@host",
            "mongodb://user:a@\(Self.canary)@host:x/",
            "mongodb+srv://user:\(Self.canary)@host:27017/",
            "mongodb+srv://user:\(Self.canary)@a.example.com,b.example.com/",
            "mongodb://user:\(Self.canary)@host/?authSource",
            "mongodb://user:\(Self.canary)@host/?authMechanism=NONE", "MONGODB://user:\(Self.canary)@host/",
            " mongodb://user:\(Self.canary)@host/", "\"mongodb://user:\(Self.canary)@host/\"",
        ]
        var backupctl = backupctl
        for (number, uri) in bad.enumerated() {
            let file = try fixture.write(uri, to: "bad\(number).uri")
            backupctl.environment["SECRET_URI"] = uri
            for (option, value) in [("uri", uri), ("uri-file", file), ("uri-env", "SECRET_URI")] {
                let create = try backupctl("job", "create", "bad\(number)", "--\(option)", value)
                expectSilence(create)
                if create.status == 0 { expectSilence(try backupctl("run", "bad\(number)", within: 60)) }
                let target = option.replacingOccurrences(of: "uri", with: "to")
                expectSilence(try backupctl("restore", "none@latest", "--\(target)", value, within: 60))
            }
        }
        for command in [["job", "list"], ["history"], ["job", "list", "--json"]] {
            expectSilence(try backupctl.run(command))
        }
        // Typed in the wrong place.
        let uri = "mongodb://user:\(Self.canary)@host/"
        for line in [
            ["run", uri], ["list", uri], ["show", uri], ["--to", uri], ["job", "create", uri, "--uri", uri],
        ] {
            _ = try backupctl.run(line)
        }
        try expectSilenceOnDisk()
    }

    @Test func aGoodPasswordIsKeptInSecretsOnly() throws {
        let database = SampleData.databaseName("secret")
        let deployment = try server.deployment()
        try SampleData.makeSmall(database, on: deployment)
        try deployment.perform(
            "admin",
            [
                "createUser": "canary", "pwd": .string(Self.password),
                "roles": [["role": "readWrite", "db": .string(database)]],
            ])
        fixture.onEnd { [server] in
            guard let deployment = try? server.deployment() else { return }
            try? deployment.perform("admin", ["dropUser": "canary"])
            try? deployment.dropDatabase(database)
        }
        let uri = server.uri(user: "canary", password: Self.password)
        expectSilence(try backupctl("job", "create", "good", "--uri", uri, "--database", database))
        let secret = backupctl.state + "/secrets/good"
        #expect(try String(contentsOfFile: secret, encoding: .utf8).contains(uri))
        expectSilence(try backupctl.must("run", "good"))
        for command in [
            ["job", "list"], ["job", "show", "good"], ["list", "--json"], ["show", "good@latest"], ["log", "good"],
        ] {
            expectSilence(try backupctl.run(command))
        }
        let shown = try #require(try backupctl.json("job", "show", "good")["source"]["uri"].string)
        #expect(shown.hasPrefix("mongodb://canary:***@127.0.0.1:\(server.port)/"))
        expectSilence(
            try backupctl("restore", "good@latest", "--to", uri, "--existing", "drop", "--yes"))
        try expectSilenceOnDisk()
        // With the job its secret goes.
        try backupctl.must("job", "delete", "good")
        #expect(!FileManager.default.fileExists(atPath: secret))
    }

    @Test func aListingOfProcessesDoesNotShowIt() throws {
        let silent = try FaultyProxy(to: server.port, .silent)
        fixture.onEnd { silent.stop() }
        let uri = "mongodb://nobody:\(Self.password.uriEncoded)@127.0.0.1:\(silent.port)/?directConnection=true"
        let archive = GoldenArchives.path("10-base.archive")
        for arguments in [["restore", archive, "--to", uri], ["restore", archive, "--to=\(uri)"]] {
            let restore = try backupctl.start(arguments)
            Thread.sleep(forTimeInterval: 1)
            let line = try Data(contentsOf: URL(filePath: "/proc/\(restore.process.processID)/cmdline"))
            #expect(line.range(of: Data("restore".utf8)) != nil)
            #expect(line.range(of: Data(Self.canary.utf8)) == nil)
            restore.process.signal(SIGINT)
            expectSilence(try restore.wait(within: 30))
        }
    }
}
