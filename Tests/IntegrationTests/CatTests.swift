import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// `cat` and `show --documents`, as somebody at a shell has them.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct CatTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var fixture: Fixture { bench.fixture }
    private var database: String { bench.database }

    init() throws {
        bench = try Workbench("cat")
        try SampleData.makeSmall(database, on: bench.deployment)
        try bench.makeJob("c")
        try backupctl.must("run", "c")
    }

    /// A line of bash with the program in it as `$0`.
    private func shell(_ script: String, _ arguments: String...) throws -> CommandResult {
        try RunningCommand(
            "/bin/bash", ["-c", script, Backupctl.binary ?? ""] + arguments, environment: backupctl.environment,
            in: fixture
        ).wait()
    }

    private func file() throws -> String { try #require(try backupctl.json("list")[0]["file"].string) }

    /// The real tool where it is, else the stand-in, which reads with a parser of its own.
    @Test(
        .enabled(if: FakeTools.isAvailable || RealTools.folder != nil, "\(FakeTools.skipReason)"),
        arguments: [true, false])
    func mongorestoreReadsIt(isWhole: Bool) throws {
        let tools = try FakeTools(in: fixture)
        let before = try bench.deployment.state(of: database)
        try bench.deployment.dropDatabase(database)
        let part = isWhole ? "" : " --ns-include '*.orders'"
        let result = try shell(
            "set -o pipefail; \"$0\" cat c@latest --quiet\(part) | \"$1\" --uri=\"$2\" --archive",
            RealTools.folder.map { "\($0)/mongorestore" } ?? tools.mongorestore, bench.server.uri)
        #expect(result.status == 0, "\(result)")
        expectEqual(isWhole ? before : before.filter { $0.key == "orders" }, try bench.deployment.state(of: database))
    }

    @Test func allWaysToNameAnArchiveGiveTheSameBytes() throws {
        let file = try file()
        let copy = fixture.path("elsewhere.gz")
        let result = try shell(
            """
            set -e
            "$0" cat c@latest --quiet >"$2.1" 2>"$2.errors"; "$0" cat "$1" --quiet >"$2.2" 2>>"$2.errors"
            cp "$1" "$2"; "$0" cat "$2" >"$2.3" --quiet 2>>"$2.errors"; gzip -dc "$1" >"$2.4"
            "$0" cat "$2.4" --quiet >"$2.5" 2>>"$2.errors"
            for n in 1 2 3 5; do cmp "$2.$n" "$2.4"; done
            test ! -s "$2.errors"
            "$0" cat "$2" --ns-include '*.users' >"$2.6"; "$0" cat c@latest --nsInclude '*.users' >"$2.7"; cmp "$2.6" "$2.7"
            """, file, copy)
        #expect(result.status == 0, "\(result)")
        let part = try backupctl.json("show", copy + ".6")
        #expect(part["namespaces"].items.map { $0["namespace"].string } == ["\(database).users"])
        #expect(part["documents"].int == 100)
    }

    /// What real tools wrote: interleaved, with users, time series, views, GridFS.
    @Test(arguments: [
        "01c-interleaved", "02-many", "03-features", "04b-users-cluster", "05-gridfs", "06-oplog",
        "07-empty-collections",
    ])
    func partsOfForeignArchivesAreWhatTheyWere(name: String) throws {
        let path = GoldenArchives.path("\(name).archive.gz")
        let whole = try backupctl.json("show", path)["namespaces"].items
        for entry in whole.filter({ $0["type"].string != "" }).prefix(4) {
            let name = try #require(entry["namespace"].string)
            let out = fixture.path("part")
            let pattern = name.replacing("\\", with: "\\\\").replacing("*", with: "\\*")
            guard !name.contains("$") else { continue }
            let result = try shell(#""$0" cat "$1" --ns-include "$2" >"$3""#, path, pattern, out)
            #expect(result.status == 0, "\(result)")
            let part = try backupctl.json("show", out)["namespaces"].items
            #expect(part.contains(entry), "\(name)")
            // Users and roles go together.
            #expect(part.count == 1 || name.hasPrefix("admin.system."), "\(part)")
        }
    }

    @Test func anArchiveIsNotWrittenToATerminal() throws {
        let terminal = try PseudoTerminal()
        let child = try bench.start(on: terminal, ["cat", "c@latest"])
        #expect(child.wait(within: 30) == 1)
        #expect(terminal.waitFor("refusing to write an archive to a terminal"))
        #expect(terminal.waitFor("hint: send it to a file or a program"))
    }

    @Test func whenNobodyReadsItEndsAsAFilter() throws {
        // More than a pipe holds, so that the end of the reader is noticed.
        try bench.deployment.dropDatabase(database)
        try SampleData.makeLarge(database, mebibytes: 3, on: bench.deployment)
        try backupctl.must("run", "c")
        let gone = try shell(#""$0" cat c@latest | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}"#)
        #expect(gone.status == 141 && gone.errors == "", "\(gone)")
        let closed = try shell(#""$0" cat c@latest >&-"#)
        expectRefusal(closed, status: 1, "cannot write to standard output: bad file descriptor")
        let full = try shell(#""$0" cat c@latest >/dev/full"#)
        expectRefusal(full, status: 1, "cannot write to standard output: no space left on device")
        // Nothing of it went into a file of ours.
        #expect(try backupctl.json("catalog", "check")["sound"].bool == true)
        #expect(try backupctl("cat", "c@latest", "--quiet").status == 0)
    }

    @Test func whatIsWrongIsSaid() throws {
        expectRefusal(try backupctl("cat", "c@latest", "--ns-include", "none.*"), status: 1, "matches nothing")
        expectRefusal(try backupctl("cat", "c@latest", "--json"), status: 64, "--json")
        expectRefusal(try backupctl("cat", "none@latest"), status: 1, "'none'")
        expectRefusal(try backupctl("cat", "c@latest", "--ns-include", "$x"), status: 64)
        let path = try file()
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: try handle.seekToEnd() - 30)
        try handle.write(contentsOf: Data([0x55, 0xAA]))
        try handle.close()
        let result = try shell(#""$0" cat "$1" >"$2""#, path, fixture.path("out"))
        expectRefusal(result, status: 1, "gzip data at byte 0")
        expectRefusal(try backupctl("show", fixture.path("out") + ""), status: 1)
        // By its name it is the snapshot that is damaged, and it is no good one from then on.
        expectRefusal(try backupctl("cat", "c@latest", "--quiet"), status: 1)
        #expect(try backupctl.json("list")[0]["state"].string == "damaged")
    }

    @Test func firstDocumentsAreShown() throws {
        let shown = try backupctl.json("show", "c@latest", "--documents", "2")
        expectShape(shown, ["id": .string, "file": .string, "namespaces": .array])
        #expect(shown["file"].string == (try file()))
        for namespace in shown["namespaces"].items {
            expectShape(namespace, ["namespace": .string, "type": .string, "count": .int, "documents": .array])
        }
        #expect(
            shown["namespaces"].items.map { $0["namespace"].string } == ["\(database).orders", "\(database).users"])
        #expect(shown["namespaces"].items.map { $0["count"].int } == [200, 100])
        let first = shown["namespaces"][0]["documents"]
        #expect(first.items.count == 2 && first[1]["_id"].int == 1 && first[1]["number"].int == 1_000_003)
        #expect(first[0]["at"]["$date"].string == "2023-11-14T22:13:20Z")

        let text = try backupctl("show", "c@latest", "--documents", "1", "--canonical", "--ns-include", "*.users")
        let lines = text.output.split(separator: "\n")
        #expect(lines.count == 2 && lines.first == "\(database).users: 1 of 100 documents", "\(text)")
        #expect(try JSON(String(lines[1]))["number"]["$numberLong"].string == "0")

        let copy = fixture.path("copy.gz")
        try FileManager.default.copyItem(atPath: file(), toPath: copy)
        let unknown = try backupctl.json("show", copy, "--documents", "1", "--ns-exclude", "*.users")
        #expect(unknown["id"] == .null && unknown["namespaces"].items.count == 1)
        #expect(unknown["namespaces"][0]["count"] == .null && unknown["namespaces"][0]["documents"][0]["_id"].int == 0)

        for wrong in [
            ["--documents", "0"], ["--documents", "-1"], ["--documents", "x"], ["--ns-include", "*"], ["--canonical"],
        ] { expectRefusal(try backupctl.run(["show", "c@latest"] + wrong), status: 64) }
        expectRefusal(
            try backupctl("show", "c@latest", "--documents", "1", "--ns-include", "none", "--json"), status: 1,
            "matches nothing")
    }

    @Test func whatIsShownCannotSteerATerminal() throws {
        let odd = "\u{1B}[31m \u{9B}31m \u{202E} \u{2028} \u{7F} é 🦊"
        try bench.deployment.insert([["_id": 1, "text": .string(odd)]], into: database, "odd")
        try backupctl.must("run", "c")
        let shown = try backupctl("show", "c@latest", "--documents", "1", "--ns-include", "*.odd")
        let line = try #require(shown.output.split(separator: "\n").last)
        #expect(!line.unicodeScalars.contains { "\u{1B}\u{9B}\u{202E}\u{2028}\u{7F}".unicodeScalars.contains($0) })
        #expect(line.contains("é 🦊"))
        #expect(try JSON(String(line))["text"].string == odd)
    }
}
