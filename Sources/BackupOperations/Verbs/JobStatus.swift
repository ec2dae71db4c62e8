import BackupCatalog
package import BackupModel
package import Foundation

/// How a job stands: what it has proved, what it did last, and what comes next.
///
/// An object, for there may be ten thousand of them and what they hold is large.
package final class JobStatus: Sendable {
    package let job: BackupModel.Job
    package let lastGood: Snapshot?
    package let lastRun: Run?
    /// The run that goes on or waits, with what it has counted so far.
    package let active: Run?
    /// When the next run may start, its jitter included; nil: never by itself.
    package let nextStart: Date?
    /// By when at the latest a snapshot should have been there that is not; nil: all is well.
    package let staleSince: Date?
    /// Why the schedule cannot be followed.
    package let trouble: BackupError?

    private init(_ record: JobRecord, lastGood: Snapshot?, active: Run?, facts: JobFacts, now: Date) {
        job = record.job
        self.lastGood = lastGood
        lastRun = record.lastRun
        self.active = active
        var outlook = Outlook()
        let running = active?.state == .running ? active?.startedAt : nil
        do {
            outlook = try Outlook(
                job, facts, latestInstant: record.latestInstant, lastGood: lastGood?.createdAt, running: running,
                now: now)
        } catch {
            outlook.trouble = BackupError(error)
        }
        nextStart = outlook.nextStart
        staleSince = outlook.staleSince
        trouble = outlook.trouble
    }
}

extension JobStatus {
    /// All jobs by name. What the catalog has counts for the last good snapshot; `list` looks at the files.
    package static func all(in workspace: Workspace, now: Date) throws -> [JobStatus] {
        let catalog = workspace.catalog
        let active = Dictionary(
            try catalog.activeRuns().filter { $0.kind == .backup }.map { ($0.job ?? "", $0) },
            uniquingKeysWith: { first, next in first.state == .running ? first : next })
        let facts = JobFacts(workspace: workspace)
        // Rows are checked as they are read, which is most of the work where there are many jobs.
        return try onAllCores(try catalog.jobRanges(ofAbout: 1250)) { range in
            let records = try catalog.jobRecords(in: range, now: now)
            let folders = try workspace.repositoryFolders(of: records.lazy.compactMap(\.lastGood))
            return try records.map { record in
                let name = record.job.name.text
                var lastGood = record.lastGood.map { Workspace.withPresentState($0, in: folders[$0.repository]) }
                // The file of the newest is gone: an older one may be the last that is good.
                if let newest = lastGood, newest.state != .good {
                    lastGood = try workspace.snapshots(job: name).first { $0.state == .good }
                }
                return JobStatus(record, lastGood: lastGood, active: active[name], facts: facts, now: now)
            }
        }.flatMap { $0 }
    }

    private struct Outlook {
        var nextStart: Date?
        var staleSince: Date?
        var trouble: BackupError?

        init() {}

        init(
            _ job: BackupModel.Job, _ facts: JobFacts, latestInstant: Date?, lastGood: Date?, running: Date?, now: Date
        ) throws {
            guard job.pausedAt == nil, let timetable = try facts.timetable(of: job) else { return }
            let base = min(job.scheduleBase, now)
            let covered = max(base, min(latestInstant ?? base, now))
            let delay = TimeInterval(job.scheduleDelay)
            nextStart = timetable.next(covered)?.addingTimeInterval(delay)
            staleSince = JobStatus.staleSince(
                timetable, base: base, delay: delay, lastGood: lastGood, running: running, now: now)
        }
    }

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
