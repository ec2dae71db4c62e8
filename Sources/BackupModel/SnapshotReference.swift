package import Foundation

/// How a snapshot is named on a command line.
package enum SnapshotReference: Hashable, Sendable {
    /// An id, or the beginning of one.
    case id(String)
    /// `JOB@latest`: the newest good one.
    case latest(job: JobName)
    /// `JOB@2026-01-14`: the newest good one at or before that time; a day alone means its end.
    case atOrBefore(job: JobName, time: Date)

    /// Reads a name; times without a zone are local ones of `timeZone`.
    package init(parsing text: String, timeZone: TimeZone) throws {
        guard let at = text.lastIndex(of: "@") else {
            guard !text.isEmpty, JobName.isValid(String(text.prefix(64).lowercased())) else {
                throw BackupError(.invalidName, "cannot use snapshot name '\(text.escapedForDisplay)'", hint: Self.hint)
            }
            self = .id(text)
            return
        }
        let job = try JobName(String(text[..<at]))
        let when = String(text[text.index(after: at)...])
        if when == "latest" {
            self = .latest(job: job)
        } else if let time = Self.time(when, timeZone: timeZone) {
            self = .atOrBefore(job: job, time: time)
        } else {
            throw BackupError(
                .invalidName, "cannot read the time in snapshot name '\(text.escapedForDisplay)'", hint: Self.hint)
        }
    }

    private static let hint = "use an id or its beginning, JOB@latest, JOB@2026-01-14 or JOB@2026-01-14T02:00:00Z."

    /// A time as it is typed: RFC 3339, or in local time, where a day alone means its end.
    package static func time(_ text: String, timeZone: TimeZone) -> Date? {
        if let time = Timestamp.parse(text) { return time }
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        guard let day = parts.first.flatMap({ numbers($0, separator: "-", widths: [4, 2, 2]) }), parts.count <= 2
        else { return nil }
        var clock = [23, 59, 59]
        if parts.count == 2 {
            guard
                let given = numbers(parts[1], separator: ":", widths: [2, 2, 2])
                    ?? numbers(parts[1], separator: ":", widths: [2, 2])
            else { return nil }
            clock = given + Array(repeating: 59, count: 3 - given.count)
        }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let components = DateComponents(
            year: day[0], month: day[1], day: day[2], hour: clock[0], minute: clock[1], second: clock[2])
        guard components.isValidDate(in: calendar) else { return nil }
        // The whole of the named second counts.
        return calendar.date(from: components)?.addingTimeInterval(0.999)
    }

    private static func numbers(_ text: Substring, separator: Character, widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.count) == widths, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        let numbers = parts.compactMap { Int($0) }
        return numbers.count == widths.count ? numbers : nil
    }
}
