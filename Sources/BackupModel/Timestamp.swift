package import Foundation

/// Times as text. Always UTC here; local time is a matter of the command line's listings.
package enum Timestamp {
    /// `2026-01-14T02:00:00Z`: RFC 3339, to the second.
    package static func rfc3339(_ time: Date) -> String { fill("0000-00-00T00:00:00Z", time) }

    /// `20260114T020000Z`, for names of files.
    package static func compact(_ time: Date) -> String { fill("00000000T000000Z", time) }

    /// `2026-01-14 02:00:00`, for people, who are told the zone beside it.
    package static func plain(_ time: Date) -> String { fill("0000-00-00 00:00:00", time) }

    /// Reads RFC 3339 (`2026-01-14T02:00:00Z`, with a fraction of a second or an offset too); nil for anything else,
    /// and for days and times that there are not.
    package static func parse(_ text: String) -> Date? {
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4), year > 0, take("-", &rest), let month = number(&rest, 2),
            (1...12).contains(month), take("-", &rest), let day = number(&rest, 2), day > 0,
            day <= CivilTime.length(ofMonth: month, in: year), take("T", &rest), let hour = number(&rest, 2), hour < 24,
            take(":", &rest), let minute = number(&rest, 2), minute < 60, take(":", &rest),
            let second = number(&rest, 2),
            second < 60, let fraction = fraction(&rest), let offset = offset(&rest), rest.isEmpty
        else { return nil }
        let seconds = CivilTime.day(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    private static func take(_ letter: Character, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let byte = rest.first, let expected = letter.asciiValue,
            byte == expected || byte == expected | 0x20 && letter.isLetter
        else { return false }
        rest.removeFirst()
        return true
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ width: Int) -> Int? {
        let digits = rest.prefix(width)
        guard digits.count == width, digits.allSatisfy(isDigit) else { return nil }
        rest = rest.dropFirst(width)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Double? {
        guard take(".", &rest) else { return 0 }
        let digits = rest.prefix(while: isDigit)
        guard !digits.isEmpty else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reversed().reduce(0.0) { ($0 + Double($1 - UInt8(ascii: "0"))) / 10 }
    }

    /// Seconds east of Greenwich.
    private static func offset(_ rest: inout ArraySlice<UInt8>) -> Int? {
        if take("Z", &rest) { return 0 }
        let isWest = take("-", &rest)
        guard isWest || take("+", &rest), let hours = number(&rest, 2), hours < 24, take(":", &rest),
            let minutes = number(&rest, 2), minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The template with its zeros replaced by the digits of year, month, day, hour, minute and second. A
    /// time far outside the calendar (a damaged row) must not trap: it shows as the nearest end.
    private static func fill(_ template: StaticString, _ time: Date) -> String {
        let seconds = time.wholeSeconds
        let day = CivilTime.floorDivide(seconds, 86400)
        let date = CivilTime.date(ofDay: day)
        let second = seconds - day * 86400
        // Fourteen digits.
        var number = min(max(date.year, 0), 9999)
        for part in [date.month, date.day, second / 3600, second / 60 % 60, second % 60] {
            number = number * 100 + part
        }
        return template.withUTF8Buffer { template in
            String(unsafeUninitializedCapacity: template.count) { buffer in
                for index in template.indices.reversed() {
                    let isDigit = template[index] == UInt8(ascii: "0")
                    buffer[index] = isDigit ? UInt8(ascii: "0") + UInt8(number % 10) : template[index]
                    if isDigit { number /= 10 }
                }
                return template.count
            }
        }
    }
}
