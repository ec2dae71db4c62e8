package import Foundation

/// The instants of a rule: whole seconds, ascending, none twice.
///
/// A fixed time that a clock change of less than three hours skips comes at the first minute after it, once, and one that
/// a change repeats comes the first time only; a wildcard rule follows the wall clock (`CronRule.isWildcard`).
/// `anchor` is the instant from which `@every` counts; it makes no difference to any other rule.
extension Schedule {
    /// The first instant later than `instant`; nil when there is none in 400 years, so never.
    package func next(after instant: Date, in zone: TimeZoneRules, anchor: Date) -> Date? {
        next(after: instant.wholeSeconds, in: zone, anchor: anchor.wholeSeconds).map(Date.init(wholeSeconds:))
    }

    /// The newest instant at or before `end` that is later than `start`, found from the end backwards.
    package func latest(atOrBefore end: Date, after start: Date, in zone: TimeZoneRules, anchor: Date) -> Date? {
        latest(
            atOrBefore: end.wholeSeconds, after: start.wholeSeconds, in: zone, anchor: anchor.wholeSeconds
        ).map(Date.init(wholeSeconds:))
    }

    /// How many instants there are later than `start`, up to and with `end`; costs steps a month, not an instant.
    package func count(after start: Date, through end: Date, in zone: TimeZoneRules, anchor: Date) -> Int {
        count(after: start.wholeSeconds, through: end.wholeSeconds, in: zone, anchor: anchor.wholeSeconds)
    }

    /// The instants later than `start`, up to and with `end`: how many, the first and the last; and each one of them
    /// when there are at most `limit`. Nil when there is none.
    package func instants(
        after start: Date, through end: Date, in zone: TimeZoneRules, anchor: Date, listingUpTo limit: Int
    ) -> ScheduleInstants? {
        guard let first = next(after: start, in: zone, anchor: anchor), first <= end,
            let last = latest(atOrBefore: end, after: start, in: zone, anchor: anchor)
        else { return nil }
        let count = count(after: start, through: end, in: zone, anchor: anchor)
        guard count <= limit else { return ScheduleInstants(count: count, first: first, last: last, listed: []) }
        var listed = [first]
        while let previous = listed.last, previous < last,
            let next = next(after: previous, in: zone, anchor: anchor)
        {
            listed.append(next)
        }
        return ScheduleInstants(count: count, first: first, last: last, listed: listed)
    }
}

/// Some instants of a rule, all of one span of time.
package struct ScheduleInstants: Hashable, Sendable {
    package var count: Int
    package var first: Date
    package var last: Date
    /// Each of them; empty when there are more than were asked for.
    package var listed: [Date]
}

extension Schedule {
    private static let searched = CivilTime.cycle

    func next(after instant: Int, in zone: TimeZoneRules, anchor: Int) -> Int? {
        switch rule {
        case .every(let interval):
            let passed = max(0, CivilTime.floorDivide(instant - anchor, interval))
            let next = anchor + (passed + 1) * interval
            return next <= CivilTime.range.upperBound ? next : nil
        case .cron(let rule):
            let end = min(instant + Self.searched, CivilTime.range.upperBound) + 1
            var stretch = zone.stretch(at: instant + 1)
            while true {
                if let moved = rule.movedInstant(to: stretch), moved > instant, moved < end { return moved }
                if let found = rule.first(in: stretch, from: instant + 1, before: end) { return found }
                guard stretch.end < end else { return nil }
                stretch = zone.stretch(at: stretch.end)
            }
        }
    }

    func latest(atOrBefore end: Int, after start: Int, in zone: TimeZoneRules, anchor: Int) -> Int? {
        guard end > start else { return nil }
        switch rule {
        case .every(let interval):
            let passed = CivilTime.floorDivide(end - anchor, interval)
            let latest = anchor + passed * interval
            return passed > 0 && latest > start ? latest : nil
        case .cron(let rule):
            let start = max(start, end - Self.searched)
            var stretch = zone.stretch(at: end)
            while true {
                if let found = rule.last(in: stretch, from: start + 1, before: end + 1) { return found }
                if let moved = rule.movedInstant(to: stretch), moved > start, moved <= end { return moved }
                guard stretch.start > start + 1 else { return nil }
                stretch = zone.stretch(at: stretch.start - 1)
            }
        }
    }

    func count(after start: Int, through end: Int, in zone: TimeZoneRules, anchor: Int) -> Int {
        guard end > start else { return 0 }
        switch rule {
        case .every(let interval):
            return max(0, CivilTime.floorDivide(end - anchor, interval))
                - max(0, CivilTime.floorDivide(start - anchor, interval))
        case .cron(let rule):
            var count = 0
            var stretch = zone.stretch(at: start + 1)
            while true {
                count += rule.count(in: stretch, from: start + 1, before: end + 1)
                if let moved = rule.movedInstant(to: stretch), moved > start, moved <= end,
                    rule.count(in: stretch, from: moved, before: moved + 1) == 0
                {
                    count += 1
                }
                guard stretch.end <= end else { return count }
                stretch = zone.stretch(at: stretch.end)
            }
        }
    }
}

/// A rule in a stretch between two clock changes; instants here, not local times.
extension CronRule {
    /// Clocks that are put forward by so much or more were wrong before (Debian's cron): what they skip is lost.
    static let largestSetForward = 3 * 3600

    /// The first minute of a stretch, when a fixed time was skipped by the change before it.
    func movedInstant(to stretch: TimeZoneStretch) -> Int? {
        guard !isWildcard, stretch.reached < stretch.localStart,
            stretch.localStart - stretch.reached < Self.largestSetForward,
            first(from: stretch.reached, before: stretch.localStart) != nil
        else { return nil }
        let moved = CivilTime.floorDivide(stretch.localStart + 59, 60) * 60 - stretch.offset
        return moved < stretch.end ? moved : nil
    }

    func first(in stretch: TimeZoneStretch, from: Int, before: Int) -> Int? {
        first(from: lowerBound(in: stretch, from: from), before: upperBound(in: stretch, before: before)).map {
            $0 - stretch.offset
        }
    }

    func last(in stretch: TimeZoneStretch, from: Int, before: Int) -> Int? {
        last(from: lowerBound(in: stretch, from: from), before: upperBound(in: stretch, before: before)).map {
            $0 - stretch.offset
        }
    }

    func count(in stretch: TimeZoneStretch, from: Int, before: Int) -> Int {
        count(from: lowerBound(in: stretch, from: from), before: upperBound(in: stretch, before: before))
    }

    /// Local times that have been there already are none for a fixed rule.
    private func lowerBound(in stretch: TimeZoneStretch, from: Int) -> Int {
        let local = max(from, stretch.start) + stretch.offset
        return isWildcard ? local : max(local, stretch.reached)
    }

    private func upperBound(in stretch: TimeZoneStretch, before: Int) -> Int {
        min(before, stretch.end) + stretch.offset
    }
}
