import BackupModel
import Foundation
import Testing

@Suite struct RetentionPolicyTests {
    private func refusal(_ json: String) -> BackupError? {
        do {
            _ = try GivenRetention(json: Data(json.utf8))
            return nil
        } catch {
            return error as? BackupError
        }
    }

    @Test(arguments: [
        "{}", #"{"keepLast": 0}"#, #"{"keepLast": 0, "keepDaily": 0, "keepWithin": "0d"}"#, #"{"timeZone": "UTC"}"#,
        #"{"keepDaily": -1}"#, #"{"keepDaily": -1, "keepLast": 5}"#, #"{"keepDayly": 7, "keepLast": 5}"#,
        #"{"KeepDaily": 7}"#, #"{"keepdaily": 7}"#, #"{"keepDaily": "7"}"#, #"{"keepDaily": 7.5}"#,
        #"{"keepDaily": true}"#, #"{"keepDaily": null}"#, #"{"keepDaily": [7]}"#,
        #"{"keepDaily": 99999999999999999999}"#, #"{"keepWithin": 7}"#, #"{"keepWithin": ""}"#,
        #"{"keepWithin": "7"}"#, #"{"keepWithin": "d"}"#, #"{"keepWithin": "1w"}"#, #"{"keepWithin": "-1d"}"#,
        #"{"keepWithin": "+1d"}"#, #"{"keepWithin": "1d2d"}"#, #"{"keepWithin": "1.5d"}"#, #"{"keepWithin": "1D"}"#,
        #"{"keepWithin": " 1d"}"#, #"{"keepWithin": "9999999d"}"#, #"{"keepWithin": "99999999999999999999d"}"#,
        #"{"keepWithinLast": "7d"}"#,
        #"{"keepLast": 1, "timeZone": 5}"#, #"{"keepLast": 1, "keepTag": "x"}"#, "", "[]", "7", #""keepLast""#, "{",
        "null",
    ])
    func aPolicyThatDoesNotSayWhatToKeepIsRefused(json: String) {
        let error = refusal(json)
        #expect(error?.code == .invalidPolicy)
        #expect(error?.message.hasPrefix("cannot use ") == true)
        #expect(error?.hint != nil)
        #expect(error?.code.exitStatus == 64)
    }

    @Test func aPolicyIsWrittenAsItIsRead() throws {
        let json =
            #"{"keepLast":3,"keepDaily":7,"keepWithin":"1y2m3d4h","keepWithinMonthly":"2y","timeZone":"Asia/Tokyo"}"#
        let given = try GivenRetention(json: Data(json.utf8))
        #expect(given.policy.counts == [.last: 3, .daily: 7])
        #expect(given.timeZone == "Asia/Tokyo")
        #expect(given.policy.description == "last 3, daily 7, within 1y2m3d4h, monthly within 2y")
        let written = try given.policy.json
        #expect(written == #"{"keepDaily":7,"keepLast":3,"keepWithin":"1y2m3d4h","keepWithinMonthly":"2y"}"#)
        #expect(try RetentionPolicy(json: written) == given.policy)
        #expect(throws: BackupError.self) { try RetentionPolicy(json: json) }
    }

    @Test func rulesOfZeroAreNone() throws {
        let given = try GivenRetention(json: Data(#"{"keepLast": 0, "keepDaily": 2, "keepWithin": "0y0h"}"#.utf8))
        #expect(try given.policy == RetentionPolicy(counts: [.daily: 2]))
    }

    @Test(arguments: [
        ("7d", "7d"), ("1y2m3d4h", "1y2m3d4h"), ("4h1y", "1y4h"), ("0d", "0d"), ("0y5h", "5h"), ("007d", "7d"),
        ("100000h", "100000h"),
    ])
    func aSpanIsReadInAnyOrder(text: String, shown: String) {
        #expect(RetentionSpan(text)?.description == shown)
    }

    @Test func reasonsSayWhichPeriodIsMeant() throws {
        let all = Dictionary(uniqueKeysWithValues: RetentionPolicy.Unit.allCases.map { ($0, 1) })
        let span = try #require(RetentionSpan("7d"))
        let policy = try RetentionPolicy(counts: all, spans: [.last: span, .daily: span])
        let time = try #require(GivenTime.parse("2026-11-20T23:30:00Z"))
        let candidate = RetentionCandidate(
            id: "a", time: time, isVerified: true, pin: "before\nmigration", isBeingRead: true)
        let plan = policy.plan(for: [candidate], now: time, in: try SystemZones.rules(named: "Europe/Warsaw"))
        #expect(
            plan.kept.first?.reasons.map(\.description) == [
                "within 7d", "last", "hourly 2026-11-21T00", "daily 2026-11-21", "weekly 2026-W47", "monthly 2026-11",
                "yearly 2026", "daily within 7d", "last good", "last verified", #"pinned: before\u{a}migration"#,
                "being read",
            ])
    }

    static let times: [(String, String?)] = [
        ("2026-01-14T02:00:00Z", "2026-01-14T02:00:00Z"), ("2026-01-14t02:00:00z", "2026-01-14T02:00:00Z"),
        ("2026-01-14T02:00:00.999Z", "2026-01-14T02:00:00Z"), ("2026-01-14T02:00:00+05:45", "2026-01-13T20:15:00Z"),
        ("2026-01-14T02:00:00-0330", "2026-01-14T05:30:00Z"), ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("1900-03-01T00:00:00Z", "1900-03-01T00:00:00Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("2025-02-29T00:00:00Z", nil), ("2026-13-01T00:00:00Z", nil), ("2026-00-01T00:00:00Z", nil),
        ("2026-01-00T00:00:00Z", nil), ("2026-01-14T24:00:00Z", nil), ("2026-01-14T02:60:00Z", nil),
        ("2026-01-14T02:00:00", nil), ("2026-01-14", nil), ("", nil), ("2026-01-14T02:00:00Zx", nil),
        ("2026-01-14T02:00:00.Z", nil), ("2026-01-14T02:00:00+5", nil), ("+026-01-14T02:00:00Z", nil),
        ("2026-01-14T02:00:00+24:00", nil), ("２026-01-14T02:00:00Z", nil),
    ]

    @Test(arguments: times)
    func timesAreReadByTheirForm(text: String, expected: String?) {
        #expect(GivenTime.parse(text).map(Timestamp.rfc3339) == expected)
    }

    @Test(arguments: [
        #"{"policy": {"keepLast": 1}}"#, #"{"snapshots": []}"#, #"{"policy": {"keepLast": 1}, "snapshots": {}}"#,
        #"{"policy": {"keepLast": 1}, "snapshots": [{"id": "a", "time": "x", "status": "succeeded"}]}"#,
        #"{"policy": {"keepLast": 1}, "snapshots": [{"id": "a", "time": "2026-01-14T02:00:00Z"}]}"#,
        #"{"policy": {"keepLast": 1}, "snapshots": [{"id": "a", "time": "2026-01-14T02:00:00Z", "status": "ok"}]}"#,
        """
        {"policy": {"keepLast": 1}, "snapshots": [{"id": "a", "time": "2026-01-14T02:00:00Z", "status": "succeeded"},
        {"id": "a", "time": "2026-01-15T02:00:00Z", "status": "succeeded"}]}
        """, "", "[]",
    ])
    func aQuestionThatCannotBeReadIsRefused(json: String) {
        #expect(throws: BackupError.self) { try RetentionQuestion(json: Data(json.utf8)) }
    }
}
