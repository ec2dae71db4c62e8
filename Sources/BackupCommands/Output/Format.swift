import BackupModel
import Foundation

/// Numbers and times for people.
enum Format {
    /// `1.4 GiB`: powers of 1024.
    static func bytes(_ count: Int64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count)
        var unit = "B"
        // What would round up to 1024 is one of the next unit.
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] where value >= (unit == "B" ? 1024 : 1023.5) {
            value /= 1024
            unit = next
        }
        return String(format: value < 9.95 ? "%.1f %@" : "%.0f %@", value, unit)
    }

    /// `1,234,567`
    static func count(_ number: Int64) -> String {
        let digits = String(number.magnitude)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index).isMultiple(of: 3) { result.append(",") }
            result.append(digit)
        }
        return number < 0 ? "-" + result : result
    }

    /// `1 document`, `1,234 documents`
    static func count(_ number: Int64, _ noun: String) -> String {
        "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `2026-01-14 03:00:00 CET`: the local time of this machine, with its zone.
    static func time(_ time: Date?) -> String {
        guard let time else { return "-" }
        let clamped = Date(
            timeIntervalSince1970: min(max(time.timeIntervalSince1970, -62_000_000_000), 253_000_000_000))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: clamped)
        let zone = calendar.timeZone.abbreviation(for: clamped) ?? "local"
        return String(
            format: "%04d-%02d-%02d %02d:%02d:%02d %@", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0,
            parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0, zone)
    }

    /// `1h02m`, `3m20s`, `12s`, `0.4s`
    static func elapsed(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-" }
        if seconds < 10 { return String(format: "%.1fs", seconds) }
        let whole = Int(seconds)
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return String(format: "%dm%02ds", whole / 60, whole % 60) }
        return String(format: "%dh%02dm", whole / 3600, whole % 3600 / 60)
    }
}
