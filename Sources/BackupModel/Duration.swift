/// Lengths of time as they are typed: `90s`, `15m`, `6h`, `2d`.
package enum DurationText {
    /// Reads a whole positive number and its unit into seconds; nil for anything else, overflow included.
    package static func seconds(_ text: String) -> Int? {
        guard let unit = text.utf8.last, let number = Int(text.dropLast()), number > 0,
            text.utf8.first != UInt8(ascii: "+")
        else { return nil }
        let factor: Int
        switch unit {
        case UInt8(ascii: "s"): factor = 1
        case UInt8(ascii: "m"): factor = 60
        case UInt8(ascii: "h"): factor = 3600
        case UInt8(ascii: "d"): factor = 86400
        default: return nil
        }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow || seconds > 10 * 365 * 86400 ? nil : seconds
    }

    /// Writes seconds in the largest unit that divides them.
    package static func text(_ seconds: Int) -> String {
        for (unit, factor) in [("d", 86400), ("h", 3600), ("m", 60)] where seconds > 0 && seconds % factor == 0 {
            return "\(seconds / factor)\(unit)"
        }
        return "\(seconds)s"
    }
}
