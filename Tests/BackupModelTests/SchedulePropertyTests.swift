import Foundation
import Testing

@testable import BackupModel

/// The rules against a slow second implementation (`SlowCron`), with offsets from Foundation instead of the files.
///
/// `BACKUPCTL_TEST_SCHEDULE_ROUNDS` multiplies the number of samples, `BACKUPCTL_TEST_SCHEDULE_SEED` takes others.
@Suite struct SchedulePropertyTests {
    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
    private static let rounds = setting("BACKUPCTL_TEST_SCHEDULE_ROUNDS") ?? 1
    private static let seed = setting("BACKUPCTL_TEST_SCHEDULE_SEED") ?? 1

    /// Minutes from 1970.
    private static let years = 10_519_200...36_816_480  // 1990 to 2040
    /// The walk begins before the times that are compared, so that it has seen the change before them.
    private static let lead = 30 * 60

    /// Every zone of the system, around a clock change where it has one, and anywhere.
    @Test func everyZoneAgreesWithAWalkThroughTheWallClock() throws {
        var generator = SeededGenerator(seed: UInt64(Self.seed))
        var compared = 0
        var fired = 0
        var changes = 0
        var foreign: Set<String> = []
        for name in try SystemZones.names() {
            let rules = try SystemZones.rules(named: name)
            guard let zone = TimeZone(identifier: name) else {
                foreign.insert(name)
                continue
            }
            let nearby = rules.changes.map { $0 / 60 }.filter(Self.years.contains)
            for round in 0..<(2 * Self.rounds) {
                let change = round.isMultiple(of: 2) ? nearby.randomElement(using: &generator) : nil
                let middle = change ?? Int.random(in: Self.years, using: &generator)
                let length = Int.random(in: 600...2000, using: &generator)
                let start = middle - Int.random(in: 60...(length - 60), using: &generator) - Self.lead
                let offsets = (0..<(length + Self.lead)).map { minute in
                    zone.secondsFromGMT(for: Date(wholeSeconds: (start + minute) * 60)) / 60
                }
                let agrees = offsets.indices.allSatisfy {
                    rules.stretch(at: (start + $0) * 60).offset == offsets[$0] * 60
                }
                guard agrees else {
                    foreign.insert(name)
                    continue
                }
                let rule = RandomRule.make(using: &generator)
                guard let schedule = try? Schedule(evenIfItNeverFires: rule) else { continue }
                let expected = SlowCron(rule).instants(from: start, offsets: offsets).filter { $0 > start + Self.lead }
                check(schedule, rules, from: start + Self.lead, through: start + offsets.count - 1, expected)
                compared += 1
                fired += expected.isEmpty ? 0 : 1
                if Set(offsets).count > 1 { changes += 1 }
            }
        }
        // Data of another release differs for some zones only.
        #expect(foreign.count < 30, "\(foreign.sorted())")
        #expect(compared > 900 * Self.rounds && fired > 300 * Self.rounds && changes > 300 * Self.rounds)
    }

    /// Forwards, backwards and counting must tell the same.
    private func check(
        _ schedule: Schedule, _ zone: TimeZoneRules, from start: Int, through end: Int, _ expected: [Int]
    ) {
        let what = "'\(schedule)' in \(zone.name) after \(Timestamp.rfc3339(Date(wholeSeconds: start * 60)))"
        var forwards: [Int] = []
        var time = start * 60
        while let next = schedule.next(after: time, in: zone, anchor: 0), next <= end * 60 {
            forwards.append(next)
            time = next
        }
        #expect(forwards == expected.map { $0 * 60 }, "\(what)")
        var backwards: [Int] = []
        time = end * 60
        while let latest = schedule.latest(atOrBefore: time, after: start * 60, in: zone, anchor: 0) {
            backwards.append(latest)
            time = latest - 1
        }
        #expect(backwards.reversed() == forwards, "\(what), backwards")
        #expect(schedule.count(after: start * 60, through: end * 60, in: zone, anchor: 0) == forwards.count, "\(what)")
    }

    /// Fifty years of days: what the two day fields mean, without any clock change.
    @Test func everyDayOfFiftyYearsAgrees() throws {
        var generator = SeededGenerator(seed: UInt64(Self.seed) &+ 1000)
        let days = (7305...25_567).map { SlowCron.Day(number: $0) }
        for _ in 0..<(40 * Self.rounds) {
            let rule = "17 5 " + RandomRule.days(using: &generator)
            guard let schedule = try? Schedule(evenIfItNeverFires: rule) else { continue }
            let slow = SlowCron(rule)
            let expected = days.indices.filter { slow.matches(days[$0]) }.map {
                (7305 + $0) * 86400 + (5 * 60 + 17) * 60
            }
            let start = 7305 * 86400 - 1
            let end = 25_568 * 86400 - 1
            var found: [Int] = []
            var time = start
            while let next = schedule.next(after: time, in: .utc, anchor: 0), next <= end {
                found.append(next)
                time = next
            }
            #expect(found == expected, "\(rule)")
            #expect(schedule.count(after: start, through: end, in: .utc, anchor: 0) == expected.count, "\(rule)")
            #expect(schedule.latest(atOrBefore: end, after: start, in: .utc, anchor: 0) == expected.last, "\(rule)")
            #expect(!found.isEmpty || schedule.reasonToNeverFire != nil, "\(rule)")
            let gaps = zip(found, found.dropFirst()).map { $1 - $0 }
            if let intervals = schedule.intervals, let shortest = gaps.min(), let longest = gaps.max() {
                #expect(intervals.lowerBound <= shortest && intervals.upperBound >= longest, "\(rule)")
                #expect(longest > 366 * 86400 || intervals == shortest...longest, "\(rule)")
            }
        }
    }

    /// Anything may be typed; what is taken for a rule must be one that can be asked.
    @Test func randomTextIsNoTrap() throws {
        var generator = SeededGenerator(seed: UInt64(Self.seed) &+ 2000)
        let alphabet = Array("*0123456789,-/#LWlw? \tMONJANSUN@every hd\u{0}é")
        var taken = 0
        for _ in 0..<(5000 * Self.rounds) {
            var text = Array(RandomRule.make(using: &generator))
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let position = Int.random(in: text.indices, using: &generator)
                if Bool.random(using: &generator) {
                    text[position] = alphabet.any(&generator)
                } else if text.count > 1 {
                    text.remove(at: position)
                }
            }
            guard let schedule = try? Schedule(String(text)) else { continue }
            taken += 1
            #expect(schedule.next(after: 1_800_000_000, in: .utc, anchor: 0) != nil, "\(schedule)")
            if taken.isMultiple(of: 20) {
                #expect(schedule.intervals.map { $0.lowerBound >= 60 } == true, "\(schedule)")
            }
            #expect(schedule.inWords(zoneName: "UTC").count > 5)
        }
        #expect(taken > 300 * Self.rounds)
    }
}

/// Rules that are well formed, and mostly fire often enough for a short walk.
enum RandomRule {
    static func make(using generator: inout SeededGenerator) -> String {
        let time: [String] = [field(0...59, "", &generator), hours(&generator)]
        let days = Int.random(in: 0..<3, using: &generator) == 0 ? self.days(using: &generator) : "* * *"
        return (time + [days]).joined(separator: " ")
    }

    /// Hours in which clocks are changed come often.
    private static func hours(_ generator: inout SeededGenerator) -> String {
        Bool.random(using: &generator)
            ? ["2", "1", "0", "3", "23", "1-3", "0-3", "*/2", "*", "2,3", "0-23/2", "*/12"].any(&generator)
            : field(0...23, "", &generator)
    }

    static func days(using generator: inout SeededGenerator) -> String {
        let specialDays = ["L", "LW", "L-\(Int.random(in: 1...30, using: &generator))"]
        let nearest = "\(Int.random(in: 1...31, using: &generator))W"
        let weekday = "\(Int.random(in: 0...7, using: &generator))"
        let numbered = "#\(Int.random(in: 1...5, using: &generator))"
        let specialWeekdays = [weekday + "L", weekday + numbered, "FRI#L", "sun" + numbered, "FRI-SUN", "5-0"]
        let day = pick(field(1...31, "*", &generator), specialDays + [nearest], &generator)
        let month = pick(field(1...12, "*", &generator), ["JAN-MAR", "oct", "2", "*/3"], &generator)
        return "\(day) \(month) \(pick(field(0...7, "*", &generator), specialWeekdays, &generator))"
    }

    private static func pick(_ plain: String, _ special: [String], _ generator: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: special.any(&generator)
        case 1: "\(plain),\(special.any(&generator))"
        default: plain
        }
    }

    private static func field(
        _ range: ClosedRange<Int>, _ usual: String, _ generator: inout SeededGenerator
    ) -> String {
        let count = [1, 1, 1, 2, 3].any(&generator)
        if !usual.isEmpty && Bool.random(using: &generator) { return usual }
        return (0..<count).map { _ in item(range, &generator) }.joined(separator: ",")
    }

    private static func item(_ range: ClosedRange<Int>, _ generator: inout SeededGenerator) -> String {
        let low = Int.random(in: range, using: &generator)
        let high = Int.random(in: low...range.upperBound, using: &generator)
        let step = Int.random(in: 1...(range.upperBound + 10), using: &generator)
        return ["*", "\(low)", "\(low)-\(high)", "*/\(step)", "\(low)-\(high)/\(step)", "\(low)/\(step)", "\(low)"]
            .any(&generator)
    }
}

extension Array {
    fileprivate func any(_ generator: inout SeededGenerator) -> Element {
        self[Int.random(in: indices, using: &generator)]
    }
}
