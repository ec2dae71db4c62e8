package import Foundation

/// Times as text. Always UTC here; local time is a matter of the command line's listings.
package enum Timestamp {
    /// `2026-01-14T02:00:00Z`: RFC 3339, to the second.
    package static func rfc3339(_ time: Date) -> String {
        let (date, second) = split(time)
        return "\(pad(date.year, 4))-\(pad(date.month))-\(pad(date.day))"
            + "T\(pad(second / 3600)):\(pad(second / 60 % 60)):\(pad(second % 60))Z"
    }

    /// `20260114T020000Z`, for names of files.
    package static func compact(_ time: Date) -> String {
        let (date, second) = split(time)
        return "\(pad(date.year, 4))\(pad(date.month))\(pad(date.day))"
            + "T\(pad(second / 3600))\(pad(second / 60 % 60))\(pad(second % 60))Z"
    }

    /// Reads RFC 3339 in UTC (`...Z`), with or without a fraction of a second; nil for anything else.
    package static func parse(_ text: String) -> Date? {
        if let time = parseUsual(text.utf8) { return time }
        if let time = try? Date(text, strategy: .iso8601) { return time }
        return try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// `2026-01-14T02:00:00Z` and no other form: many lines of a file have it.
    private static func parseUsual(_ text: String.UTF8View) -> Date? {
        let pattern: StaticString = "0000-00-00T00:00:00Z"
        guard text.count == pattern.utf8CodeUnitCount else { return nil }
        var numbers: [Int] = [0]
        for (byte, expected) in zip(
            text, UnsafeBufferPointer(start: pattern.utf8Start, count: pattern.utf8CodeUnitCount))
        {
            if expected == UInt8(ascii: "0") {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int(byte - UInt8(ascii: "0"))
            } else {
                guard byte == expected else { return nil }
                numbers.append(0)
            }
        }
        let (year, month, day) = (numbers[0], numbers[1], numbers[2])
        guard year > 0, (1...12).contains(month), day > 0, day <= CivilTime.length(ofMonth: month, in: year),
            numbers[3] < 24, numbers[4] < 60, numbers[5] < 60
        else { return nil }
        return Date(
            wholeSeconds: CivilTime.day(year, month, day) * 86400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5])
    }

    /// A time far outside the calendar (a damaged row) must not trap: it shows as the nearest end.
    private static func split(_ time: Date) -> (date: (year: Int, month: Int, day: Int), second: Int) {
        let seconds = time.wholeSeconds
        let day = CivilTime.floorDivide(seconds, 86400)
        return (CivilTime.date(ofDay: day), seconds - day * 86400)
    }

    private static func pad(_ value: Int, _ width: Int = 2) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
