import BackupTestSupport
import Foundation
import Testing

/// What is wrong in a command line is refused with a clear word and changes nothing: no server is needed for that.
@Suite(.enabled(if: Backupctl.isAvailable, Backupctl.skipReason))
struct CommandLineTests {
    private let fixture = Fixture()
    private let backupctl: Backupctl
    /// Nobody listens there, and nobody is to be asked.
    private static let uri = "mongodb://127.0.0.1:1/"

    init() throws {
        backupctl = Backupctl(fixture)
        try backupctl.must("job", "create", "there", "--uri", Self.uri, "--database", "shop")
    }

    private struct Refused {
        var line: [String]
        var status: Int32
        var error: [String]
        var hint: String?

        init(_ line: String..., status: Int32 = 64, error: String..., hint: String? = nil) {
            (self.line, self.status, self.error, self.hint) = (line, status, error, hint)
        }
    }

    private static let table: [Refused] = [
        Refused("run", "ordres", status: 1, error: "'ordres'", hint: "job"),
        Refused("job", "show", "ordres", status: 1, error: "'ordres'", hint: "job"),
        Refused("job", "delete", "ordres", status: 1, error: "'ordres'"),
        Refused("job", "edit", "ordres", "--database", "x", status: 1, error: "'ordres'"),
        Refused("list", "ordres", status: 1, error: "'ordres'"),
        Refused("history", "ordres", status: 1, error: "'ordres'"),
        Refused("log", "ordres", status: 1, error: "'ordres'"),
        Refused("show", "ordres@latest", status: 1, error: "'ordres'"),
        Refused("show", "there@latest", status: 1, error: "'there'", hint: "backupctl run there"),
        Refused("show", "there-2026", status: 1, error: "there-2026"),
        Refused("show", "there@yesterday", error: "there@yesterday", hint: "JOB@latest"),
        Refused("show", "there@2026-02-30", error: "2026-02-30"),
        Refused("restore", "ordres@latest", "--to", uri, status: 1, error: "'ordres'"),
        Refused("job", "create", "there", "--uri", uri, status: 1, error: "'there'", hint: "job edit there"),
        Refused("job", "create", "new", error: "no connection string", hint: "--uri-file"),
        Refused("restore", "there@latest", error: "no target", hint: "--to-file"),
        Refused("job", "create", "new", "--uri", uri, "--uri-env", "X", error: "--uri", "--uri-env"),
        Refused("restore", "there@latest", "--to", uri, "--to-env", "X", error: "--to", "--to-env"),
        Refused("job", "create", "new", "--uri", "localhost:27017", error: "mongodb://"),
        Refused("job", "create", "new", "--uri", "mongodb://", error: "URI"),
        Refused("job", "create", "new", "--uri", "mongodb://h/?tls=perhaps", error: "URI"),
        Refused("job", "create", "new", "--uri", "mongodb://user:p/ss@h/", error: "URI", hint: "%2F"),
        Refused("job", "create", "new", "--uri", "http://127.0.0.1/", error: "mongodb://"),
        Refused("job", "create", "new", "--uri", uri, "--database", "a.b", error: "'a.b'"),
        Refused("job", "create", "new", "--uri", uri, "--database", "", error: "database name"),
        Refused("job", "create", "new", "--uri", uri, "--database", "a b", error: "'a b'"),
        Refused(
            "job", "create", "new", "--uri", uri, "--collection", "orders", error: "no database", hint: "--database"),
        Refused("job", "create", "new", "--uri", uri, "--include", "shop.$x", error: "shop.$x"),
        Refused("job", "create", "new", "--uri", uri, "--include", "", error: "pattern"),
        Refused("job", "create", "new", "--uri", uri, "--timeout", "soon", error: "soon"),
        Refused("job", "create", "new", "--uri", uri, "--timeout", "-5s", error: "timeout"),
        Refused("job", "create", "new", "--uri", uri, "--timeout", "9999999999999999999d", error: "99999"),
        Refused("job", "create", "new", "--uri", uri, "--engine", "magic", error: "magic"),
        Refused("job", "create", "new", "--uri", uri, "--collection", "a.b", "--with-users", error: "users"),
        Refused("job", "edit", "there", "--clear-include", "--include", "a.*", error: "--clear-include"),
        Refused("restore", "x.gz", "--to", uri, "--ns-from", "a.*", error: "--ns-from"),
        Refused("restore", "x.gz", "--to", uri, "--ns-from", "a.*", "--ns-to", "b.*.*", error: "a.*"),
        Refused("restore", "x.gz", "--to", uri, "--ns-from", "$a.*", "--ns-to", "b.*", error: "$a.*"),
        Refused("restore", "x.gz", "--to", uri, "--ns-from", "$a$.x", "--ns-to", "$b$.x", error: "$b$"),
        Refused("restore", "x.gz", "--to", uri, "--rename", "shop", error: "shop"),
        Refused("restore", "x.gz", "--to", uri, "--rename", "=shop", error: "=shop"),
        Refused("restore", "x.gz", "--to", uri, "--rename", "shop=a.b", error: "shop"),
        Refused("restore", "x.gz", "--to", uri, "--ns-include", "$x$.*", error: "$x$.*"),
        Refused("restore", "x.gz", "--to", uri, "--existing", "replace", error: "replace"),
        Refused("show", "/no/such/file.gz", status: 1, error: "/no/such/file.gz"),
        Refused("show", "/", status: 1, error: "'/'"),
        Refused("job", "create", "new", "--uri", uri, "--keep-last", "0", error: "keeps nothing"),
        Refused("job", "create", "new", "--uri", uri, "--keep-daily=-1", error: "keepDaily", "below zero"),
        Refused("job", "create", "new", "--uri", uri, "--keep-daily", "many", error: "many"),
        Refused("job", "create", "new", "--uri", uri, "--keep-within", "1w", error: "1w"),
        Refused("job", "create", "new", "--uri", uri, "--keep-dayly", "7", error: "--keep-dayly"),
        Refused("job", "create", "new", "--uri", uri, "--time-zone", "GMT+5", error: "GMT+5", hint: "Europe/Warsaw"),
        Refused("job", "edit", "there", "--no-retention", "--keep-last", "1", error: "--no-retention"),
        Refused("prune", "there", status: 1, error: "no retention policy", hint: "--keep-daily"),
        Refused("prune", "ordres", status: 1, error: "'ordres'"),
        Refused("prune", "--accept-anomaly", error: "--accept-anomaly"),
        Refused("prune", "there", "--max-share", "0", error: "--max-share"),
        Refused("prune", "there", "--max-share", "101", error: "--max-share"),
        Refused("prune", "--history-older-than", "long", error: "long"),
        Refused("delete", "there@latest", "--yes", status: 1, error: "'there'"),
        Refused("pin", "there@latest", error: "--reason"),
        Refused("pin", "there@latest", "--reason", "x", "--until", "soon", error: "soon"),
        Refused("retention", "plan", error: "--policy-json"),
        Refused("retention", "plan", "--batch", "x", "--snapshots", "y", error: "--batch"),
        Refused("retention", "plan", "--batch", "/no/such/file", error: "/no/such/file"),
        Refused("history", "--limit", "-1", error: "--limit"),
        Refused("history", "--limit", "many", error: "many"),
        Refused("list", "--quiet", "--verbose", error: "--quiet", "--verbose"),
        Refused("--quiet", "list", "--verbose", error: "--quiet", "--verbose"),
        Refused("list", "--state-dir", "", error: "--state-dir"),
        Refused("list", "--colour", error: "--colour"),
        Refused("frobnicate", error: "frobnicate"),
        Refused("job", "frobnicate", error: "frobnicate"),
        Refused("job", "create", "--uri", uri, error: "name"),
        Refused("run", error: "job"),
        Refused("list", "a", "b", error: "b"),
        Refused("job", "create", "new", "--uri", error: "--uri"),
    ]

    @Test func refusalsSayWhyAndChangeNothing() throws {
        let before = try backupctl.snapshot()
        for line in Self.table {
            let result = try backupctl.run(line.line, within: 20)
            expectRefusal(result, status: line.status, hint: line.hint)
            for part in line.error { #expect(result.error.contains(part), "\(result)") }
            #expect(result.output == "", "\(result)")
            #expect(backupctl.files(in: backupctl.state) == before.files, "\(result)")
        }
        #expect(try backupctl.snapshot() == before)
    }

    private static let badNames = [
        "", ".", "..", "../x", "../../etc/x", "/etc/x", "a/b", "a/../b", ".x", "-x", "_x", "Shop", "a b", "a\n",
        "a\u{1B}[2J",
        "a\\b", "ä", "a*", "~", "$HOME", "a;b", "secrets/../x", String(repeating: "a", count: 65), "🦊", "..%2f",
    ]

    /// Whatever is typed as a job's name never becomes a path.
    @Test func namesOfJobsAreSafe() throws {
        let before = try backupctl.snapshot()
        for name in Self.badNames {
            // After '--' a word is no option, whatever it begins with.
            for command in [["job", "create", "--uri", Self.uri, "--", name], ["run", "--", name]] {
                let result = try backupctl.run(command, within: 20)
                expectRefusal(result, status: 64)
                #expect(!result.errors.contains("\u{1B}"))
            }
        }
        #expect(try backupctl.snapshot() == before)
    }

    @Test func everyNameOfTheFormIsTaken() throws {
        let names = ["0", "a", "a..b", "a.b-c_d", String(repeating: "z", count: 64)]
        for name in names { try backupctl.must("job", "create", name, "--uri", Self.uri) }
        #expect(
            try backupctl.json("job", "list").items.compactMap { $0["name"].string } == (names + ["there"]).sorted())
    }

    @Test func aConnectionFileMustBePrivateAndHoldAURI() throws {
        let open = try fixture.write(Self.uri, to: "open.uri", mode: 0o644)
        let group = try fixture.write(Self.uri, to: "group.uri", mode: 0o640)
        let empty = try fixture.write("", to: "empty.uri")
        let blank = try fixture.write("\n\n  \n", to: "blank.uri")
        let foreign = try fixture.write("postgres://h/", to: "foreign.uri")
        let huge = try fixture.write(String(repeating: "x", count: 100_000), to: "huge.uri")
        let pipe = fixture.path("pipe.uri")
        #expect(mkfifo(pipe, 0o600) == 0)
        let cases: [(String, Int32, String)] = [
            (open, 1, "others"), (group, 1, "others"), (empty, 1, "empty"), (blank, 1, "empty"),
            (foreign, 64, "mongodb://"),
            (huge, 1, "64 KiB"), (pipe, 1, "regular file"), (fixture.folder.path, 1, "regular file"),
            (fixture.path("none.uri"), 1, "none.uri"), ("", 1, "URI file"),
        ]
        let before = try backupctl.snapshot()
        for (path, status, reason) in cases {
            let create = try backupctl("job", "create", "new", "--uri-file", path, within: 20)
            expectRefusal(create, status: status, reason)
            let restore = try backupctl("restore", "there@latest", "--to-file", path, within: 20)
            expectRefusal(restore, status: status, reason)
        }
        #expect(try backupctl("job", "create", "new", "--uri-file", open).hint.contains("chmod 600 \(open)"))
        #expect(try backupctl.snapshot() == before)
    }

    @Test func anEnvironmentVariableIsReadWhenItIsNeeded() throws {
        try backupctl.must("job", "create", "env", "--uri-env", "NOT_SET_YET")
        expectRefusal(try backupctl("run", "env"), status: 1, "'NOT_SET_YET'", "not set")
        #expect(try backupctl.newestRun()["error"]["code"].string == "secret-unavailable")
        let before = try backupctl.snapshot()
        expectRefusal(try backupctl("restore", "there@latest", "--to-env", "NOT_SET_YET"), status: 1, "'NOT_SET_YET'")
        for name in ["", "A=B", "mongodb://user:pw@h/"] {
            let result = try backupctl("job", "create", "new", "--uri-env", name)
            expectRefusal(result, status: 64)
            #expect(!result.errors.contains("pw@"))
        }
        #expect(try backupctl.snapshot() == before)
    }

    @Test func aURIWithoutAPasswordIsNoSecret() throws {
        let uris = [
            "mongodb://h", "mongodb://h/", "mongodb://h1,h2:27018/?replicaSet=rs0", "mongodb://user@h/shop",
            "mongodb+srv://cluster.example.com/", "mongodb://h/?readPreference=secondary",
        ]
        for (number, uri) in uris.enumerated() {
            let result = try backupctl("job", "create", "j\(number)", "--uri", uri)
            #expect(result.status == 0 && result.errors == "", "\(result)")
            #expect(try backupctl.json("job", "show", "j\(number)")["source"]["uri"].string == uri)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: backupctl.state + "/secrets") == [])
    }

    @Test func noCommandAtAllShowsTheCommands() throws {
        let result = try backupctl()
        #expect(result.status == 0 || result.status == 64, "\(result)")
        #expect((result.output + result.errors).contains("restore"))
    }
}
