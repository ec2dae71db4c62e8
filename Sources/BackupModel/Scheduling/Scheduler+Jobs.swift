import Foundation

extension Scheduler {
    /// Takes over from the history. A clock that is behind what was written must not keep a job from running: what lies
    /// in the future counts for nothing.
    mutating func start(
        _ all: [(job: ScheduledJob, history: JobHistory)], at now: Date, _ answer: inout SchedulerAnswer
    ) {
        for (facts, history) in all {
            let base = min(facts.base, now)
            var job = JobState(facts: facts, covered: max(base, min(history.latestInstant ?? base, now)))
            // An instant of another rule, or from before a pause, is not made good any more.
            if let failed = history.failed, failed.instant > facts.base { job.retry = retry(after: failed, of: job) }
            jobs[facts.name] = job
            if let queued = history.queued {
                adopt(queued, of: facts.name, at: now, &answer)
            } else {
                settle(facts.name, at: now, &answer)
            }
            for run in history.requests { request(run, of: facts.name, at: now) }
        }
    }

    mutating func change(_ facts: ScheduledJob, at now: Date, _ answer: inout SchedulerAnswer) {
        let name = facts.name
        let base = min(facts.base, now)
        guard var job = jobs[name] else {
            jobs[name] = JobState(facts: facts, covered: base)
            settle(name, at: now, &answer)
            return
        }
        let hasNewBase = facts.base != job.facts.base
        job.facts = facts
        if hasNewBase { job.covered = max(job.covered, base) }
        if hasNewBase || facts.isPaused { job.retry = nil }
        job.nextInstant = facts.timetable?.next(job.covered)
        jobs[name] = job
        if facts.isPaused { giveUpScheduled(name, .skipped, "the job was paused before it started", at: now, &answer) }
        settle(name, at: now, &answer)
    }

    mutating func request(_ run: RunID, of name: JobName, at now: Date) {
        guard var job = jobs[name] else { return }
        if job.active == nil {
            job.active = ActiveRun(run: .request(run))
            queue.add(name, hosts: job.facts.hosts, since: now)
        } else if job.active?.run != .request(run), !job.requests.contains(run) {
            job.requests.append(run)
        }
        jobs[name] = job
    }

    /// A run in the queue that its process left behind. One that is too old, or that a newer instant replaces, does not
    /// start any more.
    mutating func adopt(_ run: SchedulerRun, of name: JobName, at now: Date, _ answer: inout SchedulerAnswer) {
        guard case .instant(let instant, _) = run else {
            if case .request(let id) = run { request(id, of: name, at: now) }
            return
        }
        guard var job = jobs[name] else { return }
        guard job.active == nil else {
            answer.decisions.append(.giveUp(name, run, .skipped, reason: job.active?.inTheWay ?? "the job is busy"))
            return
        }
        job.covered = max(job.covered, min(instant, now))
        job.retry = nil
        jobs[name] = job
        let delay = TimeInterval(job.facts.delay)
        let window = max(TimeInterval(job.facts.catchUp), Self.tolerance)
        if job.facts.isPaused {
            answer.decisions.append(.giveUp(name, run, .skipped, reason: "the job was paused before it started"))
        } else if job.facts.timetable?.latest(now.addingTimeInterval(-delay), job.covered) != nil {
            answer.decisions.append(.giveUp(name, run, .missed, reason: "a later instant came before it could start"))
        } else if now.timeIntervalSince(instant) - delay > window {
            answer.decisions.append(.giveUp(name, run, .missed, reason: "it could not start in time"))
        } else {
            enqueue(&job, run, since: instant.addingTimeInterval(delay), nil, &answer)
            jobs[name] = job
        }
        settle(name, at: now, &answer)
    }
}

extension Scheduler {
    mutating func ended(_ name: JobName, _ state: RunState, at now: Date, _ answer: inout SchedulerAnswer) {
        queue.release(name)
        guard var job = jobs[name] else { return }
        let run = job.active?.run
        job.active = nil
        jobs[name] = job
        // First what has become due while it ran: that says whether a retry still has its turn.
        settle(name, at: now, &answer)
        guard var job = jobs[name] else { return }
        switch (run, state) {
        case (.instant(let instant, let attempt), .failed), (.instant(let instant, let attempt), .interrupted):
            guard job.active == nil, job.covered <= instant else { break }
            job.retry = retry(after: FailedAttempt(instant: instant, attempt: attempt, endedAt: now), of: job)
            if let retry = job.retry {
                answer.decisions.append(.retry(name, instant, attempt: retry.attempt, at: retry.at))
            }
        case (_, .succeeded): job.retry = nil
        default: break
        }
        if job.active == nil, !job.requests.isEmpty {
            enqueue(&job, .request(job.requests.removeFirst()), since: now, nil, &answer)
        }
        setAlarm(&job)
        jobs[name] = job
    }

    /// The next attempt, unless there is none left or the next instant comes before it.
    private func retry(after failed: FailedAttempt, of job: JobState) -> Retry? {
        guard failed.attempt <= job.facts.retries, !job.facts.isPaused else { return nil }
        let at = failed.endedAt.addingTimeInterval(TimeInterval(RetryBackoff.seconds(after: failed.attempt)))
        let next = job.facts.timetable?.next(max(failed.instant, job.covered))
        if let next, next.addingTimeInterval(TimeInterval(job.facts.delay)) <= at { return nil }
        return Retry(instant: failed.instant, attempt: failed.attempt + 1, at: at)
    }

    mutating func refused(_ name: JobName, _ reason: String, at now: Date, _ answer: inout SchedulerAnswer) {
        if let run = jobs[name]?.active?.run {
            answer.decisions.append(.giveUp(name, run, .skipped, reason: reason))
        }
        ended(name, .skipped, at: now, &answer)
    }

    mutating func withdraw(
        _ runs: [(run: SchedulerRun, job: JobName)], at now: Date, _ answer: inout SchedulerAnswer
    ) {
        for (run, name) in runs {
            if case .request(let id) = run { jobs[name]?.requests.removeAll { $0 == id } }
            if jobs[name]?.active?.run == run { queue.remove(name) }
        }
        for (run, name) in runs where jobs[name]?.active?.run == run { ended(name, .cancelled, at: now, &answer) }
    }

    private mutating func giveUpScheduled(
        _ name: JobName, _ state: RunState, _ reason: String, at now: Date, _ answer: inout SchedulerAnswer
    ) {
        guard let active = jobs[name]?.active, case .instant = active.run, !active.isRunning else { return }
        answer.decisions.append(.giveUp(name, active.run, state, reason: reason))
        queue.remove(name)
        ended(name, state, at: now, &answer)
    }
}
