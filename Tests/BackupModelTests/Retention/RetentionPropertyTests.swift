import BackupModel
import Foundation
import Testing

/// 100,000 random histories and policies against the second implementation and the promises.
@Suite struct RetentionPropertyTests {
    static let zones = [
        "UTC", "Europe/Warsaw", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Australia/Lord_Howe",
        "America/Sao_Paulo", "Asia/Tokyo",
    ]
    static let historiesPerZone = 12_500
    static let now = Date(timeIntervalSince1970: 1_780_000_000)

    /// Zones whose clock did not change in these years: Go and Foundation part ways about times that do not exist.
    private static let steady: Set<String> = ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "Asia/Tokyo"]

    /// Times with their periods, by which a history is made: near each other, on the edges of hours, days and years,
    /// and years apart.
    private struct Pool {
        var entries: [RetentionOracle.Entry] = []

        init(_ calendar: Calendar, _ generator: inout SeededGenerator) {
            for number in 0..<1500 {
                let time: Date
                switch number % 5 {
                case 0: time = now - Double(Int.random(in: 0..<400_000, using: &generator))
                case 1: time = now - Double(Int.random(in: -200..<200, using: &generator)) * 3600
                case 2: time = now - Double(Int.random(in: 0..<800, using: &generator)) * 86400 / 2
                case 3:
                    // A second around local midnight.
                    let day = calendar.startOfDay(for: now - Double(Int.random(in: 0..<900, using: &generator)) * 86400)
                    time = day + Double(Int.random(in: -1...1, using: &generator))
                default: time = now - Double(Int.random(in: 0..<250_000_000, using: &generator))
                }
                let whole = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded())
                entries.append(
                    RetentionOracle.Entry(
                        candidate: RetentionCandidate(id: "", time: whole),
                        labels: RetentionOracle.labels(of: whole, calendar)))
            }
        }

        func history(_ generator: inout SeededGenerator) -> [RetentionOracle.Entry] {
            let count = Int.random(in: 0...14, using: &generator)
            return (0..<count).map { number in
                var entry = entries[Int.random(in: 0..<entries.count, using: &generator)]
                func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }
                entry.candidate.id = "s\(number)"
                entry.candidate.isGood = chance(75)
                entry.candidate.isVerified = chance(40)
                entry.candidate.pin = chance(8) ? "held" : nil
                entry.candidate.isBeingRead = chance(4)
                return entry
            }
        }
    }

    private static func policy(_ generator: inout SeededGenerator, spans: Bool) -> RetentionPolicy? {
        var counts: [RetentionPolicy.Unit: Int] = [:]
        var given: [RetentionPolicy.Unit: RetentionSpan] = [:]
        for unit in RetentionPolicy.Unit.allCases {
            if Int.random(in: 0..<3, using: &generator) == 0 { counts[unit] = Int.random(in: 0..<6, using: &generator) }
            if spans, Int.random(in: 0..<5, using: &generator) == 0 {
                let text =
                    "\(Int.random(in: 0..<3, using: &generator))y\(Int.random(in: 0..<14, using: &generator))m"
                    + "\(Int.random(in: 0..<40, using: &generator))d\(Int.random(in: 0..<50, using: &generator))h"
                given[unit] = RetentionSpan(text)
            }
        }
        return try? RetentionPolicy(counts: counts, spans: given)
    }

    /// What keeps at least as much as the policy, by its own words.
    private static func wider(_ policy: RetentionPolicy, _ generator: inout SeededGenerator) throws -> RetentionPolicy {
        var counts = policy.counts
        var spans = policy.spans
        for unit in RetentionPolicy.Unit.allCases {
            if Bool.random(using: &generator) {
                counts[unit, default: 0] += Int.random(in: 0..<4, using: &generator)
            }
            if Bool.random(using: &generator), var span = spans[unit] {
                span.days += Int64.random(in: 0..<60, using: &generator)
                span.hours += Int64.random(in: 0..<60, using: &generator)
                spans[unit] = span
            }
        }
        return try RetentionPolicy(counts: counts, spans: spans)
    }

    @Test(arguments: zones)
    func everyPlanIsThatOfTheSlowRulesAndKeepsThePromises(zone: String) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: zone))
        var generator = SeededGenerator(seed: UInt64(Self.zones.firstIndex(of: zone) ?? 0) &* 7919 &+ 11)
        let pool = Pool(calendar, &generator)
        let civil = try SystemZones.rules(named: zone)
        var removals = 0
        var checked = 0
        while checked < Self.historiesPerZone {
            guard let policy = Self.policy(&generator, spans: Self.steady.contains(zone)) else { continue }
            let history = pool.history(&generator)
            let candidates = history.map(\.candidate)
            let plan = policy.plan(for: candidates, now: Self.now, in: civil)
            let expected = RetentionOracle(policy: policy, calendar: calendar).reasons(for: history, now: Self.now)
            let kept = Dictionary(
                uniqueKeysWithValues: plan.kept.map { ($0.candidate.id, Set($0.reasons.map(\.word))) })
            let agrees =
                kept == expected.filter { !$0.value.isEmpty }
                && Set(plan.removed.map(\.id)) == Set(expected.filter(\.value.isEmpty).keys)
            if !agrees { Issue.record("\(zone) \(policy): \(candidates)\nplan \(kept)\noracle \(expected)") }
            try checkPromises(plan, policy, candidates, civil, &generator)
            removals += plan.removed.count
            checked += 1
        }
        #expect(removals > Self.historiesPerZone / 2, "the histories give retention something to do")
    }

    private func checkPromises(
        _ plan: RetentionPlan, _ policy: RetentionPolicy, _ candidates: [RetentionCandidate], _ zone: TimeZoneRules,
        _ generator: inout SeededGenerator
    ) throws {
        func require(_ holds: Bool, _ promise: String) {
            if !holds { Issue.record("\(promise): \(policy), \(zone.name): \(candidates)") }
        }
        let removed = Set(plan.removed.map(\.id))
        let all = plan.kept.map(\.candidate.id) + plan.removed.map(\.id) + plan.notGood.map(\.id)
        require(all.count == candidates.count && Set(all) == Set(candidates.map(\.id)), "each is in one list")
        let newest = candidates.filter { $0.isGood && $0.time <= Self.now }.max { ($0.time, $0.id) < ($1.time, $1.id) }
        if let newest { require(!removed.contains(newest.id), "the newest good one stays") }
        for candidate in candidates where removed.contains(candidate.id) {
            require(
                candidate.isGood && candidate.pin == nil && !candidate.isBeingRead && candidate.time <= Self.now + 300,
                "only what is good, unpinned, unread and past is removed")
        }
        let shuffled = policy.plan(for: candidates.shuffled(using: &generator), now: Self.now, in: zone)
        require(shuffled == plan, "the order of the input does not matter")
        let failure = RetentionCandidate(
            id: "failure", time: Self.now - Double(Int.random(in: -1000..<1_000_000, using: &generator)), isGood: false,
            isVerified: true)
        let afterFailure = policy.plan(for: candidates + [failure], now: Self.now, in: zone)
        require(afterFailure.removed == plan.removed && afterFailure.kept == plan.kept, "a failure changes nothing")
        if let index = candidates.indices.randomElement(using: &generator) {
            var pinned = candidates
            pinned[index].pin = "new"
            let after = policy.plan(for: pinned, now: Self.now, in: zone)
            require(Set(after.removed.map(\.id)).isSubset(of: removed), "a pin removes nothing")
        }
        let wider = try Self.wider(policy, &generator).plan(for: candidates, now: Self.now, in: zone)
        require(Set(wider.removed.map(\.id)).isSubset(of: removed), "a wider policy keeps no less")
        let limited = plan.limited(toPercent: 50)
        require(limited.removed.count * 2 <= plan.kept.count + plan.removed.count, "half of all at most")
        require(
            limited.removed.count + limited.postponed.count == plan.removed.count
                && Array(plan.removed.suffix(limited.removed.count)) == limited.removed, "the oldest go first")
    }

    /// A month of success, then a year of a failure a day: what the policy had kept at the month's end is all there.
    @Test(arguments: [
        #"{"keepDaily": 7}"#, #"{"keepLast": 1}"#, #"{"keepWithin": "3d"}"#, #"{"keepHourly": 24, "keepWeekly": 4}"#,
        #"{"keepWithinDaily": "10d", "keepMonthly": 12, "keepYearly": 3}"#,
    ])
    func aYearOfFailuresTakesNothingAway(policy: String) throws {
        let policy = try GivenRetention(json: Data(policy.utf8)).policy
        let start = Self.now - 400 * 86400
        var held: [RetentionCandidate] = []
        func prune(_ day: Int) {
            let removed = policy.plan(for: held, now: start + Double(day) * 86400 + 1, in: .utc).removed
            held.removeAll { candidate in removed.contains { $0.id == candidate.id } }
        }
        for day in 0..<30 {
            held.append(RetentionCandidate(id: "good-\(day)", time: start + Double(day) * 86400))
            prune(day)
        }
        let atTheEnd = held
        for day in 30..<395 {
            held.append(RetentionCandidate(id: "bad-\(day)", time: start + Double(day) * 86400, isGood: false))
            prune(day)
        }
        #expect(held.filter(\.isGood) == atTheEnd)
        #expect(atTheEnd.contains { $0.id == "good-29" })
    }
}
