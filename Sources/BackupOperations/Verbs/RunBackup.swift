import BackupCatalog
import BackupEngines
package import BackupModel
import BackupPipeline
import BackupStorage
package import Foundation

/// Backs up one job, from the row in the history to the snapshot in the list.
package struct RunBackup {
    private let workspace: Workspace
    private let cancellation: Cancellation
    private let now: @Sendable () -> Date
    /// Not for those who recover once and then run many.
    package var recoversFirst = true

    package init(
        workspace: Workspace, cancellation: Cancellation, now: @escaping @Sendable () -> Date = { Date.now }
    ) {
        self.workspace = workspace
        self.cancellation = cancellation
        self.now = now
    }

    /// Runs the job and gives the run as it ended, whatever way that was. Throws only when no run came about: the job
    /// is being run already, or there is no catalog to write to. A run that stands in the queue starts as what it is.
    package func run(
        job: BackupModel.Job, trigger: RunTrigger, queued: Run? = nil, watch: (RunProgress) -> Void = { _ in }
    ) throws -> Run {
        var troubles = recoversFirst ? Recovery(workspace: workspace).recover(now: now()) : []
        // Retention asks later on whether times can be trusted.
        do { try workspace.readClock(at: now()) } catch { troubles.append(BackupError(error).message) }
        var run = try begin(job, trigger: trigger, queued: queued)
        let log = workspace.openLog(of: run.id, now: now)
        let progress = RunProgress(cancellation: cancellation, log: log)
        log.write("run \(run.id) of job '\(job.name)' by \(workspace.actor)")
        for trouble in troubles { progress.warning(trouble) }
        watch(progress)
        do {
            let backup = Backup(workspace: workspace, job: job, run: run, progress: progress, now: now)
            let limits = Supervisor(timeout: job.policy.timeout, stallTimeout: job.policy.stallTimeout)
            let published = try limits.run(
                progress: progress, heartbeat: { [run] in workspace.heartbeat(run.id, $0, cancellation, at: now()) },
                work: { try backup.perform() })
            if let anomaly = anomaly(of: published.snapshot) { progress.warning("\(anomaly)") }
            run.warnings = progress.current.warnings
            run.succeed(with: published.snapshot, at: now())
            run = try enter(published, run: run)
        } catch {
            run.warnings = progress.current.warnings
            run.counters = progress.current.counters
            run.engine = progress.current.engine
            run.snapshot = nil
            run.fail(with: BackupError(error), at: now())
            run = try finish(run, log: log)
        }
        log.write(run.error.map { "\(run.state.rawValue): \($0.message)" } ?? run.state.rawValue)
        return run
    }

    /// The snapshot is in its repository: when the catalog cannot hear of it now, the run failed, and the next one finds
    /// the manifest and enters it.
    private func enter(_ published: Backup.Published, run: Run) throws -> Run {
        do {
            return try workspace.catalog.publish(
                published.snapshot, namespaces: published.namespaces, run: run, workspace.act(now()))
        } catch {
            let cause = BackupError(error)
            throw BackupError(
                .snapshotUnlisted,
                "cannot enter snapshot '\(published.snapshot.id)' into the catalog: \(cause.message)",
                hint: "the snapshot is stored and whole; the next run enters it.")
        }
    }

    /// Whether the new snapshot is suspiciously small against those before it. The catalog that cannot say is about to be
    /// written to, and will be heard of there.
    private func anomaly(of snapshot: Snapshot) -> SizeAnomaly? {
        guard let before = try? workspace.snapshots(job: snapshot.job) else { return nil }
        return SizeAnomaly.find(
            in: SnapshotSize(snapshot), before: SnapshotSize.sizes(of: before, at: snapshot.createdAt))
    }

    private func begin(_ job: BackupModel.Job, trigger: RunTrigger, queued: Run?) throws -> Run {
        var generator = SystemRandomNumberGenerator()
        let time = now()
        let run =
            queued
            ?? Run(
                id: RunID(at: time, using: &generator), kind: .backup, job: job.name.text, trigger: trigger,
                queuedAt: time)
        return try workspace.catalog.start(run, owner: workspace.owner(), workspace.act(time))
    }

    /// What the log has is all that is left when the catalog cannot be written: the next start settles the run.
    private func finish(_ run: Run, log: RunLog) throws -> Run {
        do {
            return try workspace.catalog.finish(run, workspace.act(now()))
        } catch {
            log.write("cannot record the end of the run: \(BackupError(error).message)")
            if let cause = run.error { throw cause }
            throw error
        }
    }
}

extension Workspace {
    /// A heartbeat that cannot be written must not end a run: the next one may be. A run that somebody else took for
    /// dead and ended does stop, and so does one of which somebody asked it.
    func heartbeat(_ run: RunID, _ state: ProgressState, _ cancellation: Cancellation, at time: Date) {
        do {
            try catalog.heartbeat(run, counters: state.counters, engine: state.engine, at: time)
        } catch let error as BackupError where [.interrupted, .cancelled].contains(error.code) {
            cancellation.cancel(error)
        } catch {}
    }
}

extension ProgressState {
    var counters: RunCounters {
        RunCounters(
            documents: documents, namespaces: Int64(finishedNamespaces), uncompressedBytes: bytes,
            storedBytes: storedBytes)
    }
}
