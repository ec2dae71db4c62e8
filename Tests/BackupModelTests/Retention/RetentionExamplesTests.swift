import BackupModel
import Foundation
import Testing

/// Worked examples whose results are those of real restic, where nothing else is said.
@Suite struct RetentionExamplesTests {
    private static let now = time("2026-11-22T00:00:00Z")

    private static func time(_ text: String) -> Date { GivenTime.parse(text) ?? .distantPast }

    /// What is kept, by time and reasons, the newest first.
    private func kept(_ policy: String, _ times: [String]) throws -> [String: [String]] {
        let given = try GivenRetention(json: Data(policy.utf8))
        let candidates = times.map { RetentionCandidate(id: $0, time: Self.time($0)) }
        let plan = try given.policy.plan(
            for: candidates, now: Self.now, in: SystemZones.rules(named: given.timeZone ?? "UTC"))
        let pairs = plan.kept.map { ($0.candidate.id, $0.reasons.filter { $0.isRule || $0 == .future }.map(\.word)) }
        return Dictionary(pairs) { first, _ in first }
    }

    static let history = [
        "04-21T11", "04-22T11", "04-23T11", "04-24T11", "04-25T11", "04-25T23", "04-28T11", "04-29T11", "05-01T11",
        "05-02T11", "05-02T23",
    ].map { "2025-\($0):00:00Z" }

    static let onHistory: [(String, [String: [String]])] = [
        (
            #"{"keepDaily": 5}"#,
            [
                "05-02T23": ["daily"], "05-01T11": ["daily"], "04-29T11": ["daily"], "04-28T11": ["daily"],
                "04-25T23": ["daily"],
            ]
        ),
        (
            #"{"keepDaily": 30}"#,
            [
                "05-02T23": ["daily"], "05-01T11": ["daily"], "04-29T11": ["daily"], "04-28T11": ["daily"],
                "04-25T23": ["daily"], "04-24T11": ["daily"], "04-23T11": ["daily"], "04-22T11": ["daily"],
                "04-21T11": ["daily"],
            ]
        ),
        (
            #"{"keepLast": 2, "keepDaily": 3}"#,
            ["05-02T23": ["last", "daily"], "05-02T11": ["last"], "05-01T11": ["daily"], "04-29T11": ["daily"]]
        ),
        (
            #"{"keepDaily": 3, "keepWeekly": 2}"#,
            ["05-02T23": ["daily", "weekly"], "05-01T11": ["daily"], "04-29T11": ["daily"], "04-25T23": ["weekly"]]
        ),
        (#"{"keepHourly": 2, "keepWeekly": 1}"#, ["05-02T23": ["hourly", "weekly"], "05-02T11": ["hourly"]]),
        (
            #"{"keepWeekly": 5}"#, ["05-02T23": ["weekly"], "04-25T23": ["weekly"], "04-21T11": ["oldest weekly"]]
        ),
        (
            #"{"keepMonthly": 3}"#,
            ["05-02T23": ["monthly"], "04-29T11": ["monthly"], "04-21T11": ["oldest monthly"]]
        ),
        (#"{"keepYearly": 5}"#, ["05-02T23": ["yearly"], "04-21T11": ["oldest yearly"]]),
        (
            #"{"keepWithin": "7d"}"#,
            [
                "05-02T23": ["within"], "05-02T11": ["within"], "05-01T11": ["within"], "04-29T11": ["within"],
                "04-28T11": ["within"],
            ]
        ),
        (
            #"{"keepWithin": "174h"}"#,
            [
                "05-02T23": ["within"], "05-02T11": ["within"], "05-01T11": ["within"], "04-29T11": ["within"],
                "04-28T11": ["within"], "04-25T23": ["within"],
            ]
        ),
        (#"{"keepLast": 1}"#, ["05-02T23": ["last"]]),
        (
            #"{"keepWithinDaily": "2d", "keepWithinYearly": "1y"}"#,
            [
                "05-02T23": ["daily within", "yearly within"], "05-01T11": ["daily within"],
                "04-21T11": ["oldest yearly within"],
            ]
        ),
    ]

    @Test(arguments: onHistory)
    func aPolicyKeepsWhatResticKeeps(policy: String, expected: [String: [String]]) throws {
        let expected = Dictionary(
            uniqueKeysWithValues: expected.map { ("2025-\($0.key):00:00Z", $0.value) })
        #expect(try kept(policy, Self.history) == expected)
    }

    static let others: [(String, [String], kept: [String])] = [
        // Not one after the other, as Proxmox has it.
        (
            #"{"keepLast": 1, "keepDaily": 1}"#,
            ["2025-12-01T10:00:00Z", "2025-12-02T10:00:00Z", "2025-12-03T10:00:00Z", "2025-12-04T10:00:00Z"],
            ["2025-12-04T10:00:00Z"]
        ),
        // Weeks are those of ISO 8601: that of 5 January began in December.
        (
            #"{"keepWeekly": 3}"#,
            [
                "2024-12-29T10:00:00Z", "2024-12-30T10:00:00Z", "2025-01-01T10:00:00Z", "2025-01-05T10:00:00Z",
                "2025-01-06T10:00:00Z",
            ],
            ["2025-01-06T10:00:00Z", "2025-01-05T10:00:00Z", "2024-12-29T10:00:00Z"]
        ),
        // One month before 31 March is "31 February", which is 3 March; exactly that is out of reach.
        (
            #"{"keepWithin": "1m"}"#,
            [
                "2025-03-31T00:00:00Z", "2025-03-03T00:00:01Z", "2025-03-03T00:00:00Z", "2025-03-02T00:00:00Z",
                "2025-02-28T00:00:00Z",
            ],
            ["2025-03-31T00:00:00Z", "2025-03-03T00:00:01Z"]
        ),
        // Both passes of a repeated hour are one hour.
        (
            #"{"keepHourly": 2, "timeZone": "Europe/Warsaw"}"#,
            ["2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00", "2025-10-26T03:30:00+01:00"],
            ["2025-10-26T03:30:00+01:00", "2025-10-26T02:30:00+01:00"]
        ),
        (
            #"{"keepDaily": 2, "timeZone": "UTC"}"#, overMidnight,
            ["2025-01-02T23:00:00Z", "2025-01-01T23:30:00Z"]
        ),
        (
            #"{"keepDaily": 2, "timeZone": "Europe/Warsaw"}"#, overMidnight,
            ["2025-01-02T23:00:00Z", "2025-01-02T22:59:59Z"]
        ),
        // Where restic would keep the future one only.
        (
            #"{"keepLast": 1}"#, ["2027-06-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-10-20T00:00:00Z"],
            ["2027-06-01T00:00:00Z", "2026-11-01T00:00:00Z"]
        ),
    ]

    static let overMidnight = [
        "2025-01-01T00:30:00Z", "2025-01-01T23:30:00Z", "2025-01-02T00:30:00Z", "2025-01-02T22:59:59Z",
        "2025-01-02T23:00:00Z",
    ]

    @Test(arguments: others)
    func edgesOfTheCalendarAreWhereTheyBelong(policy: String, times: [String], expected: [String]) throws {
        #expect(try Set(kept(policy, times).keys) == Set(expected))
        #expect(try Set(kept(policy, times.reversed()).keys) == Set(expected))
    }

    @Test func whatIsOfTheFutureIsReportedAndFillsNoSlot() throws {
        let policy = try RetentionPolicy(counts: [.last: 1])
        let candidates = [
            RetentionCandidate(id: "future", time: Self.now + 301),
            RetentionCandidate(id: "skewed", time: Self.now + 300),
            RetentionCandidate(id: "old", time: Self.now - 1),
        ]
        let plan = policy.plan(for: candidates, now: Self.now, in: .utc)
        #expect(plan.future.map(\.id) == ["future"])
        #expect(plan.kept.map(\.candidate.id) == ["future", "skewed"])
        #expect(plan.removed.map(\.id) == ["old"])
    }

    /// Legitimate snapshots survive whoever fills the list with later ones that are worth nothing.
    @Test func laterRubbishPushesNoGoodOneOut() throws {
        let policy = try RetentionPolicy(
            counts: [.last: 3, .daily: 5], spans: [.last: try #require(RetentionSpan("7d"))])
        let good = (0..<5).map { RetentionCandidate(id: "good-\($0)", time: Self.now - Double($0 + 1) * 86400) }
        let failed = (0..<500).map {
            RetentionCandidate(id: "failed-\($0)", time: Self.now - Double($0), isGood: false)
        }
        let future = (0..<500).map { RetentionCandidate(id: "future-\($0)", time: Self.now + Double($0 + 1) * 86400) }
        let plan = policy.plan(for: (good + failed + future).shuffled(), now: Self.now, in: .utc)
        #expect(plan.removed.isEmpty)
        #expect(Set(plan.notGood.map(\.id)) == Set(failed.map(\.id)))
    }
}
