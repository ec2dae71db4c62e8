import Foundation

extension Scheduler {
    /// Decides upon everything of this job that is due, and sets its next alarm.
    mutating func settle(_ name: JobName, at now: Date, _ answer: inout SchedulerAnswer) {
        guard var job = jobs[name] else { return }
        if !job.facts.isPaused, let timetable = job.facts.timetable {
            settleInstants(&job, timetable, at: now, &answer)
        }
        if let retry = job.retry, retry.at <= now, job.active == nil, !job.facts.isPaused {
            job.retry = nil
            enqueue(
                &job, .instant(retry.instant, attempt: retry.attempt), since: retry.at,
                .queue(name, retry.instant, attempt: retry.attempt, trigger: .retry), &answer)
        }
        setAlarm(&job)
        jobs[name] = job
    }

    private mutating func settleInstants(
        _ job: inout JobState, _ timetable: Timetable, at now: Date, _ answer: inout SchedulerAnswer
    ) {
        let name = job.facts.name
        let delay = TimeInterval(job.facts.delay)
        if let latest = timetable.latest(now.addingTimeInterval(-delay), job.covered), latest > job.covered {
            let due = latest.addingTimeInterval(delay)
            let isTooLate = now.timeIntervalSince(due) > max(TimeInterval(job.facts.catchUp), Self.tolerance)
            // What is skipped was not missed: the job was busy when the instant came.
            let isMissed = isTooLate && job.active == nil
            let passed = record(missedOf: job, timetable, through: latest, including: isMissed, &answer)
            job.covered = latest
            job.retry = nil
            if let active = job.active {
                answer.decisions.append(.skipped(name, latest, reason: active.inTheWay))
            } else if !isMissed {
                let isLate = passed > 0 || now.timeIntervalSince(due) > Self.tolerance
                enqueue(
                    &job, .instant(latest, attempt: 1), since: due,
                    .queue(name, latest, attempt: 1, trigger: isLate ? .catchUp : .schedule), &answer)
            }
        }
        job.nextInstant = timetable.next(job.covered)
    }

    /// Records what passed between the last instant decided upon and `latest`. Gives how many that were.
    private func record(
        missedOf job: JobState, _ timetable: Timetable, through latest: Date, including: Bool,
        _ answer: inout SchedulerAnswer
    ) -> Int {
        let end = including ? latest : latest.addingTimeInterval(-1)
        guard let first = timetable.next(job.covered), first <= end else { return 0 }
        let count = timetable.count(job.covered, end)
        let name = job.facts.name
        guard count <= Self.mostMissedRows else {
            let last = timetable.latest(end, job.covered) ?? end
            answer.decisions.append(.missedMany(name, count: count, first: first, last: last))
            return count
        }
        var instants: [Date] = []
        var instant: Date? = first
        while let date = instant, date <= end, instants.count < Self.mostMissedRows {
            instants.append(date)
            instant = timetable.next(date)
        }
        answer.decisions.append(.missed(name, instants))
        return instants.count
    }

    mutating func enqueue(
        _ job: inout JobState, _ run: SchedulerRun, since time: Date, _ decision: SchedulerDecision?,
        _ answer: inout SchedulerAnswer
    ) {
        job.active = ActiveRun(run: run)
        if let decision { answer.decisions.append(decision) }
        queue.add(job.facts.name, hosts: job.facts.hosts, since: time)
    }

    mutating func setAlarm(_ job: inout JobState) {
        var times: [Date] = []
        if !job.facts.isPaused {
            if let next = job.nextInstant { times.append(next.addingTimeInterval(TimeInterval(job.facts.delay))) }
            // Without a place in the queue it is looked at when the job's run ends.
            if let retry = job.retry, job.active == nil { times.append(retry.at) }
        }
        guard let time = times.min() else {
            job.alarm = nil
            return
        }
        guard job.alarm != time else { return }
        job.alarm = time
        alarms.insert(Alarm(time: time, job: job.facts.name))
    }

    /// Everything up to the old time has been decided upon, so everything up to the new one has. What comes again has
    /// its row from before: the history refuses a second one, and it is withdrawn.
    mutating func clockWentBack(to now: Date) {
        alarms = Heap()
        for name in jobs.keys.sorted() {
            guard var job = jobs[name] else { continue }
            job.covered = min(job.covered, now)
            job.nextInstant = job.facts.timetable?.next(job.covered)
            if let retry = job.retry {
                job.retry?.at = min(retry.at, now.addingTimeInterval(TimeInterval(RetryBackoff.longest)))
            }
            job.alarm = nil
            setAlarm(&job)
            jobs[name] = job
        }
    }
}

extension Scheduler.ActiveRun {
    /// Why an instant is skipped because of this run.
    var inTheWay: String {
        let what =
            switch run {
            case .instant(let date, _): "the run for \(Timestamp.rfc3339(date))"
            case .request(let id): "run '\(id)', which was asked for,"
            }
        return isRunning ? "\(what) is still running" : "\(what) is still waiting for its turn"
    }
}
