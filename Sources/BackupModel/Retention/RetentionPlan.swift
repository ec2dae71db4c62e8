package import Foundation

/// What of a job's snapshots is kept, why, and what is removed: decided before anything is touched.
package struct RetentionPlan: Hashable, Sendable {
    package struct Kept: Hashable, Sendable {
        package var candidate: RetentionCandidate
        package var reasons: [RetentionReason]
    }

    /// Each list has the newest first.
    package var kept: [Kept]
    package var removed: [RetentionCandidate]
    /// Not good: neither counted nor removed.
    package var notGood: [RetentionCandidate]
    /// To be removed by the policy, and left for another time since it would be too many at once.
    package var postponed: [RetentionCandidate] = []

    /// A plan of nothing.
    package static let empty = RetentionPlan(kept: [], removed: [], notGood: [])

    /// The stored bytes of what is removed.
    package var freedBytes: Int64 {
        removed.reduce(0) { sum, candidate in
            let (result, overflow) = sum.addingReportingOverflow(candidate.storedBytes)
            return overflow ? .max : result
        }
    }

    package var future: [RetentionCandidate] {
        kept.filter { $0.reasons.contains(.future) }.map(\.candidate)
    }

    /// The plan that removes at most this share of all good snapshots, those that are oldest.
    package func limited(toPercent percent: Int) -> RetentionPlan {
        let total = kept.count + removed.count
        let limit = max(0, min(100, percent)) * total / 100
        guard removed.count > limit else { return self }
        var plan = self
        plan.removed = Array(removed.suffix(limit))
        plan.postponed = Array(removed.dropLast(limit))
        return plan
    }
}

extension RetentionPolicy {
    /// How far ahead of our clock another one may be before its snapshots count as of the future.
    package static let clockTolerance: TimeInterval = 300

    /// Decides about every snapshot of one job, whatever the order they come in.
    ///
    /// The newest good one and the newest verified one are kept whatever the rules say, and so are those that are
    /// pinned, being read, or dated in the future.
    package func plan(for candidates: [RetentionCandidate], now: Date, in zone: TimeZoneRules) -> RetentionPlan {
        let sorted = candidates.map(TimedCandidate.init).sorted(by: TimedCandidate.isNewer)
        let limit = TimedCandidate.milliseconds(of: now + Self.clockTolerance)
        let good = sorted.filter(\.candidate.isGood)
        let past = good.filter { $0.time <= limit }
        var walk = RetentionWalk(policy: self, zone: zone, count: past.count, newest: past.first?.time)
        let lastVerified = past.first { $0.candidate.isVerified }
        var plan = RetentionPlan(kept: [], removed: [], notGood: sorted.map(\.candidate).filter { !$0.isGood })
        for timed in good {
            let candidate = timed.candidate
            var reasons = timed.time > limit ? [.future] : walk.reasons(for: timed)
            if candidate.id == past.first?.candidate.id { reasons.append(.lastGood) }
            if candidate.id == lastVerified?.candidate.id { reasons.append(.lastVerified) }
            if let pin = candidate.pin { reasons.append(.pinned(pin)) }
            if candidate.isBeingRead { reasons.append(.beingRead) }
            if reasons.isEmpty {
                plan.removed.append(candidate)
            } else {
                plan.kept.append(RetentionPlan.Kept(candidate: candidate, reasons: reasons))
            }
        }
        return plan
    }
}

/// A snapshot with its time in milliseconds since 1970, as the catalog has it.
private struct TimedCandidate {
    let candidate: RetentionCandidate
    let time: Int64

    init(_ candidate: RetentionCandidate) {
        self.candidate = candidate
        time = Self.milliseconds(of: candidate.time)
    }

    /// A time far outside the calendar counts as the nearest end of it.
    static func milliseconds(of time: Date) -> Int64 {
        let seconds = time.timeIntervalSince1970
        guard seconds == seconds else { return 0 }
        return Int64((min(max(seconds, -62_135_596_800), 253_402_300_799) * 1000).rounded())
    }

    /// Of two of the same time the one with the greater id counts as newer.
    static func isNewer(_ left: TimedCandidate, _ right: TimedCandidate) -> Bool {
        left.time != right.time ? left.time > right.time : left.candidate.id > right.candidate.id
    }
}

/// One pass over good snapshots, the newest first, with what each rule has left.
private struct RetentionWalk {
    private struct Slots {
        let unit: RetentionPolicy.Unit
        var left: Int
        var period: Int64?
    }

    private struct Reach {
        let unit: RetentionPolicy.Unit
        let span: RetentionSpan
        /// A snapshot of exactly this time is out of reach.
        let limit: Int64
        var period: Int64?
    }

    private var slots: [Slots]
    private var reaches: [Reach]
    private let zone: TimeZoneRules
    private let count: Int
    private var position = 0

    init(policy: RetentionPolicy, zone: TimeZoneRules, count: Int, newest: Int64?) {
        self.zone = zone
        self.count = count
        slots = RetentionPolicy.Unit.allCases.compactMap { unit in
            policy.counts[unit].map { Slots(unit: unit, left: $0) }
        }
        reaches = RetentionPolicy.Unit.allCases.compactMap { unit in
            guard let span = policy.spans[unit], let newest else { return nil }
            return Reach(unit: unit, span: span, limit: span.before(newest, in: zone))
        }
    }

    /// Every rule that wants the next snapshot. The last one of all is wanted by each rule that has slots left.
    mutating func reasons(for timed: TimedCandidate) -> [RetentionReason] {
        let isLast = position == count - 1
        let moment = zone.moment(at: timed.time.flooredSeconds)
        var within: [RetentionReason] = []
        var counted: [RetentionReason] = []
        for index in reaches.indices where timed.time > reaches[index].limit {
            let unit = reaches[index].unit
            let period = unit.period(of: moment, position: position)
            guard period != reaches[index].period || isLast else { continue }
            within.append(
                period == reaches[index].period
                    ? .oldestWithin(unit, reaches[index].span) : .within(unit, reaches[index].span))
            reaches[index].period = period
        }
        for index in slots.indices where slots[index].left > 0 {
            let unit = slots[index].unit
            let period = unit.period(of: moment, position: position)
            guard period != slots[index].period || isLast else { continue }
            counted.append(period == slots[index].period ? .oldest(unit) : .counted(unit, period: period))
            slots[index].period = period
            slots[index].left -= 1
        }
        position += 1
        return within.filter(\.isPlainWithin) + counted + within.filter { !$0.isPlainWithin }
    }
}

extension RetentionReason {
    /// As restic orders them: every snapshot within a span, the counts, and what is counted within a span.
    fileprivate var isPlainWithin: Bool {
        if case .within(.last, _) = self { true } else { false }
    }
}
