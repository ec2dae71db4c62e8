import Foundation
import Testing

@testable import BackupModel

@Suite struct TimeZoneRulesTests {
    private func time(_ text: String) throws -> Date { try #require(Timestamp.parse(text)) }

    /// Foundation has rules of its own; where both are of the same release they must agree for every zone, but for `WET`:
    /// Debian keeps the history that it had of its own, others have made it one with Lisbon's.
    @Test func everyZoneOfTheSystemIsReadAndAgreesWithFoundation() throws {
        let isSameRelease = SystemZones.version == TimeZone.timeZoneDataVersion
        var generator = SeededGenerator(seed: 1)
        var compared = 0
        for name in try SystemZones.names() where name != "WET" {
            let rules = try SystemZones.rules(named: name)
            guard isSameRelease, let zone = TimeZone(identifier: name) else { continue }
            let range = Self.start...Self.end
            let changes = rules.changes.filter(range.contains)
            let random = (0..<20).map { _ in Int.random(in: range, using: &generator) }
            for instant in changes.flatMap({ [$0 - 1, $0, $0 + 1] }) + random {
                let date = Date(wholeSeconds: instant)
                #expect(rules.offset(at: date) == zone.secondsFromGMT(for: date), "\(name) at \(date)")
                compared += 1
            }
        }
        #expect(!isSameRelease || compared > 10_000)
    }

    private static let start = 631_152_000  // 1990
    private static let end = 2_208_988_800  // 2040

    @Test func theRuleAtTheEndGoesOnForEver() throws {
        let rules = try SystemZones.rules(named: "Europe/Warsaw")
        for year in [2026, 2037, 2038, 2100, 2399, 2437, 2438, 2439, 2440, 2441, 2900, 9998] {
            #expect(try rules.offset(at: time("\(year)-01-15T00:00:00Z")) == 3600, "\(year)")
            #expect(try rules.offset(at: time("\(year)-07-15T00:00:00Z")) == 7200, "\(year)")
        }
        // Two changes a year, seconds apart from each other in no year.
        let stretches = stride(from: 2030, to: 3300, by: 1).map { year in
            rules.stretch(at: CivilTime.day(year, 7, 15) * 86400)
        }
        for (stretch, year) in zip(stretches, 2030...) {
            let start = CivilTime.date(ofDay: stretch.start / 86400)
            let end = CivilTime.date(ofDay: stretch.end / 86400)
            #expect(start.year == year && start.month == 3 && (25...31).contains(start.day), "\(year)")
            #expect(end.year == year && end.month == 10 && (25...31).contains(end.day), "\(year)")
            #expect(stretch.reached == stretch.localStart - 3600)
            #expect(rules.stretch(at: stretch.start) == stretch)
            #expect(rules.stretch(at: stretch.end - 1) == stretch)
            #expect(rules.stretch(at: stretch.start - 1).end == stretch.start)
        }
    }

    @Test func rulesForTheFuture() throws {
        let cases: [(footer: String, offset: Int, instant: String, expected: Int)] = [
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, "2050-03-27T00:59:59Z", 3600),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, "2050-03-27T01:00:00Z", 7200),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, "2050-10-30T00:59:59Z", 7200),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, "2050-10-30T01:00:00Z", 3600),
            // Daylight saving time that is the shorter offset (Dublin), and one of half an hour (Lord Howe).
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 3600, "2050-01-01T00:00:00Z", 0),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 3600, "2050-07-01T00:00:00Z", 3600),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37800, "2050-01-01T00:00:00Z", 39600),
            // Times before midnight and beyond the day (RFC 9636), and days by number.
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, "2050-03-27T00:59:59Z", -7200),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, "2050-03-27T01:00:00Z", -3600),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 7200, "2050-03-24T23:59:59Z", 7200),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 7200, "2050-03-25T00:00:00Z", 10800),
            ("AAA3BBB,J60/0,J305/0", -10800, "2052-03-01T02:59:59Z", -10800),
            ("AAA3BBB,J60/0,J305/0", -10800, "2052-03-01T03:00:00Z", -7200),
            ("AAA3BBB,59/0,304/0", -10800, "2052-02-29T03:00:00Z", -7200),
            ("AAA3BBB,59/0,304/0", -10800, "2051-03-01T02:59:59Z", -10800),
            // Daylight saving time the whole year.
            ("EST5EDT,0/0,J365/25", -14400, "2051-01-01T04:59:59Z", -14400),
            ("EST5EDT,0/0,J365/25", -14400, "2051-01-01T05:00:00Z", -14400),
            ("EST5EDT,0/0,J365/25", -14400, "2051-07-01T00:00:00Z", -14400),
            ("AAA12:34:56", -45296, "2050-01-01T00:00:00Z", -45296),
        ]
        for (footer, offset, instant, expected) in cases {
            // The last change that is listed lies in the northern winter, and in the southern summer.
            let last = try rulesOffset(footer, offset, at: "2020-01-01T12:00:00Z")
            let file = TZifBytes(changes: [(at: 1_577_880_000, offset: last)], footer: footer)
            let rules = try TimeZoneRules(name: "x", tzif: file.bytes)
            #expect(try rules.offset(at: time(instant)) == expected, "\(footer) at \(instant)")
        }
    }

    /// A file without changes has its rule from the beginning.
    private func rulesOffset(_ footer: String, _ offset: Int, at instant: String) throws -> Int {
        let file = TZifBytes(initialOffset: offset, footer: footer)
        return try TimeZoneRules(name: "x", tzif: file.bytes).offset(at: time(instant))
    }

    @Test(arguments: [
        "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0,", "CET-1CEST,M3.5.0,M10.5.0/3x", "C1", "CE1",
        "<CET-1", "<>1", "CET-25", "CET-1:60", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,M10.5.0",
        "CET-1CEST,J366,M10.5.0", "CET-1CEST,366,M10.5.0", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-", "CET-1CEST,,",
        " CET-1",
        "CET-1CEST,M3.5.0/9999999999999999999,M10.5.0", "CET-99999999999999999999",
    ])
    func damagedRulesAreRefused(footer: String) {
        let file = TZifBytes(initialOffset: 3600, footer: footer)
        let error = #expect(throws: BackupError.self) { try TimeZoneRules(name: "x", tzif: file.bytes) }
        #expect(error?.code == .timeZoneDamaged)
    }

    @Test func filesThatDoNotHoldTogetherAreRefused() throws {
        let good = TZifBytes(changes: [(at: 0, offset: 3600)], footer: "CET-1")
        #expect(throws: Never.self) { try TimeZoneRules(name: "x", tzif: good.bytes) }
        var version1 = good
        version1.version = 0
        var contradiction = good
        contradiction.footer = "CET-2"
        var season = good
        season.footer = "EET-2EEST,M3.5.0/3,M10.5.0/4"
        var order = good
        order.changes.append((at: -5, offset: 3600))
        var offset = good
        offset.changes = [(at: 0, offset: 93_600)]
        var time = good
        time.changes = [(at: 1 << 60, offset: 3600)]
        var lowest = good
        lowest.changes = [(at: Int.min, offset: 3600)]
        var leap = good
        leap.leapSeconds = 1
        for file in [version1, contradiction, season, order, offset, time, lowest, leap] {
            let error = #expect(throws: BackupError.self, "\(file)") { try TimeZoneRules(name: "x", tzif: file.bytes) }
            #expect(error?.message.hasPrefix("cannot read the rules of time zone 'x': ") == true)
        }
        let error = #expect(throws: BackupError.self) { try TimeZoneRules(name: "x", tzif: leap.bytes) }
        #expect(error?.message.contains("leap seconds") == true)
        // The file's last type is beyond the types that it has.
        var index = good.bytes
        index[44 + 10 + 44 + 8] = 2
        #expect(throws: BackupError.self) { try TimeZoneRules(name: "x", tzif: index) }
    }

    @Test(arguments: ["Europe/Warsaw", "Asia/Kathmandu", "America/New_York"])
    func aFileThatIsCutOffIsRefused(name: String) throws {
        let bytes = try SystemZones.bytes(named: name)
        for length in bytes.indices {
            #expect(throws: BackupError.self, "\(length)") {
                try TimeZoneRules(name: name, tzif: Array(bytes[..<length]))
            }
        }
    }

    /// What is read in spite of the damage must still answer every question without a trap.
    @Test(arguments: ["Asia/Kathmandu", "Etc/UTC", "Pacific/Apia"])
    func flippedBitsAreNoTrap(name: String) throws {
        let bytes = try SystemZones.bytes(named: name)
        let schedules = try [Schedule("30 2 * * *"), Schedule("*/30 2 29 2 *")]
        var refused = 0
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                guard let rules = try? TimeZoneRules(name: name, tzif: damaged) else {
                    refused += 1
                    continue
                }
                use(rules, schedules)
            }
        }
        #expect(refused > 100)
    }

    @Test func randomBytesAreNoTrap() throws {
        var generator = SeededGenerator(seed: 2)
        let schedules = try [Schedule("30 2 * * *")]
        let good = try SystemZones.bytes(named: "Pacific/Apia")
        var read = 0
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let rules = try? TimeZoneRules(name: "x", tzif: bytes) else { continue }
            read += 1
            use(rules, schedules)
        }
        #expect(read > 100)
    }

    private func use(_ rules: TimeZoneRules, _ schedules: [Schedule]) {
        for instant in [-70_000_000_000, 0, 1_700_000_000, 4_000_000_000, 200_000_000_000] {
            _ = rules.stretch(at: instant)
            let date = Date(wholeSeconds: instant)
            for schedule in schedules { _ = schedule.next(after: date, in: rules, anchor: date) }
        }
        let now = Date(wholeSeconds: 1_700_000_000)
        _ = schedules[0].latest(atOrBefore: now, after: .distantPast, in: rules, anchor: now)
    }

    @Test func aListOfChangesIsEnough() {
        let rules = TimeZoneRules(name: "x", initialOffset: 0, changes: [(100, 3600), (200, 3600), (300, 0)])
        #expect(rules.changes == [100, 300])
        #expect([99, 100, 299, 300].map { rules.offset(at: Date(wholeSeconds: $0)) } == [0, 3600, 3600, 0])
        #expect(rules.stretch(at: 300).reached == 3900)
        #expect(rules.stretch(at: 100).reached == 100)
    }
}
