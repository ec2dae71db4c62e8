package import Foundation

/// Decides what runs when: events in, decisions out. It reads no clock, sleeps for nobody and writes nothing.
///
/// Promises: every instant of a job's schedule is decided upon once (queued, missed or skipped), in order; a job has one
/// run at a time; whoever waits longest starts first, within the limits; an event costs `O(log n)` for each job that it
/// concerns. What was decided is only true once it is written: after a crash, the history is what the next scheduler
/// starts from.
///
/// Timeouts are not here: a run's limits are measured on a clock that nobody sets, by who watches the run.
package struct Scheduler: Sendable {
    /// A start this late is on time, whatever the job's catch-up.
    package static let tolerance: TimeInterval = 60
    /// So many missed instants get a row each.
    package static let mostMissedRows = 100

    var jobs: [JobName: JobState] = [:]
    var queue: RunQueue
    var alarms = Heap<Alarm>()
    var lastEventAt = Date.distantPast

    package init(limits: ConcurrencyLimits = ConcurrencyLimits()) {
        queue = RunQueue(limits: limits)
    }

    package mutating func handle(_ event: SchedulerEvent, at now: Date) -> SchedulerAnswer {
        var answer = SchedulerAnswer()
        if now < lastEventAt.addingTimeInterval(-1) { clockWentBack(to: now) }
        lastEventAt = now
        switch event {
        case .startedUp(let all): start(all, at: now, &answer)
        case .time: break
        case .jobChanged(let job): change(job, at: now, &answer)
        case .jobDeleted(let name):
            queue.remove(name)
            jobs[name] = nil
        case .requested(let run, let name): request(run, of: name, at: now)
        case .withdrawn(let runs): withdraw(runs, at: now, &answer)
        case .runEnded(let name, let state): ended(name, state, at: now, &answer)
        case .startRefused(let name, let reason): refused(name, reason, at: now, &answer)
        case .found(let run, let name): adopt(run, of: name, at: now, &answer)
        case .limitsChanged(let limits): queue.limits = limits
        }
        while let alarm = alarms.first, alarm.time <= now {
            _ = alarms.removeFirst()
            if jobs[alarm.job]?.alarm == alarm.time {
                jobs[alarm.job]?.alarm = nil
                settle(alarm.job, at: now, &answer)
            }
        }
        while let name = queue.takeNext() {
            guard let run = jobs[name]?.active?.run else {
                queue.release(name)
                continue
            }
            jobs[name]?.active?.isRunning = true
            answer.decisions.append(.start(name, run))
        }
        answer.wakeAt = nextAlarm()
        return answer
    }

    /// Alarms that were replaced stay in the heap until their time; this drops those in front.
    private mutating func nextAlarm() -> Date? {
        while let alarm = alarms.first {
            if jobs[alarm.job]?.alarm == alarm.time { return alarm.time }
            _ = alarms.removeFirst()
        }
        return nil
    }
}

extension Scheduler {
    package var waitingCount: Int { queue.waitingCount }
    package var runningCount: Int { queue.runningCount }

    /// The next instant of a job that has not been decided upon, without its jitter.
    package func nextInstant(of job: JobName) -> Date? { jobs[job]?.nextInstant }

    /// When that instant's run may start.
    package func nextStart(of job: JobName) -> Date? {
        guard let state = jobs[job], !state.facts.isPaused else { return nil }
        return state.nextInstant?.addingTimeInterval(TimeInterval(state.facts.delay))
    }

    package var names: [JobName] { jobs.keys.sorted() }

    package func isWaiting(_ job: JobName) -> Bool { queue.isWaiting(job) }
}

extension Scheduler {
    struct JobState: Sendable {
        var facts: ScheduledJob
        /// Every instant up to this one has been decided upon.
        var covered: Date
        var nextInstant: Date?
        /// The run that stands in the queue or is under way.
        var active: ActiveRun?
        var retry: Retry?
        var requests: [RunID] = []
        /// The only alarm of the job that counts.
        var alarm: Date?
    }

    struct ActiveRun: Sendable {
        var run: SchedulerRun
        var isRunning = false
    }

    struct Retry: Sendable {
        var instant: Date
        var attempt: Int
        var at: Date
    }

    struct Alarm: Comparable, Sendable {
        var time: Date
        var job: JobName

        static func < (left: Alarm, right: Alarm) -> Bool { (left.time, left.job) < (right.time, right.job) }
    }
}
