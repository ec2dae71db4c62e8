import BackupModel
import Foundation

/// The rules once more, by their definition and slowly: for every rule the snapshots are put into the periods of the
/// calendar, Foundation's, and the newest of the newest periods stay.
struct RetentionOracle {
    struct Entry {
        var candidate: RetentionCandidate
        var labels: [RetentionPolicy.Unit: String]
    }

    let policy: RetentionPolicy
    let calendar: Calendar

    /// The words of all reasons by snapshot; without a reason it is removed, and what is not good is not there.
    func reasons(for entries: [Entry], now: Date) -> [String: Set<String>] {
        var reasons: [String: Set<String>] = [:]
        let good = entries.filter(\.candidate.isGood)
        for entry in good { reasons[entry.candidate.id] = [] }
        func add(_ word: String, _ entry: Entry) { reasons[entry.candidate.id, default: []].insert(word) }
        let past = good.filter { $0.candidate.time <= now + 300 }
            .sorted { ($1.candidate.time, $1.candidate.id) < ($0.candidate.time, $0.candidate.id) }
        for entry in good where entry.candidate.time > now + 300 { add("future", entry) }
        for (unit, count) in policy.counts {
            let first = newestOfPeriods(past, unit)
            for entry in first.prefix(count) { add(unit.rawValue, entry) }
            if first.count < count, let oldest = past.last,
                reasons[oldest.candidate.id]?.contains(unit.rawValue) != true
            {
                add("oldest \(unit.rawValue)", oldest)
            }
        }
        for (unit, span) in policy.spans {
            guard let newest = past.first else { continue }
            let limit = limit(span, before: newest.candidate.time)
            let reached = past.filter { $0.candidate.time > limit }
            let word = unit == .last ? "within" : "\(unit.rawValue) within"
            for entry in newestOfPeriods(reached, unit) { add(word, entry) }
            if let oldest = past.last, oldest.candidate.time > limit,
                reasons[oldest.candidate.id]?.contains(word) != true
            {
                add("oldest \(word)", oldest)
            }
        }
        if let newest = past.first { add("last good", newest) }
        if let verified = past.first(where: \.candidate.isVerified) { add("last verified", verified) }
        for entry in good {
            if entry.candidate.pin != nil { add("pinned", entry) }
            if entry.candidate.isBeingRead { add("being read", entry) }
        }
        return reasons
    }

    private func newestOfPeriods(_ sorted: [Entry], _ unit: RetentionPolicy.Unit) -> [Entry] {
        var seen: Set<String> = []
        return sorted.filter { entry in unit == .last || seen.insert(entry.labels[unit] ?? "").inserted }
    }

    private func limit(_ span: RetentionSpan, before time: Date) -> Date {
        var parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: time)
        parts.year = (parts.year ?? 0) - Int(span.years)
        parts.month = (parts.month ?? 0) - Int(span.months)
        parts.day = (parts.day ?? 0) - Int(span.days)
        return (calendar.date(from: parts) ?? .distantPast) - Double(span.hours) * 3600
    }

    /// Foundation's names for the periods in which a time lies.
    static func labels(of time: Date, _ calendar: Calendar) -> [RetentionPolicy.Unit: String] {
        var iso = Calendar(identifier: .iso8601)
        iso.timeZone = calendar.timeZone
        let c = calendar.dateComponents([.year, .month, .day, .hour], from: time)
        let w = iso.dateComponents([.yearForWeekOfYear, .weekOfYear], from: time)
        let (year, month, day, hour) = (c.year ?? 0, c.month ?? 0, c.day ?? 0, c.hour ?? 0)
        return [
            .hourly: "\(year)/\(month)/\(day)/\(hour)", .daily: "\(year)/\(month)/\(day)", .monthly: "\(year)/\(month)",
            .yearly: "\(year)", .weekly: "\(w.yearForWeekOfYear ?? 0)/\(w.weekOfYear ?? 0)",
        ]
    }
}
