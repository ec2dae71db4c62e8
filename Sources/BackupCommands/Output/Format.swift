import BackupModel
import Foundation
import Synchronization

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
        let zone = TimeZone.current
        let offset = zone.secondsFromGMT(for: clamped)
        return Timestamp.plain(clamped + Double(offset)) + " " + name(of: zone, offset: offset, at: clamped)
    }

    /// Names by day and offset: looking one up takes longer than all the rest, and a table has many times of one day.
    private static let names = Mutex<[ZoneName: String]>([:])

    private struct ZoneName: Hashable {
        var zone: String
        var offset: Int
        var day: Int
    }

    private static func name(of zone: TimeZone, offset: Int, at time: Date) -> String {
        let day = Int((time.timeIntervalSince1970 / 86400).rounded(.down))
        let key = ZoneName(zone: zone.identifier, offset: offset, day: day)
        if let known = names.withLock({ $0[key] }) { return known }
        let name = zone.abbreviation(for: time) ?? "local"
        names.withLock { names in
            if names.count > 1000 { names.removeAll() }
            names[key] = name
        }
        return name
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
