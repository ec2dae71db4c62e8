import Testing

@testable import BackupEngines

/// Lines of the real tools, of several versions.
struct ToolLineTests {
    static let time = "2026-11-22T20:40:31.575+0000\t"

    static let known: [(String, ToolLine)] = [
        (time + "done dumping `shop.orders` (400 documents)", .dumped("shop.orders", documents: 400)),
        (time + "done dumping `shop.orders` (1 document)", .dumped("shop.orders", documents: 1)),
        (time + "done dumping shop.orders (5 documents)", .dumped("shop.orders", documents: 5)),
        (time + #"done dumping "db.new\nline\x60é" (2 documents)"#, .dumped("db.new\nline`é", documents: 2)),
        (
            time + "done dumping `db.with (3 documents) inside` (2 documents)",
            .dumped("db.with (3 documents) inside", documents: 2)
        ),
        (time + "writing `shop.orders` to `archive on stdout`", .began("shop.orders")),
        (time + "writing shop.orders to archive on stdout", .began("shop.orders")),
        (time + "restoring `shop.orders` from `archive on stdin`", .began("shop.orders")),
        (
            time + "[######..................]  sg.c1  1674/6000  (27.9%)",
            .dumpProgress("sg.c1", done: 1674, total: 6000)
        ),
        (time + "[........................]  sg.a b  0/6000  (0.0%)", .dumpProgress("sg.a b", done: 0, total: 6000)),
        (time + "\tdumped 125 oplog entries", .oplogDumped(entries: 125)),
        (time + "\tdumped 1 oplog entry", .oplogDumped(entries: 1)),
        (time + "applied 122 oplog entries", .oplogApplied(entries: 122)),
        (
            time + "finished restoring `shop.orders` (5 documents, 2 failures)",
            .restored("shop.orders", documents: 5, failures: 2)
        ),
        (
            time + "finished restoring `shop.orders` (1 document, 1 failure)",
            .restored("shop.orders", documents: 1, failures: 1)
        ),
        (time + "finished restoring shop.orders (5 documents)", .restored("shop.orders", documents: 5, failures: 0)),
        (
            time + "20550 document(s) restored successfully. 7 document(s) failed to restore.",
            .restoredInAll(documents: 20550, failures: 7)
        ),
        (time + "continuing through error: E11000 duplicate key", .goesOn("E11000 duplicate key")),
        (time + "Failed: cannot reach it", .failed("cannot reach it")),
        (
            time + "error parsing command line options: unknown flag `x'",
            .failed("error parsing command line options: unknown flag `x'")
        ),
        (
            time + "WARNING: ignoring unsupported URI parameter `foo`",
            .warning("ignoring unsupported URI parameter `foo`")
        ),
        (time, .empty), ("", .empty),
        (time + "preparing collections to restore from", .other("preparing collections to restore from")),
        ("try 'mongodump --help' for more information", .other("try 'mongodump --help' for more information")),
        // Not what they look like.
        (time + "done dumping `shop.orders` (many documents)", .other("done dumping `shop.orders` (many documents)")),
        (
            time + "done dumping `shop.orders` (99999999999999999999 documents)",
            .other("done dumping `shop.orders` (99999999999999999999 documents)")
        ),
        (time + "writing captured oplog to ``", .other("writing captured oplog to ``")),
        (
            time + "restoring indexes for collection `a.b` from metadata",
            .other("restoring indexes for collection `a.b` from metadata")
        ),
    ]

    @Test(arguments: known) func aLineSaysWhatItSays(_ line: String, _ expected: ToolLine) {
        #expect(ToolLine(line) == expected)
        // What is passed over without a look must say nothing.
        var line = line
        let isPassedOver = line.withUTF8 { !ToolLine.maySayMore(UnsafeRawBufferPointer($0)) }
        switch expected {
        case .empty, .other: break
        default: #expect(!isPassedOver)
        }
    }

    @Test func noTextMakesItTrap() {
        var generator = SystemRandomNumberGenerator()
        let pieces = Self.known.map { Array($0.0.utf8) }
        for _ in 0..<20_000 {
            var bytes = pieces.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                if Bool.random(using: &generator) {
                    bytes[place] = UInt8.random(in: 0...255, using: &generator)
                } else {
                    bytes.removeSubrange(place...)
                }
            }
            _ = ToolLine(String(decoding: bytes, as: UTF8.self))
            _ = bytes.withUnsafeBytes { ToolLine.maySayMore($0) }
        }
    }

    @Test func linesAreCutWhateverTheirLength() {
        var reader = LineReader()
        var lines: [String] = []
        let take = { (line: UnsafeRawBufferPointer) in lines.append(String(decoding: line, as: UTF8.self)) }
        let long = String(repeating: "x", count: 3 * LineReader.limit)
        for piece in ["a\nb", "c\n\n", long, long + "\n", "end"] {
            var piece = piece
            piece.withUTF8 { reader.feed(UnsafeRawBufferPointer($0), take) }
        }
        reader.finish(take)
        #expect(lines.count == 5 && lines[0] == "a" && lines[1] == "bc" && lines[2].isEmpty && lines[4] == "end")
        #expect(lines[3].hasPrefix("xxx") && lines[3].hasSuffix("...") && lines[3].count == LineReader.limit + 3)
    }
}

struct ToolVersionTests {
    @Test(arguments: [
        ("mongodump version: 100.18.0\ngit version: abc\n", "100.18.0"), ("mongodump version: r4.2.25\n", "r4.2.25"),
        ("mongorestore version: 100.5.4-rc0", "100.5.4-rc0"),
        ("warning: AVX\nmongodump version: r3.6.23\n", "r3.6.23"),
    ]) func theVersionIsRead(_ text: String, _ version: String) {
        #expect(ToolVersion(printed: text)?.text == version)
    }

    @Test(arguments: ["", "hello", "mongodump version: latest", "version:", "mongodump version: -1.2", "version: 1"])
    func noVersionIsNoVersion(_ text: String) {
        #expect(ToolVersion(printed: text) == nil)
    }

    @Test(
        arguments: [
            ("100.18.0", "6.0.5", []), ("100.18.0", "8.3.0", []), ("100.12.1", "6.0.5", ["newline"]),
            ("100.9.0", "8.0.4", ["newline", "100.10.0 is the first"]),
            ("100.15.0", "8.3.1", ["100.16.0 is the first"]),
            ("r3.6.23", "6.0.5", ["newline", "from before 4.2"]), ("100.3.1", "5.0.9", ["newline", "time series"]),
            ("r4.2.25", "4.2.0", ["newline"]), ("100.20.0", "4.0.28", ["before 4.2"]),
        ] as [(String, String, [String])])
    func aToolThatDoesNotFitIsAWarning(_ tool: String, _ server: String, _ expected: [String]) throws {
        let version = try #require(ToolVersion(tool))
        let warnings = version.warnings(server: ServerDescription(version: server, topology: .replicaSet, host: "h"))
        #expect(warnings.count == expected.count, "\(warnings)")
        for (warning, part) in zip(warnings, expected) { #expect(warning.contains(part)) }
    }
}
