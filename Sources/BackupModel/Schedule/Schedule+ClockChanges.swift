package import Foundation

/// What a clock change does to the instants of a rule.
package struct ScheduleClockChange: Hashable, Sendable {
    /// The instant of the change, and the offsets from UTC before and after it.
    package var at: Date
    package var offsetBefore: Int
    package var offsetAfter: Int
    /// How many times of the rule it concerns, and the first of them, in seconds of the wall clock from 1970.
    package var count: Int
    package var firstLocal: Int
    package var effect: Effect

    package enum Effect: Hashable, Sendable {
        /// Skipped by the clocks, and run together at this instant.
        case moved(to: Date)
        /// Skipped by the clocks, and never run.
        case skipped
        /// Shown twice by the clocks, and run the first time only.
        case firstPassOnly
        /// Shown twice by the clocks, and run both times.
        case bothPasses
    }
}

extension Schedule {
    /// The clock changes later than `start`, up to and with `end`, that concern the rule; ascending.
    package func clockChanges(after start: Date, through end: Date, in zone: TimeZoneRules) -> [ScheduleClockChange] {
        guard case .cron(let rule) = rule else { return [] }
        let end = end.wholeSeconds
        var changes: [ScheduleClockChange] = []
        var stretch = zone.stretch(at: start.wholeSeconds)
        while stretch.end <= end {
            let offsetBefore = stretch.offset
            stretch = zone.stretch(at: stretch.end)
            if let change = rule.clockChange(at: stretch, offsetBefore: offsetBefore) { changes.append(change) }
        }
        return changes
    }
}

extension CronRule {
    /// What the change at the beginning of a stretch does; nil when it concerns no time of the rule.
    fileprivate func clockChange(at stretch: TimeZoneStretch, offsetBefore: Int) -> ScheduleClockChange? {
        let isForward = stretch.reached < stretch.localStart
        let from = min(stretch.reached, stretch.localStart)
        let before = max(stretch.reached, stretch.localStart)
        guard from < before, let first = first(from: from, before: before) else { return nil }
        var effect = ScheduleClockChange.Effect.skipped
        if !isForward {
            effect = isWildcard ? .bothPasses : .firstPassOnly
        } else if let moved = movedInstant(to: stretch) {
            effect = .moved(to: Date(wholeSeconds: moved))
        }
        return ScheduleClockChange(
            at: Date(wholeSeconds: stretch.start), offsetBefore: offsetBefore, offsetAfter: stretch.offset,
            count: count(from: from, before: before), firstLocal: first, effect: effect)
    }
}
