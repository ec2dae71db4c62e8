package import Foundation

/// What happens to a scheduler. The time of each comes with it.
package enum SchedulerEvent: Sendable {
    /// The first event: all jobs, and what the history says of them.
    case startedUp([(job: ScheduledJob, history: JobHistory)])
    /// Time has passed, or jumped.
    case time
    /// A job is new, or other than it was.
    case jobChanged(ScheduledJob)
    case jobDeleted(JobName)
    /// Somebody asks for a run.
    case requested(RunID, job: JobName)
    /// Runs in the queue that others took: cancelled, or recorded by a scheduler beside this one. All at once: none of
    /// them may start in place of another.
    case withdrawn([(run: SchedulerRun, job: JobName)])
    case runEnded(JobName, RunState)
    /// A run that was to start did not: another process runs this job.
    case startRefused(JobName, reason: String)
    /// A run in the queue of which nobody takes care any more.
    case found(SchedulerRun, job: JobName)
    case limitsChanged(ConcurrencyLimits)
}

/// What is to be done, in this order. Rows are written before anything else is done about them.
package enum SchedulerDecision: Hashable, Sendable {
    /// Instants that passed without a run: a row each.
    case missed(JobName, [Date])
    /// Too many for a row each: one for all, at the last of them.
    case missedMany(JobName, count: Int, first: Date, last: Date)
    /// An instant at which the job was still busy.
    case skipped(JobName, Date, reason: String)
    /// A row in state `queued`; until it is there the run does not start.
    case queue(JobName, Date, attempt: Int, trigger: RunTrigger)
    /// A run in the queue does not start any more: it ends in this state, without a start.
    case giveUp(JobName, SchedulerRun, RunState, reason: String)
    /// The job's run, the one queued or asked for, starts now.
    case start(JobName, SchedulerRun)
    /// For people: another attempt comes then.
    case retry(JobName, Date, attempt: Int, at: Date)
}

/// Decisions, and when the scheduler wants to hear of the time again.
package struct SchedulerAnswer: Sendable {
    package var decisions: [SchedulerDecision] = []
    /// nil: never, unless something happens.
    package var wakeAt: Date?

    package init(decisions: [SchedulerDecision] = [], wakeAt: Date? = nil) {
        self.decisions = decisions
        self.wakeAt = wakeAt
    }
}
