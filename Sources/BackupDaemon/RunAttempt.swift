import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

/// One queued run on a thread of its own, from its start to the message that says how it ended.
///
/// A catalog that cannot be read or written for a while costs neither an instant nor the truth about a run: both the start
/// and the record of the end are tried again.
struct RunAttempt: Sendable {
    let service: SchedulerService
    let owner: ProcessIdentity
    let job: JobName
    let id: RunID
    let cancellation: Cancellation

    /// How often a start is tried that the catalog did not take, a second apart.
    private static let startTries = 30

    func run() { service.inbox.post(outcome()) }

    private func outcome() -> Inbox.Message {
        var tries = 0
        while true {
            do {
                let ended = try backUp()
                if ended.state == .succeeded { service.prune(job, cancellation: cancellation) }
                return .ended(job, ended)
            } catch {
                let error = BackupError(error)
                if let ended = recordEnd(because: error) { return .ended(job, ended) }
                tries += 1
                guard tries < Self.startTries, mayStartLater(error) else { return .refused(job, error) }
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }

    private func backUp() throws -> Run {
        let workspace = service.workspace
        let job = try workspace.catalog.job(named: job)
        let queued = try workspace.catalog.run(id)
        service.log.info("run starts", ["job": job.name.text, "run": id.text, "trigger": queued.trigger.rawValue])
        var backup = RunBackup(workspace: workspace, cancellation: cancellation, now: service.clock.now)
        backup.recoversFirst = false
        return try backup.run(job: job, trigger: queued.trigger, queued: queued)
    }

    /// Of a run that has ended, and whose end the catalog did not take: for as long as that is so, unless the daemon stops; a
    /// scheduler that is to end by itself does not wait for ever. Nil when it never began, or was given up: then it is settled
    /// once this process is gone.
    private func recordEnd(because error: BackupError) -> Run? {
        let catalog = service.workspace.catalog
        let deadline = service.mode == .once ? ContinuousClock.now + .seconds(SchedulerLoop.patience) : nil
        var wasTold = false
        while true {
            do {
                var run = try catalog.run(id)
                guard run.state == .running, run.owner == owner else { return nil }
                if !wasTold {
                    service.log.error(
                        "the end of a run is not recorded yet",
                        ["job": job.text, "run": id.text, "reason": error.message])
                    wasTold = true
                }
                run.fail(with: error, at: service.clock.now())
                return try catalog.finish(run, service.workspace.act(service.clock.now()))
            } catch {
                guard !cancellation.isCancelled, deadline.map({ ContinuousClock.now < $0 }) ?? true else { return nil }
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }

    /// The row still waits, the job is there, and nothing else is in the way than the catalog.
    private func mayStartLater(_ error: BackupError) -> Bool {
        guard !cancellation.isCancelled, error.code != .jobNotFound else { return false }
        let catalog = service.workspace.catalog
        guard let run = try? catalog.run(id), let active = try? catalog.activeRuns() else { return true }
        return run.state == .queued
            && !active.contains { $0.kind == .backup && $0.job == job.text && $0.state == .running }
    }
}
