import BackupModel
import Foundation
import Testing

/// Worked examples: what a rule means, each with the instants that Debian's cron has where it can read the rule.
@Suite struct ScheduleExamplesTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var rule: String
        var zone: String
        var after: String
        var next: [String]

        init(_ rule: String, _ zone: String, _ after: String, _ next: String...) {
            self.rule = rule
            self.zone = zone
            self.after = after
            self.next = next
        }

        var testDescription: String { "\(rule) in \(zone) after \(after)" }
    }

    /// `03-29 01:00Z` is of 2026; a day alone is its midnight.
    private static func time(_ text: String) throws -> Date {
        var text = text
        if !text.hasSuffix("Z") { text += " 00:00Z" }
        if text.count < 14 { text = "2026-" + text }
        let written = text.replacing(" ", with: "T").dropLast() + ":00Z"
        return try #require(Timestamp.parse(String(written)), "\(text)")
    }

    static let warsaw = "Europe/Warsaw"

    @Test(arguments: [
        Example("30 2 * * *", warsaw, "03-28 12:00Z", "03-29 01:00Z", "03-30 00:30Z"),
        Example("0,30 2 * * *", warsaw, "03-28 12:00Z", "03-29 01:00Z", "03-30 00:00Z"),
        Example("0 2,3 * * *", warsaw, "03-28 12:00Z", "03-29 01:00Z", "03-30 00:00Z"),
        Example("*/30 2 * * *", warsaw, "03-28 12:00Z", "03-30 00:00Z", "03-30 00:30Z"),
        Example("0 */2 * * *", warsaw, "03-28 23:30Z", "03-29 02:00Z", "03-29 04:00Z", "03-29 06:00Z"),
        Example("0 0-23/2 * * *", warsaw, "03-28 23:30Z", "03-29 01:00Z", "03-29 02:00Z", "03-29 04:00Z"),
        Example("30 2 * * *", warsaw, "10-24 12:00Z", "10-25 00:30Z", "10-26 01:30Z"),
        Example(
            "*/30 2 * * *", warsaw, "10-24 12:00Z", "10-25 00:00Z", "10-25 00:30Z", "10-25 01:00Z", "10-25 01:30Z",
            "10-26 01:00Z"),
        Example(
            "*/30 * * * *", warsaw, "10-24 23:50Z", "10-25 00:00Z", "10-25 00:30Z", "10-25 01:00Z", "10-25 01:30Z",
            "10-25 02:00Z"),
        Example("0 * * * *", warsaw, "10-24 23:30Z", "10-25 00:00Z", "10-25 01:00Z", "10-25 02:00Z"),
        Example("0 0-23 * * *", warsaw, "10-24 23:30Z", "10-25 00:00Z", "10-25 02:00Z", "10-25 03:00Z"),
        Example("30 2 * * *", warsaw, "10-25 01:10Z", "10-26 01:30Z"),
        Example("30 2 * * *", "America/New_York", "03-07 12:00Z", "03-08 07:00Z", "03-09 06:30Z"),
        Example("30 1 * * *", "America/New_York", "10-31 12:00Z", "11-01 05:30Z", "11-02 06:30Z"),
        Example("15 2 * * *", "Australia/Lord_Howe", "10-02 16:00Z", "10-03 15:30Z", "10-04 15:15Z"),
        Example("45 1 * * *", "Australia/Lord_Howe", "04-03 16:00Z", "04-04 14:45Z", "04-05 15:15Z"),
        Example("0 0 * * *", "Africa/Cairo", "04-23 12:00Z", "04-23 22:00Z", "04-24 21:00Z"),
        Example("*/15 0 * * *", "Africa/Cairo", "04-23 12:00Z", "04-24 21:00Z"),
        Example("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00Z", "2018-11-04 03:00Z", "2018-11-05 02:00Z"),
        Example("30 2 * * *", "Africa/Casablanca", "03-21 12:00Z", "03-22 02:00Z", "03-23 01:30Z"),
        Example("30 2 * * *", "Africa/Casablanca", "02-14 12:00Z", "02-15 01:30Z", "02-16 02:30Z"),
        Example("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00Z", "2011-12-29 22:00Z", "2011-12-30 22:00Z"),
        Example("15 6 * * *", "Asia/Kathmandu", "01-01 00:00Z", "01-01 00:30Z"),
        Example("0 0 1,15 * 5", "UTC", "01-01 00:00Z", "01-02", "01-09", "01-15", "01-16"),
        Example("0 0 */2 * 1", "UTC", "01-01 00:00Z", "01-05", "01-19", "02-09"),
        Example("0 0 1-31/2 * 1", "UTC", "01-01 00:00Z", "01-03", "01-05", "01-07"),
        Example("0 0 1-7 * */7", "UTC", "01-01 00:00Z", "01-04", "02-01", "03-01"),
        Example("0 0 * * 7", "UTC", "01-01 00:00Z", "01-04"),
        Example("0 0 * * 5-7", "UTC", "01-01 00:00Z", "01-02", "01-03", "01-04"),
        Example("0 0 * * */2", "UTC", "01-01 00:00Z", "01-03", "01-04", "01-06", "01-08"),
        Example("0 0 29 2 *", "UTC", "01-01 00:00Z", "2028-02-29", "2032-02-29"),
        Example("0 0 29 2 *", "UTC", "2096-03-01", "2104-02-29"),
        Example("0 0 31 * *", "UTC", "01-31 00:00Z", "03-31", "05-31", "07-31"),
        Example("0 0 30 2 1", "UTC", "01-01 00:00Z", "02-02", "02-09"),
        Example("0 0 L * *", "UTC", "01-30 00:00Z", "01-31", "02-28", "03-31"),
        Example("0 0 LW * *", "UTC", "01-01 00:00Z", "01-30", "02-27", "03-31"),
        Example("0 0 * * 5L", "UTC", "01-01 00:00Z", "01-30", "02-27", "03-27"),
        Example("0 0 * * MON#1", "UTC", "01-01 00:00Z", "01-05", "02-02", "03-02"),
        Example("0 0 * * 5#5", "UTC", "01-01 00:00Z", "01-30", "05-29"),
        Example("0 0 15W * *", "UTC", "08-01 00:00Z", "08-14", "09-15"),
        Example("0 0 1W * *", "UTC", "07-20 00:00Z", "08-03", "09-01"),
        Example("*/35 * * * *", "UTC", "01-01 00:00Z", "01-01 00:35Z", "01-01 01:00Z", "01-01 01:35Z"),
        Example("5/20 * * * *", "UTC", "01-01 00:00Z", "01-01 00:05Z", "01-01 00:25Z", "01-01 00:45Z"),
        Example("*/100 3 * * *", "UTC", "01-01 00:00Z", "01-01 03:00Z"),
        Example("0 0 * * FRI-SUN", "UTC", "01-01 00:00Z", "01-02", "01-03", "01-04"),
        Example("0 3 * * *", "UTC", "01-01 03:00Z", "01-02 03:00Z"),
    ])
    func workedExamples(example: Example) throws {
        let schedule = try Schedule(example.rule)
        let zone = try SystemZones.rules(named: example.zone)
        var after = try Self.time(example.after)
        for expected in example.next {
            let next = try #require(schedule.next(after: after, in: zone, anchor: after))
            #expect(try Timestamp.rfc3339(next) == Timestamp.rfc3339(Self.time(expected)))
            after = next
        }
    }

    /// Forms that Debian's cron lacks, beyond the examples above.
    @Test(arguments: [
        Example("0 0 L-3 * *", "UTC", "02-01", "02-25", "03-28", "04-27"),
        Example("0 0 L-30 * *", "UTC", "02-01", "03-01", "05-01"),
        Example("0 0 31W * *", "UTC", "01-01", "01-30", "03-31", "05-29"),
        Example("0 0 ? * 1", "UTC", "01-01", "01-05", "01-12"),
        Example("0 0 13 * ?", "UTC", "01-01", "01-13", "02-13"),
        Example("0 0 * * FRIL", "UTC", "01-01 00:00Z", "01-30", "02-27"),
        Example("0 0 * * fri#l", "UTC", "01-01 00:00Z", "01-30", "02-27"),
        Example("0 0 * * 0L", "UTC", "01-01 00:00Z", "01-25", "02-22"),
        Example("0 0 * * 7#1", "UTC", "01-01 00:00Z", "01-04", "02-01"),
        Example("0 0 * * 5-0", "UTC", "01-01 00:00Z", "01-02", "01-03", "01-04", "01-09"),
        Example("0 0 15,l * *", "UTC", "01-01", "01-15", "01-31", "02-15", "02-28"),
        Example("0 0 * * 1/2", "UTC", "01-01", "01-02", "01-04", "01-05", "01-07"),
        Example("0 0 * jan,Dec sun,MON-tue", "UTC", "01-28", "12-01", "12-06", "12-07", "12-08"),
        Example("\t0  0 * *\t* ", "UTC", "01-28", "01-29"),
        // A step larger than any number.
        Example("*/99999999999999999999 3 * * *", "UTC", "01-01", "01-01 03:00Z", "01-02 03:00Z"),
        Example("5-5/2 3 * * *", "UTC", "01-01", "01-01 03:05Z", "01-02 03:05Z"),
        // The gap and the repeated hour of a far future, by the rule at the end of the file.
        Example("30 2 * * *", warsaw, "2399-03-27", "2399-03-27 01:30Z", "2399-03-28 01:00Z", "2399-03-29 00:30Z"),
        Example("30 2 * * *", warsaw, "9000-03-30", "9000-03-30 01:00Z", "9000-03-31 00:30Z"),
        // Clocks that go forward by three hours or more were wrong: what they skip is lost. Back, the limit is beyond that.
        Example("30 4 * * *", "Antarctica/Casey", "2018-10-05 12:00Z", "2018-10-05 20:30Z", "2018-10-07 17:30Z"),
        Example("30 1 * * *", "Antarctica/Casey", "2019-03-16 12:00Z", "2019-03-16 14:30Z", "2019-03-17 17:30Z"),
    ])
    func moreExamples(example: Example) throws { try workedExamples(example: example) }

    @Test(arguments: [
        "0 0 31 2 *", "0 22-2 * * *", "*/5-10 * * * *", "1,,2 * * * *", "0 0 LW * */7", "0 0 */100 * MON#4",
        "0 0 30,31 2 *", "0 0 30W 2 ?", "* * * * * *", "* * * * * * *", "* * * *", "", "   ", "@reboot", "@",
        "@daily x",
        "@every", "@every 0s", "@every 59s", "@every 6", "@every 6w", "@every -6h", "@every 1h 30m",
        "@every 99999999999999h",
        "TZ=UTC 0 0 * * *", "CRON_TZ=UTC 0 0 * * * *", "0 0 L-0 * *", "0 0 L-31 * *", "0 0 L/2 * *", "0 0 * * L",
        "0 0 * * 1#0", "0 0 * * 1#6", "0 0 * * 1#", "0 0 * * #1", "0 0 * * 1-5#1", "0 0 * * */2#1", "0 0 ?/2 * *",
        "? 0 * * *", "0 ? * * *", "0 0 * ? *", "0 0 1,? * *", "5* * * * *", "+5 * * * *", "-5 * * * *", "5- * * * *",
        "5--6 * * * *", "1-2-3 * * * *", "1//2 * * * *", "1/ * * * *", "*/0 * * * *", "1.5 * * * *", "1_0 * * * *",
        "٣ * * * *", "* * * * MONDAY", "* * * JANUARY *", "MON * * * *", "* * MON * *", "* * * 0 *", "* * 0 * *",
        "* * * * 8", "60 * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *", "99999999999999999999 * * * *",
        "* * * * *\n",
        "0 0 1W2 * *", "0 0 W * *", "0 0 LWW * *", "0 0 * * [", "0 0 * * @", "0 0 * * \u{0}",
    ])
    func whatIsNoRuleIsRefusedWithTheReason(rule: String) throws {
        let error = try #require(#expect(throws: BackupError.self) { try Schedule(rule) })
        #expect(error.code == .invalidSchedule)
        #expect(error.code.exitStatus == 64)
        #expect(error.message.hasPrefix("cannot use "))
        #expect(!error.message.contains("\n"))
        #expect(error.message.count < 400)
    }

    @Test(arguments: [
        ("60 * * * *", "cannot use schedule '60 * * * *': minute '60' is not within 0-59", nil),
        ("0 22-2 * * *", "cannot use schedule '0 22-2 * * *': hour '22-2' runs backwards", "write '22-23,0-2'."),
        (
            "0 0 31 4,6 *", "cannot use schedule '0 0 31 4,6 *': month '4,6' never has day '31', so it can never fire",
            "'L' is the last day of every month."
        ),
        (
            "0 0 LW * */7",
            "cannot use schedule '0 0 LW * */7': no day matches both its day of month and its day of week, so it can never fire",
            "with a '*' at the beginning of either field both must match; without, either is enough."
        ),
        (
            "0 0 0 * * *", "cannot use schedule '0 0 0 * * *': it has 6 fields, not 5",
            "the five fields are minute, hour, day of month, month, day of week; there is none for seconds or years."
        ),
        (
            "@every 0s", "cannot use schedule '@every 0s': '0s' is not a length of time",
            "write a number and s, m, h or d, as in '@every 6h'; the shortest is 60s."
        ),
    ])
    func refusalsNameTheFieldAndTheReason(rule: String, message: String, hint: String?) {
        let error = #expect(throws: BackupError.self) { try Schedule(rule) }
        #expect(error?.message == message)
        #expect(error?.hint == hint)
    }

    /// Every year it falls into the gap, and follows the wall clock: there is no instant.
    @Test func aRuleThatAClockChangeAlwaysTakesAwayNeverFires() throws {
        let zone = try SystemZones.rules(named: Self.warsaw)
        let schedule = try Schedule("*/30 2 25-31 3 */7")
        let now = try Self.time("01-01")
        #expect(schedule.next(after: now, in: zone, anchor: now) == nil)
        #expect(throws: BackupError.self) { try schedule.checkFires(in: zone, after: now) }
        #expect(throws: Never.self) { try schedule.checkFires(in: .utc, after: now) }
        #expect(throws: Never.self) { try Schedule("30 2 25-31 3 */7").checkFires(in: zone, after: now) }
    }

    @Test func anIntervalIsCountedFromItsAnchorWhateverTheClockDoes() throws {
        let schedule = try Schedule("@every 6h")
        let zone = try SystemZones.rules(named: Self.warsaw)
        let anchor = try Self.time("10-24 13:07Z")
        #expect(schedule.isInterval)
        #expect(schedule.next(after: anchor, in: zone, anchor: anchor) == anchor + 6 * 3600)
        #expect(schedule.next(after: anchor + 6 * 3600, in: zone, anchor: anchor) == anchor + 12 * 3600)
        #expect(schedule.next(after: anchor + 6 * 3600 - 0.5, in: zone, anchor: anchor) == anchor + 6 * 3600)
        #expect(schedule.next(after: anchor - 86400, in: zone, anchor: anchor) == anchor + 6 * 3600)
        #expect(schedule.latest(atOrBefore: anchor + 86400, after: anchor, in: zone, anchor: anchor) == anchor + 86400)
        #expect(schedule.latest(atOrBefore: anchor + 5 * 3600, after: anchor, in: zone, anchor: anchor) == nil)
        #expect(schedule.count(after: anchor, through: anchor + 86400, in: zone, anchor: anchor) == 4)
    }

    @Test func timesOutsideTheCalendarAreNoTrap() throws {
        for schedule in try [Schedule("30 2 * * *"), Schedule("*/7 * 29 2 *"), Schedule("@every 1d")] {
            for zone in try [.utc, SystemZones.rules(named: Self.warsaw)] {
                for time in [
                    Date.distantFuture, .distantPast, Date(timeIntervalSince1970: .infinity),
                    Date(timeIntervalSince1970: -.infinity), Date(timeIntervalSince1970: .nan),
                    Date(timeIntervalSince1970: 253_402_300_799),
                ] {
                    _ = schedule.next(after: time, in: zone, anchor: time)
                    _ = schedule.latest(atOrBefore: time, after: .distantPast, in: zone, anchor: .now)
                    _ = schedule.count(after: .distantPast, through: time, in: zone, anchor: .distantPast)
                }
                let end = Date(timeIntervalSince1970: 253_402_300_799)
                #expect(schedule.next(after: end, in: zone, anchor: end) == nil)
            }
        }
    }

    @Test(arguments: [
        ("30 2 * * *", 86400, 86400), ("30 2 * * 1-5", 86400, 3 * 86400), ("* * * * *", 60, 60),
        ("0 2,14 * * *", 43200, 43200), ("0 8-18 * * 1-5", 3600, 62 * 3600), ("0 0 29 2 *", 1461 * 86400, 2921 * 86400),
        ("0 3 L * *", 28 * 86400, 31 * 86400), ("@every 6h", 21600, 21600), ("0,7 3 1 * *", 420, 31 * 86400 - 420),
    ])
    func intervalsLieBetween(rule: String, shortest: Int, longest: Int) throws {
        #expect(try Schedule(rule).intervals == shortest...longest)
    }

    @Test func missedInstantsAreCountedAndListedWhenTheyAreFew() throws {
        let schedule = try Schedule("30 2 * * *")
        let zone = try SystemZones.rules(named: Self.warsaw)
        let start = try Self.time("03-26 12:00Z")
        let few = try #require(
            schedule.instants(after: start, through: start + 4 * 86400, in: zone, anchor: start, listingUpTo: 100))
        #expect(
            try few.listed == [
                Self.time("03-27 01:30Z"), Self.time("03-28 01:30Z"), Self.time("03-29 01:00Z"),
                Self.time("03-30 00:30Z"),
            ])
        #expect(few.count == 4 && few.first == few.listed.first && few.last == few.listed.last)
        let many = try #require(
            Schedule("* * * * *").instants(
                after: start, through: start + 365 * 86400, in: zone, anchor: start, listingUpTo: 100))
        #expect(many.count == 365 * 1440 && many.listed.isEmpty)
        #expect(many.first == start + 60 && many.last == start + 365 * 86400)
        #expect(schedule.instants(after: start, through: start + 60, in: zone, anchor: start, listingUpTo: 9) == nil)
    }

    @Test func rulesKeepTheirTextThroughCoding() throws {
        let schedule = try Schedule("  30 2 * *  SUN ")
        #expect(schedule.text == "30 2 * *  SUN")
        let data = try JSONEncoder().encode([schedule])
        #expect(try JSONDecoder().decode([Schedule].self, from: data) == [schedule])
        #expect(throws: (any Error).self) { try JSONDecoder().decode([Schedule].self, from: Data("[\"x\"]".utf8)) }
    }
}
