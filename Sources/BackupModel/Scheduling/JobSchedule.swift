package import Foundation

/// When a job runs by itself, and what is done about what does not go to plan.
package struct JobSchedule: Hashable, Sendable {
    package var rule: Schedule
    /// When the rule or its time zone was set: nothing before it is due, and `@every` counts from it.
    package var setAt: Date
    /// Seconds within which a missed instant is made good; 0: never.
    package var catchUp: Int
    /// Seconds over which starts are spread; each job has its own, fixed delay among them.
    package var jitter: Int
    /// How often a failed run is tried again before the next instant.
    package var retries: Int

    package static let defaultCatchUp = 86400
    package static let defaultRetries = 2

    package init(
        rule: Schedule, setAt: Date, catchUp: Int = defaultCatchUp, jitter: Int = 0, retries: Int = defaultRetries
    ) {
        self.rule = rule
        self.setAt = setAt
        self.catchUp = catchUp
        self.jitter = jitter
        self.retries = retries
    }
}

extension JobSchedule {
    /// Refuses what could never do what it says: a jitter that reaches the next instant, a first retry that comes after
    /// it, a rule without an instant in its zone.
    package func check(in zone: TimeZoneRules, retriesWereGiven: Bool, now: Date) throws {
        try rule.checkFires(in: zone, after: now)
        guard (0...RetryBackoff.mostRetries).contains(retries) else {
            throw BackupError(.usage, "cannot use \(retries) retries: not from 0 to \(RetryBackoff.mostRetries)")
        }
        guard let shortest = rule.intervals?.lowerBound else { return }
        guard jitter < shortest else {
            throw BackupError(
                .usage,
                "cannot spread starts over \(DurationText.text(jitter)): '\(rule.text)' fires again after "
                    + DurationText.text(shortest),
                hint: "use a --jitter that is shorter than the time between two runs.")
        }
        guard !retriesWereGiven || retries == 0 || RetryBackoff.first < shortest else {
            throw BackupError(
                .usage,
                "cannot retry runs of '\(rule.text)': it fires again after \(DurationText.text(shortest)), "
                    + "before the first retry",
                hint: "use '--retries 0', or a rule that fires less often.")
        }
    }

    package func timetable(in zone: TimeZoneRules) -> Timetable {
        let (rule, anchor) = (rule, setAt)
        return Timetable(
            next: { rule.next(after: $0, in: zone, anchor: anchor) },
            latest: { rule.latest(atOrBefore: $0, after: $1, in: zone, anchor: anchor) },
            count: { rule.count(after: $0, through: $1, in: zone, anchor: anchor) })
    }
}

extension Job {
    /// No instant counts that is not later than this: of creation, change of the rule and end of a pause the last.
    package var scheduleBase: Date {
        max(schedule?.setAt ?? createdAt, resumedAt ?? .distantPast)
    }

    /// The job's own part of its jitter, in seconds.
    package var scheduleDelay: Int { Jitter.seconds(of: name, limit: schedule?.jitter ?? 0) }
}
