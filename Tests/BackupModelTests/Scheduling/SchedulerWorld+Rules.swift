import Foundation

@testable import BackupModel

/// What must hold in every world, told without the scheduler's own words.
extension SchedulerWorld {
    mutating func checkLimits() {
        if running.count > limits.total { problems.append("\(running.count) runs at once") }
        var hosts: [String: Int] = [:]
        for job in running.keys { for host in jobs[job]?.hosts ?? [] { hosts[host, default: 0] += 1 } }
        for (host, count) in hosts where count > limits.perHost { problems.append("\(count) runs on \(host)") }
    }

    /// A row enters the queue within its job's window, and a retry when it may.
    mutating func checkQueued(_ key: Key) {
        guard let job = jobs[key.job] else { return problems.append("\(key.job) is no job") }
        if key.attempt == 1 {
            let late = now.timeIntervalSince(key.instant) - TimeInterval(job.delay)
            if late > Double(max(job.catchUp, 60)) { problems.append("\(key) is queued \(late) s late") }
            return
        }
        var before = key
        before.attempt -= 1
        guard let row = rows[before], let ended = row.endedAt, [.failed, .interrupted].contains(row.state) else {
            return problems.append("\(key) is tried again after nothing that failed")
        }
        if key.attempt > job.retries + 1 { problems.append("\(key) is one attempt too many") }
        if !wasSetBack, now.timeIntervalSince(ended) < Double(RetryBackoff.seconds(after: before.attempt)) {
            problems.append("\(key) is tried again too soon")
        }
        if let next = job.timetable?.next(key.instant), next + TimeInterval(job.delay) <= now, !wasSetBack {
            problems.append("\(key) is tried again though the next instant has come")
        }
    }

    /// I4: everything has ended. I5: no instant is lost: each has its row, or lies in a span that was recorded as missed.
    mutating func checkEnd() {
        for (key, row) in rows where row.state == .running { problems.append("\(key) is still running") }
        for (key, row) in rows where row.state == .queued && queued[key.job] != key {
            problems.append("\(key) is queued and nobody knows")
        }
        for job in jobs.values {
            let spans = spans[job.name] ?? []
            var instant = job.timetable?.next(job.base)
            while let date = instant, date + TimeInterval(job.delay) <= now {
                let hasRow = rows[Key(job: job.name, instant: date, attempt: 1)] != nil
                if !hasRow && !spans.contains(where: { $0.first <= date && date <= $0.last }) {
                    problems.append("\(job.name) lost \(date)")
                    break
                }
                instant = job.timetable?.next(date)
            }
        }
    }
}
