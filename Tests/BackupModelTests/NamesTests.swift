import BackupModel
import Foundation
import Testing

@Suite struct NamesTests {
    @Test(arguments: ["orders", "a", "0", "orders-nightly.v2_x", String(repeating: "a", count: 64)])
    func goodJobNames(text: String) throws {
        #expect(try JobName(text).text == text)
    }

    @Test(arguments: [
        "", "Orders", "-x", ".x", "_x", "a/b", "../x", "a b", "a\0b", "ä", "a\n", String(repeating: "a", count: 65),
        "%2e%2e", "a\\b", "e\u{301}",
    ])
    func badJobNames(text: String) {
        let error = #expect(throws: BackupError.self) { try JobName(text) }
        #expect(error?.code.exitStatus == 64)
        #expect(error?.message.contains("\n") == false)
    }

    @Test func runIDsHaveTheirForm() throws {
        var generator = SystemRandomNumberGenerator()
        let id = RunID(at: Date(timeIntervalSince1970: 1_768_356_000), using: &generator)
        #expect(id.text.hasPrefix("20260114T020000Z-"))
        #expect(RunID(id.text) == id)
        for text in [
            "", "20260114T020000Z", "20260114T020000Z-K3F9", "20260114T020000Z-k3f9x", "../60114T020000Z-k3f9",
        ] {
            #expect(RunID(text) == nil)
        }
    }

    @Test func controlCharactersAreShownNotSent() {
        #expect("a\u{1B}]0;x\u{7}\nb\u{202E}c".escapedForDisplay == "a\\u{1b}]0;x\\u{7}\\u{a}b\\u{202e}c")
        #expect("café 👩‍👩‍👧".escapedForDisplay == "café 👩‍👩‍👧")
    }

    @Test(arguments: [("90s", 90), ("15m", 900), ("6h", 21600), ("2d", 172_800)])
    func durations(text: String, seconds: Int) {
        #expect(DurationText.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "6", "h", "-1h", "+1h", "0s", "1.5h", "6 h", "6w", "99999999999999999999d", "9223372036854775807d",
    ])
    func badDurations(text: String) {
        #expect(DurationText.seconds(text) == nil)
    }
}

@Suite struct SnapshotReferenceTests {
    private let utc = TimeZone.gmt

    @Test func readsIdsAndLatest() throws {
        #expect(try SnapshotReference(parsing: "orders-2026", timeZone: utc) == .id("orders-2026"))
        #expect(try SnapshotReference(parsing: "orders@latest", timeZone: utc) == .latest(job: JobName("orders")))
    }

    @Test(arguments: [
        ("orders@2026-01-14", "2026-01-14T23:59:59Z"), ("orders@2026-01-14T02:00", "2026-01-14T02:00:59Z"),
        ("orders@2026-01-14T02:00:05", "2026-01-14T02:00:05Z"), ("orders@2026-01-14T02:00:05Z", "2026-01-14T02:00:05Z"),
    ])
    func readsTimes(text: String, expected: String) throws {
        guard case .atOrBefore(_, let time) = try SnapshotReference(parsing: text, timeZone: utc) else {
            Issue.record("no time")
            return
        }
        #expect(Timestamp.rfc3339(time) == expected)
    }

    @Test(arguments: [
        "orders@", "orders@soon", "orders@2026-02-30", "orders@2026-1-4", "@latest", "", "a b", "../x@latest",
    ])
    func refusesTheRest(text: String) {
        let error = #expect(throws: BackupError.self) { try SnapshotReference(parsing: text, timeZone: utc) }
        #expect(error?.code.exitStatus == 64)
    }
}
