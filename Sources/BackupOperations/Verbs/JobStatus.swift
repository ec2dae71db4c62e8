import BackupCatalog
package import BackupModel
package import Foundation

/// How a job stands: what it has proved, what it did last, and what comes next.
package struct JobStatus: Sendable {
    package var job: BackupModel.Job
    package var lastGood: Snapshot?
    package var lastRun: Run?
    /// The run that goes on or waits, with what it has counted so far.
    package var active: Run?
    /// When the next run may start, its jitter included; nil: never by itself.
    package var nextStart: Date?
    /// By when at the latest a snapshot should have been there that is not; nil: all is well.
    package var staleSince: Date?
    /// Why the schedule cannot be followed.
    package var trouble: BackupError?
}

extension JobStatus {
    /// All jobs by name. What the catalog has counts for the last good snapshot; `list` looks at the files.
    package static func all(in workspace: Workspace, now: Date) throws -> [JobStatus] {
        let jobs = try workspace.catalog.jobs()
        let active = Dictionary(
            try workspace.catalog.activeRuns().filter { $0.kind == .backup }.map { ($0.job ?? "", $0) },
            uniquingKeysWith: { first, next in first.state == .running ? first : next })
        let facts = try workspace.catalog.jobFacts(now: now)
        return try jobs.map { job in
            let known = facts[job.name.text] ?? JobRecord()
            var status = JobStatus(
                job: job, lastGood: try known.lastGood.map(workspace.withPresentState), lastRun: known.lastRun,
                active: active[job.name.text])
            // The file of the newest is gone: an older one may be the last that is good.
            if status.lastGood?.state != .good, known.lastGood != nil {
                status.lastGood = try workspace.snapshots(job: job.name.text).first { $0.state == .good }
            }
            status.look(at: JobFacts(workspace: workspace), latestInstant: known.latestInstant, now: now)
            return status
        }
    }

    private mutating func look(at facts: JobFacts, latestInstant: Date?, now: Date) {
        guard job.pausedAt == nil else { return }
        do {
            guard let timetable = try facts.timetable(of: job) else { return }
            let base = min(job.scheduleBase, now)
            let covered = max(base, min(latestInstant ?? base, now))
            let delay = TimeInterval(job.scheduleDelay)
            nextStart = timetable.next(covered)?.addingTimeInterval(delay)
            staleSince = Self.staleSince(
                timetable, base: base, delay: delay, lastGood: lastGood?.createdAt, running: runningSince, now: now)
        } catch {
            trouble = BackupError(error)
        }
    }

    private var runningSince: Date? { active?.state == .running ? active?.startedAt : nil }

    /// An instant has passed for longer than its grace, and since then there was no good snapshot, nor is one being made.
    static func staleSince(
        _ timetable: Timetable, base: Date, delay: TimeInterval, lastGood: Date?, running: Date?, now: Date
    ) -> Date? {
        var end = now.addingTimeInterval(-delay)
        while let instant = timetable.latest(end, base) {
            let due = instant.addingTimeInterval(delay)
            let deadline = due.addingTimeInterval(grace(after: instant, timetable))
            guard deadline <= now else {
                // Too young to say anything; the one before it counts.
                end = instant.addingTimeInterval(-1)
                continue
            }
            let newest = max(lastGood ?? .distantPast, running ?? .distantPast)
            return newest < due.addingTimeInterval(-1) ? deadline : nil
        }
        return nil
    }

    /// A quarter of the time to the next instant, at least ten minutes, at most six hours.
    private static func grace(after instant: Date, _ timetable: Timetable) -> TimeInterval {
        let interval = timetable.next(instant)?.timeIntervalSince(instant) ?? 86400
        return min(max(interval / 4, 600), 6 * 3600)
    }
}
