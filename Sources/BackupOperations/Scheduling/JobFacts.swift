import BackupCatalog
import BackupEngines
package import BackupModel
import Foundation

/// What a scheduler has to know of jobs, from the catalog, the system's time zones and the connection strings.
package struct JobFacts {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// The job as the scheduler takes it, and what keeps its schedule from being followed: a time zone that is gone.
    package func scheduled(_ job: BackupModel.Job) -> (job: ScheduledJob, trouble: BackupError?) {
        var timetable: Timetable?
        var trouble: BackupError?
        do {
            timetable = try self.timetable(of: job)
        } catch {
            trouble = BackupError(error)
        }
        let facts = ScheduledJob(
            name: job.name, timetable: timetable, base: job.scheduleBase, hosts: hosts(of: job),
            catchUp: job.schedule?.catchUp ?? 0, delay: job.scheduleDelay, retries: job.schedule?.retries ?? 0,
            isPaused: job.pausedAt != nil)
        return (facts, trouble)
    }

    package func timetable(of job: BackupModel.Job) throws -> Timetable? {
        guard let schedule = job.schedule else { return nil }
        return schedule.timetable(in: try workspace.zones.rules(named: job.timeZone ?? "UTC"))
    }

    /// The servers that a run of the job loads. A connection string that cannot be had now stands for itself: its run will
    /// say what is wrong.
    private func hosts(of job: BackupModel.Job) -> [String] {
        switch job.source.connection {
        case .literal(let text), .stored(let text):
            if let hosts = try? MongoURI(text).hosts { return hosts }
            return [text]
        case .file(let path):
            guard let text = try? workspace.secrets().resolve(job.source.connection, of: job.name),
                let hosts = try? MongoURI(text).hosts
            else { return ["file:\(path)"] }
            return hosts
        case .environment(let name):
            guard let text = try? workspace.secrets().resolve(job.source.connection, of: job.name),
                let hosts = try? MongoURI(text).hosts
            else { return ["environment:\(name)"] }
            return hosts
        }
    }
}

extension BackupModel.Job {
    /// What may follow from the newest row of an instant.
    package func history(latest: Run?, queued: Run?, requests: [RunID]) -> JobHistory {
        var history = JobHistory(latestInstant: latest?.scheduledFor, requests: requests)
        if let queued, let instant = queued.scheduledFor {
            history.queued = .instant(instant, attempt: queued.attempt)
        }
        if let latest, let instant = latest.scheduledFor, let endedAt = latest.finishedAt,
            [.failed, .interrupted].contains(latest.state)
        {
            history.failed = FailedAttempt(instant: instant, attempt: latest.attempt, endedAt: endedAt)
        }
        return history
    }
}
