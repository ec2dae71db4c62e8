package import Foundation

/// When a job runs: a rule in five fields (`30 2 * * *`), one of the `@` names, or `@every 6h`.
package struct Schedule: Hashable, Sendable {
    /// As it was written, without spaces around it.
    package let text: String
    let rule: Rule

    enum Rule: Hashable, Sendable {
        case cron(CronRule)
        /// Seconds from one instant to the next.
        case every(Int)
    }

    /// Reads a rule whole; one with anything that is not understood, or that can never fire, is refused with the reason.
    package init(_ text: String) throws {
        try self.init(evenIfItNeverFires: text)
        if let reason = reasonToNeverFire { throw ScheduleParser(text).refusal(reason.reason, hint: reason.hint) }
    }

    /// Reads a rule whole, but takes one whose two fields of days exclude each other, for which there is no instant. One
    /// that names a day that its months do not have is refused here too.
    package init(evenIfItNeverFires text: String) throws {
        let parser = ScheduleParser(text)
        rule = try parser.rule()
        self.text = parser.text
    }

    /// Refuses a rule that has no instant in this zone from now on: one that falls into a clock change every year.
    package func checkFires(in zone: TimeZoneRules, after now: Date) throws {
        guard next(after: now, in: zone, anchor: now) == nil else { return }
        throw ScheduleParser(text).refusal(
            "it never fires in time zone '\(zone.name)'", hint: "choose another hour, or another time zone.")
    }

    /// Every so many seconds from a given instant on, whatever the wall clock shows.
    package var isInterval: Bool {
        if case .every = rule { true } else { false }
    }
}

extension Schedule: CustomStringConvertible {
    package var description: String { text }
}

extension Schedule: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
