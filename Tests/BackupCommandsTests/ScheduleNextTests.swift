import ArgumentParser
import BackupModel
import BackupOperations
import Foundation
import Testing

@testable import BackupCommands

@Suite struct ScheduleNextTests {
    private func answer(
        _ rule: String, _ zone: String = "Europe/Warsaw", after: String, count: Int = 2
    ) throws -> ScheduleAnswer {
        let zones = SystemTimeZones(environment: [:])
        let question = ScheduleQuestion(
            expression: rule, timeZone: zone, after: try #require(Timestamp.parse(after)), count: count)
        return try question.answer(zone: zones.rules(named: zone))
    }

    @Test func jsonHasTheKeysThatScriptsRelyOn() throws {
        let json = try answer("30 2 * * *", after: "2026-03-28T12:00:00Z").json
        #expect(
            json.encoded() == """
                {
                  "expression" : "30 2 * * *",
                  "next" : [
                    "2026-03-29T01:00:00Z",
                    "2026-03-30T00:30:00Z"
                  ],
                  "timeZone" : "Europe/Warsaw"
                }
                """)
    }

    @Test func peopleSeeTheRuleTheTimesAndWhatAClockChangeDoes() throws {
        #expect(
            try ScheduleView(answer("30 2 * * 0", after: "2026-03-28T12:00:00Z")).text == """
                at 02:30 every Sunday (Europe/Warsaw)

                UTC                   LOCAL
                2026-03-29T01:00:00Z  Sun 2026-03-29 03:00:00 +02:00
                2026-04-05T00:30:00Z  Sun 2026-04-05 02:30:00 +02:00

                note: on 2026-03-29 the clocks go forward from 02:00 to 03:00: 02:30 is skipped and runs at 03:00
                """)
    }

    @Test(arguments: [
        (
            "30 2 * * *", "Europe/Warsaw", "2026-10-24T12:00:00Z",
            "on 2026-10-25 the clocks go back from 03:00 to 02:00: 02:30 comes twice and runs the first time only"
        ),
        (
            "0,30 2 * * *", "Europe/Warsaw", "2026-03-28T12:00:00Z",
            "on 2026-03-29 the clocks go forward from 02:00 to 03:00: 02:00 and 1 more are skipped and run together at 03:00"
        ),
        (
            "*/30 * * * *", "Europe/Warsaw", "2026-03-29T00:00:00Z",
            "on 2026-03-29 the clocks go forward from 02:00 to 03:00: 02:00 and 1 more are skipped"
        ),
        (
            "*/30 * * * *", "Europe/Warsaw", "2026-10-25T00:00:00Z",
            "on 2026-10-25 the clocks go back from 03:00 to 02:00: 02:00 and 1 more come twice and run both times"
        ),
        (
            "0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z",
            "on 2011-12-30 the clocks go forward from 00:00 to 2011-12-31 00:00: 12:00 is skipped"
        ),
        (
            "15 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z",
            "on 2026-04-24 the clocks go forward from 00:00 to 01:00: 00:15 is skipped and runs at 01:00"
        ),
        (
            "45 23 * * *", "Africa/Cairo", "2026-10-28T12:00:00Z",
            "on 2026-10-30 the clocks go back from 00:00 to 2026-10-29 23:00: 23:45 comes twice and runs the first time only"
        ),
    ])
    func clockChangesAreSaidInWords(rule: String, zone: String, after: String, note: String) throws {
        let text = try ScheduleView(answer(rule, zone, after: after, count: 6)).text
        #expect(text.hasSuffix("\n\nnote: \(note)"), "\(text)")
    }

    /// A change that comes after the last listed time, or concerns none of the rule's times, is nobody's business.
    @Test func changesThatMakeNoDifferenceAreNotMentioned() throws {
        #expect(try !ScheduleView(answer("30 2 * * *", after: "2026-03-26T12:00:00Z")).text.contains("note"))
        #expect(try !ScheduleView(answer("30 4 * * *", after: "2026-03-28T12:00:00Z")).text.contains("note"))
        #expect(try !ScheduleView(answer("30 2 * * *", "UTC", after: "2026-03-28T12:00:00Z")).text.contains("note"))
    }

    @Test func aRuleWithoutAnyDaySaysSo() throws {
        let never = try answer("0 0 LW * */7", after: "2026-01-01T00:00:00Z")
        #expect(never.instants.isEmpty)
        #expect(
            ScheduleView(never).text.hasSuffix(
                "never: no day matches both its day of month and its day of week, so it can never fire"))
        let gap = try answer("*/30 2 25-31 3 */7", after: "2026-01-01T00:00:00Z")
        #expect(ScheduleView(gap).text.hasSuffix("never: every one of its times falls into a clock change"))
    }

    @Test func wrongUseIsRefused() {
        for line in [
            ["schedule", "next"], ["schedule", "next", "@daily", "--batch", "-"],
            ["schedule", "next", "@daily", "--count", "0"],
            ["schedule", "next", "@daily", "--count", "10001"], ["schedule", "next", "@daily", "@hourly"],
            ["version", "x"],
        ] {
            #expect(throws: (any Error).self, "\(line)") { try Backupctl.parseAsRoot(line) }
        }
        for line in [
            ["schedule", "next", "@daily"], ["schedule", "next", "--batch", "-", "--json"], ["version", "--json"],
        ] {
            #expect(throws: Never.self, "\(line)") { try Backupctl.parseAsRoot(line) }
        }
    }

    @Test func localTimesHaveTheirOffset() {
        let time = Date(timeIntervalSince1970: 0)
        #expect(LocalTime(time, offset: 0).text == "Thu 1970-01-01 00:00:00 +00:00")
        #expect(LocalTime(time, offset: -12600).text == "Wed 1969-12-31 20:30:00 -03:30")
        #expect(LocalTime(time, offset: -2670).text == "Wed 1969-12-31 23:15:30 -00:44:30")
        #expect(LocalTime(time, offset: 20700).clock == "05:45")
    }

    @Test func theVersionSaysWhereTheZonesComeFrom() {
        let some = VersionReport(environment: ["TZDIR": "/usr/share/zoneinfo"])
        #expect(some.text.contains("\(ProductVersion.text)\n") && some.text.hasSuffix(", from /usr/share/zoneinfo"))
        let none = VersionReport(environment: ["TZDIR": "/no/such/folder"])
        #expect(none.short.hasPrefix(ProductVersion.text + "\ntime zones "))
        #expect(none.short.contains("compiled in"))
        #expect(none.json.encoded().contains("\"folder\" : null"))
    }

    @Test func stringsAreQuotedAsJSONHasThem() throws {
        for text in ["", "a\"b\\c", "\u{0}\u{1F}\n\t", "é👩‍👩‍👧\u{2028}"] {
            let read = try JSONDecoder().decode([String].self, from: Data("[\(ScheduleBatch.quoted(text))]".utf8))
            #expect(read == [text])
        }
    }
}
