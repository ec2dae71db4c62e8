/// A length of time by the calendar, as `1y2m3d4h`: years, months, days and hours.
package struct RetentionSpan: Hashable, Sendable {
    package var years: Int64 = 0
    package var months: Int64 = 0
    package var days: Int64 = 0
    package var hours: Int64 = 0

    /// What one number may be at most: far beyond any history, and no sum of such overflows.
    private static let largest: Int64 = 100_000

    /// Reads numbers with their units, each unit once, in any order; nil for anything else.
    package init?(_ text: String) {
        var seen: Set<UInt8> = []
        var number: Int64?
        for byte in text.utf8 {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                let next = (number ?? 0) * 10 + Int64(byte - UInt8(ascii: "0"))
                guard next <= Self.largest else { return nil }
                number = next
                continue
            }
            guard let value = number, seen.insert(byte).inserted else { return nil }
            switch byte {
            case UInt8(ascii: "y"): years = value
            case UInt8(ascii: "m"): months = value
            case UInt8(ascii: "d"): days = value
            case UInt8(ascii: "h"): hours = value
            default: return nil
            }
            number = nil
        }
        guard number == nil, !seen.isEmpty else { return nil }
    }

    package var isZero: Bool { years == 0 && months == 0 && days == 0 && hours == 0 }

    /// The time, in milliseconds since 1970, that lies so long before another one: the calendar's part in local time,
    /// then the hours.
    func before(_ milliseconds: Int64, in zone: TimeZoneRules) -> Int64 {
        let seconds = milliseconds.flooredSeconds
        let moment = zone.moment(at: seconds).subtracting(years: years, months: months, days: days)
        return (zone.seconds(of: moment) - hours * 3600) * 1000 + (milliseconds - seconds * 1000)
    }
}

extension RetentionSpan: CustomStringConvertible {
    package var description: String {
        let parts = [(years, "y"), (months, "m"), (days, "d"), (hours, "h")].filter { $0.0 != 0 }
        return parts.isEmpty ? "0d" : parts.map { "\($0.0)\($0.1)" }.joined()
    }
}

extension Int64 {
    /// Milliseconds as whole seconds, rounded down.
    var flooredSeconds: Int64 { self >= 0 ? self / 1000 : -((999 - self) / 1000) }
}
