package import Foundation

/// What the scheduler has to know of a job.
package struct ScheduledJob: Sendable {
    package var name: JobName
    /// nil: it has no schedule, or one that cannot be read at present. It runs on request only.
    package var timetable: Timetable?
    /// Instants count that come after this: the latest of the creation, the last change of the schedule, and the end of a
    /// pause. An edit must not set off what was due before it.
    package var base: Date
    /// The servers that its runs load.
    package var hosts: [String]
    /// Seconds within which an instant that was missed is still made good; older ones are recorded as missed.
    package var catchUp: Int
    /// Seconds that each start is put off, fixed for this job.
    package var delay: Int
    /// How often a failed run is tried again.
    package var retries: Int
    package var isPaused: Bool

    package init(
        name: JobName, timetable: Timetable?, base: Date, hosts: [String] = [], catchUp: Int = 86400, delay: Int = 0,
        retries: Int = 0, isPaused: Bool = false
    ) {
        self.name = name
        self.timetable = timetable
        self.base = base
        self.hosts = hosts
        self.catchUp = catchUp
        self.delay = delay
        self.retries = retries
        self.isPaused = isPaused
    }
}

/// What the history says of a job when a scheduler starts.
package struct JobHistory: Sendable {
    /// The newest instant, not later than now, that has a row.
    package var latestInstant: Date?
    /// A run that stands in the queue and has nobody who will start it.
    package var queued: SchedulerRun?
    /// The newest attempt at the latest instant, when it has ended without a snapshot.
    package var failed: FailedAttempt?
    /// Runs that were asked for and wait, the oldest first.
    package var requests: [RunID]

    package init(
        latestInstant: Date? = nil, queued: SchedulerRun? = nil, failed: FailedAttempt? = nil, requests: [RunID] = []
    ) {
        self.latestInstant = latestInstant
        self.queued = queued
        self.failed = failed
        self.requests = requests
    }
}

/// An attempt that a retry may follow.
package struct FailedAttempt: Hashable, Sendable {
    package var instant: Date
    package var attempt: Int
    package var endedAt: Date

    package init(instant: Date, attempt: Int, endedAt: Date) {
        self.instant = instant
        self.attempt = attempt
        self.endedAt = endedAt
    }
}

/// What a run is for: an instant of the schedule, or a person's request.
package enum SchedulerRun: Hashable, Sendable {
    case instant(Date, attempt: Int)
    case request(RunID)
}
