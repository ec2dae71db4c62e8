import BackupModel
import BackupOperations
import Foundation
import Synchronization
import Testing

@testable import BackupCommands

/// Columns, numbers and values as people and scripts see them.
@Suite struct TableTests {
    private func lines(_ cells: [[String]], _ right: Set<Int> = []) -> [String] {
        var table = Table((cells.first ?? []).indices.map { ("C\($0)", right.contains($0) ? .right : .left) })
        for row in cells { table.add(row) }
        return table.text.components(separatedBy: "\n")
    }

    @Test func columnsAreAsWideAsTheirWidestCell() {
        #expect(lines([["a", "b"], ["longer", "c"]]) == ["C0      C1", "a       b", "longer  c"])
    }

    @Test func numbersStandToTheRight() {
        #expect(lines([["x", "1"], ["y", "1,000"]], [1]) == ["C0     C1", "x       1", "y   1,000"])
    }

    @Test func nothingTrails() {
        #expect(lines([["a", ""], ["b", ""]]) == ["C0  C1", "a", "b"])
    }

    /// A cell from outside must not make a line of its own, nor steer the terminal.
    @Test func aCellStaysOnItsLine() {
        for cell in ["a\nb", "a\r\nb", "a\tb", "\u{1B}[31mred", "a\u{202E}b", "a\u{2028}b", "\u{7}"] {
            let lines = lines([[cell, "x"]])
            #expect(lines.count == 2, "\(cell.debugDescription)")
            #expect(lines[1].contains("\\u{"), "\(cell.debugDescription)")
            #expect(!lines[1].unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E || $0.value == 0x2028 })
        }
    }

    @Test(arguments: [
        ("日本", "日本  x"), ("🎉", "🎉    x"), ("é", "é     x"), ("e\u{301}", "e\u{301}     x"), ("👩‍👩‍👧", "👩‍👩‍👧    x"),
    ])
    func wideLettersTakeTwoColumns(cell: String, line: String) {
        #expect(lines([[cell, "x"], ["abcd", "y"]])[1] == line)
    }

    @Test func detailsAreAligned() {
        #expect(Details.text([("a", "1"), ("longer", "2\n3")]) == "a       1\nlonger  2\\u{a}3")
        #expect(Details.text([]) == "")
    }
}

@Suite struct FormatTests {
    @Test(arguments: [
        (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10_240, "10 KiB"),
        (1_048_576, "1.0 MiB"), (1_503_238_554, "1.4 GiB"), (1 << 40, "1.0 TiB"), (1 << 50, "1.0 PiB"), (-1, "-1 B"),
        (Int64.min, "-9223372036854775808 B"), (Int64.max, "8.0 EiB"),
    ])
    func bytes(count: Int64, text: String) {
        #expect(Format.bytes(count) == text)
    }

    /// Rounding must not make `1024 KiB` or `10.0 MiB` of what is written in the next form.
    @Test(arguments: [(1_048_575, "1.0 MiB"), (10_239, "10 KiB"), (1_073_741_823, "1.0 GiB")])
    func roundingGoesOnToTheNextUnit(count: Int64, text: String) {
        #expect(Format.bytes(count) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1, "-1"), (-1000, "-1,000"),
        (Int64.min, "-9,223,372,036,854,775,808"), (Int64.max, "9,223,372,036,854,775,807"),
    ])
    func counts(number: Int64, text: String) {
        #expect(Format.count(number) == text)
    }

    @Test(arguments: [
        (0, "0.0s"), (0.44, "0.4s"), (9.9, "9.9s"), (12.7, "12s"), (59.9, "59s"), (60, "1m00s"), (200, "3m20s"),
        (3599, "59m59s"), (3720, "1h02m"), (360_000, "100h00m"), (-1, "-"), (.nan, "-"), (.infinity, "-"), (1e300, "-"),
    ])
    func elapsed(seconds: Double, text: String) {
        #expect(Format.elapsed(seconds) == text)
    }

    @Test func timesNeverTrap() {
        #expect(Format.time(nil) == "-")
        for seconds in [-1e300, -1e11, 0, 1_768_356_000, 1e11, 1e300, .infinity, -.infinity] {
            #expect(!Format.time(Date(timeIntervalSince1970: seconds)).isEmpty)
        }
        let zone = TimeZone.current.abbreviation(for: Date(timeIntervalSince1970: 1_768_356_000)) ?? ""
        #expect(Format.time(Date(timeIntervalSince1970: 1_768_356_000)).hasSuffix(zone))
    }
}

@Suite struct JSONValueTests {
    @Test func whatIsNotThereIsNull() {
        #expect(JSONValue(String?.none).encoded() == "null")
        #expect(JSONValue(Int64?.none).encoded() == "null")
        #expect(JSONValue(Int?.none).encoded() == "null")
        #expect(JSONValue(Date?.none).encoded() == "null")
        #expect(JSONValue.object(["a": .null]).encoded() == "{\n  \"a\" : null\n}")
    }

    /// `JSONEncoder` is the second implementation.
    @Test(arguments: 0..<300) func itIsWhatFoundationPrints(seed: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let value = Self.random(depth: seed % 5, using: &generator)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        #expect(value.encoded() == String(decoding: try encoder.encode(Mirrored(value)), as: UTF8.self))
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(value.line() == String(decoding: try encoder.encode(Mirrored(value)), as: UTF8.self))
    }

    private struct Mirrored: Encodable {
        var value: JSONValue

        init(_ value: JSONValue) { self.value = value }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch value {
            case .null: try container.encodeNil()
            case .bool(let value): try container.encode(value)
            case .int(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            case .array(let values): try container.encode(values.map(Mirrored.init))
            case .object(let members):
                try container.encode(
                    Dictionary(uniqueKeysWithValues: members.pairs.map { ($0.key, Mirrored($0.value)) }))
            }
        }
    }

    private static func random(depth: Int, using generator: inout SystemRandomNumberGenerator) -> JSONValue {
        switch Int.random(in: depth > 0 ? 0..<6 : 0..<4, using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .int(.random(in: .min ... .max, using: &generator))
        case 3: return .string(text(using: &generator))
        case 4:
            return .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in
                    random(depth: depth - 1, using: &generator)
                })
        default:
            let keys = ["a", "B", "ab", "aB", "a1", "job", "jobs", "lastRun", "lastGood", ""].shuffled(
                using: &generator)
            let members = keys.prefix(Int.random(in: 0..<6, using: &generator)).map { key in
                (key, random(depth: depth - 1, using: &generator))
            }
            return .object(JSONMembers(Dictionary(uniqueKeysWithValues: members)))
        }
    }

    private static func text(using generator: inout SystemRandomNumberGenerator) -> String {
        let scalars = (0..<Int.random(in: 0..<12, using: &generator)).map { _ -> Unicode.Scalar in
            let value =
                Bool.random(using: &generator)
                ? UInt32.random(in: 0..<0x80, using: &generator) : UInt32.random(in: 0..<0x11_0000, using: &generator)
            return Unicode.Scalar(value) ?? "/"
        }
        return String(String.UnicodeScalarView(scalars))
    }

    @Test func valuesAreWrittenAsTheyAre() {
        #expect(JSONValue(Int64.max).encoded() == "9223372036854775807")
        #expect(JSONValue(true).encoded() == "true")
        #expect(JSONValue("a/b \"c\"\n").encoded() == #""a/b \"c\"\n""#)
        #expect(JSONValue(Date(timeIntervalSince1970: 1_768_356_000)).encoded() == #""2026-01-14T02:00:00Z""#)
        #expect(JSONValue(["x"]).encoded().filter { !$0.isWhitespace } == #"["x"]"#)
        #expect(JSONValue.array([]).encoded().filter { !$0.isWhitespace } == "[]")
    }

    @Test func keysAreSorted() throws {
        let text = JSONValue.object(["b": nil, "a": false, "c": "x"]).encoded()
        let places = try ["\"a\"", "\"b\"", "\"c\""].map { try #require(text.range(of: $0)?.lowerBound) }
        #expect(places == places.sorted())
    }

    /// The keys that scripts rely on are there in every state (`DESIGN.md`, section 9).
    @Test func aRunHasAllItsKeysEvenWithoutValues() throws {
        let id = try #require(RunID("20260114T020000Z-k3f9"))
        let run = Run(id: id, kind: .backup, job: nil, trigger: .manual, queuedAt: .distantPast)
        let data = Data(RunView.json(run).encoded().utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let keys = [
            "id", "job", "kind", "state", "trigger", "scheduledFor", "startedAt", "finishedAt", "snapshot", "engine",
            "documents", "namespaces", "uncompressedBytes", "storedBytes", "warnings", "error",
        ]
        for key in keys { #expect(object[key] != nil, "\(key)") }
        #expect(object["error"] is NSNull)
        #expect(object["engine"] is NSNull)
    }

    @Test func aFailedRunSaysWhy() throws {
        let id = try #require(RunID("20260114T020000Z-k3f9"))
        var run = Run(id: id, kind: .backup, job: "orders", trigger: .manual, queuedAt: .distantPast)
        run.error = BackupError(.timedOut, "it took too long")
        let data = Data(RunView.json(run).encoded().utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let error = try #require(object["error"] as? [String: Any])
        #expect(error["code"] as? String == "timed-out")
        #expect(error["message"] as? String == "it took too long")
        #expect(error["hint"] is NSNull)
    }
}

@Suite struct RunViewTests {
    @Test(arguments: [
        (RunState.succeeded, nil, 0), (.partial, BackupError.Code.incomplete, 3), (.cancelled, .cancelled, 130),
        (.failed, .serverUnreachable, 1), (.failed, .noRepository, 10), (.failed, .locked, 11), (.failed, nil, 1),
        (.interrupted, .interrupted, 1), (.running, nil, 1), (.queued, nil, 1), (.missed, nil, 1), (.skipped, nil, 1),
    ])
    func theExitStatusSaysHowItEnded(state: RunState, code: BackupError.Code?, status: Int32) throws {
        let id = try #require(RunID("20260114T020000Z-k3f9"))
        var run = Run(id: id, kind: .backup, job: "orders", trigger: .manual, state: state, queuedAt: .distantPast)
        run.error = code.map { BackupError($0, "x") }
        #expect(RunView.exitStatus(run) == status)
    }
}

/// Listings that are printed in parts look like what is printed at once.
@Suite struct ListingTests {
    private final class Printed: Sendable {
        private let pieces = Mutex<[String]>([])
        var text: String { pieces.withLock { $0.joined() } }
        var count: Int { pieces.withLock { $0.count } }
        @Sendable func put(_ text: String) { pieces.withLock { $0.append(text) } }
    }

    private func listing(
        json: Bool, _ printed: Printed, read: @escaping @Sendable (Range<Int>) throws -> [Int] = { Array($0) }
    ) -> Listing<Range<Int>, Int> {
        Listing(
            output: Output(json: json, quiet: true, verbose: false, put: printed.put),
            columns: [("NUMBER", .right), ("TEXT", .left)], nothing: "nothing", read: read,
            json: { .object(["number": .int(Int64($0)), "list": .array([.bool(true)]), "none": .array([])]) },
            cells: { [String($0), $0 == 3 ? "a\nb" : "x"] })
    }

    private func pages(_ count: Int, of size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }

    @Test(arguments: [0, 1, 2, 3, 500, 1999]) func jsonIsTheSameToTheByte(count: Int) throws {
        for size in [1, 7, 500] {
            let printed = Printed()
            let listing = listing(json: true, printed)
            try listing.render(pages(count, of: size), hasMore: false)
            #expect(printed.text == JSONValue.array((0..<count).map(listing.json)).encoded() + "\n")
        }
    }

    @Test func aTableIsTheSameWhereItIsOnePart() throws {
        for count in [1, 5, 2000] {
            let printed = Printed()
            let listing = listing(json: false, printed)
            try listing.render(pages(count, of: 500), hasMore: false)
            var table = Table(listing.columns)
            for number in 0..<count { table.add(listing.cells(number)) }
            #expect(printed.text == table.text + "\n")
        }
    }

    @Test func inALongTableNoRowIsLost() throws {
        let printed = Printed()
        try listing(json: false, printed).render(pages(100_000, of: 250), hasMore: false)
        let lines = printed.text.split(separator: "\n")
        #expect(lines.count == 100_001 && lines[0].contains("NUMBER"))
        #expect(lines.dropFirst().enumerated().allSatisfy { $1.contains("\($0)  ") })
        #expect(printed.count > 10)
    }

    @Test func nothingIsSaidToBeNothing() throws {
        let printed = Printed()
        try listing(json: false, printed).render([], hasMore: false)
        #expect(printed.text == "nothing\n")
    }

    /// What went between finding the parts and reading them.
    @Test func emptyPartsLeaveWholeJSON() throws {
        for kept in [[], [0], [5], [99]] {
            let printed = Printed()
            let listing = listing(json: true, printed) { $0.filter(kept.contains) }
            try listing.render(pages(100, of: 1), hasMore: false)
            #expect(printed.text == JSONValue.array(kept.map(listing.json)).encoded() + "\n")
        }
    }

    /// A part that cannot be read ends it with its error, and JSON that was begun is not whole.
    @Test func anErrorDoesNotLookLikeAnEnd() throws {
        let printed = Printed()
        let listing = listing(json: true, printed) { page in
            if page.contains(400) { throw BackupError(.catalogFailed, "damaged") }
            return Array(page)
        }
        #expect(throws: BackupError.self) { try listing.render(pages(500, of: 1), hasMore: false) }
        #expect(!printed.text.isEmpty)
        #expect((try? JSONSerialization.jsonObject(with: Data(printed.text.utf8))) == nil)
    }
}
