import BackupModel
import Foundation
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0.0), ("2026-01-14T02:00:00Z", 1_768_356_000),
        ("2026-01-14T02:00:00.25Z", 1_768_356_000.25),
        ("2026-01-14T03:00:00+01:00", 1_768_356_000), ("2026-01-13T22:30:00-03:30", 1_768_356_000),
        ("2024-02-29t23:59:59z", 1_709_251_199), ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799), ("1900-03-01T00:00:00Z", -2_203_891_200),
    ])
    func timesAreRead(text: String, seconds: Double) {
        #expect(Timestamp.parse(text)?.timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        "", "2026-01-14", "2026-01-14T02:00:00", "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00ZZ", "2026-1-1T00:00:00Z",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01",
        "+026-01-01T00:00:00Z", "2026-01-01T00:00:0\u{663}Z", "0000-01-01T00:00:00Z", " 2026-01-01T00:00:00Z",
        "1e26-01-01T00:00:00Z",
    ])
    func whatIsNoTimeIsNotRead(text: String) {
        #expect(Timestamp.parse(text) == nil)
    }

    @Test func writingAndReadingGoTogether() {
        for second in stride(from: -62_135_596_800, through: 253_402_300_799, by: 86_400 * 997 + 12_345) {
            let time = Date(timeIntervalSince1970: Double(second))
            #expect(Timestamp.parse(Timestamp.rfc3339(time)) == time)
        }
        #expect(Timestamp.compact(Date(timeIntervalSince1970: 1_768_356_000.9)) == "20260114T020000Z")
        #expect(Timestamp.rfc3339(.distantPast) == "0001-01-01T00:00:00Z")
        #expect(Timestamp.rfc3339(Date(timeIntervalSince1970: .infinity)) == "9999-12-31T23:59:59Z")
        #expect(Timestamp.rfc3339(Date(timeIntervalSince1970: .nan)) == "0001-01-01T00:00:00Z")
    }

    /// The calendar of Foundation is the second opinion.
    @Test func everyDayOfFourCenturiesIsTheOneOfTheCalendar() {
        let style = Date.ISO8601FormatStyle()
        for day in stride(from: -25_567, to: 120_530, by: 11) {
            let time = Date(timeIntervalSince1970: Double(day) * 86_400 + Double(day & 0xFFFF))
            #expect(Timestamp.rfc3339(time) == style.format(time))
        }
    }
}
