import BackupCatalog
import BackupEngines
package import BackupModel
import BackupPipeline
package import Foundation
import MongoArchive

/// Restores a snapshot or an archive file: plan, check of all that will be read, and only then the first write.
package struct RestoreSnapshot {
    private let workspace: Workspace
    private let cancellation: Cancellation
    private let now: @Sendable () -> Date

    package init(
        workspace: Workspace, cancellation: Cancellation, now: @escaping @Sendable () -> Date = { Date.now }
    ) {
        self.workspace = workspace
        self.cancellation = cancellation
        self.now = now
    }

    /// Gives the result whatever way it ended. Throws only what is wrong with the request itself, and when the catalog
    /// cannot be written. `confirm` sees the plan before anything is dropped, and may throw.
    package func run(
        _ request: RestoreRequested, watch: (RunProgress) -> Void, confirm: (RestorePlan) throws -> Void
    ) throws -> RestoreResult {
        let uri = try workspace.secrets().resolve(request.target)
        let troubles = Recovery(workspace: workspace).recover(now: now())
        var run = request.isDryRun ? nil : try begin(request)
        let log = run.map { workspace.openLog(of: $0.id, now: now) }
        let progress = RunProgress(cancellation: cancellation, log: log)
        watch(progress)
        var result = RestoreResult(
            source: request.source, state: "planned", run: run?.id, engine: nil,
            target: try MongoURI(uri).redacted, existing: request.choice.existing, isDryRun: request.isDryRun)
        result.warnings = troubles
        log?.write("restore of '\(request.source)' into \(result.target) by \(workspace.actor)")
        do {
            let restore = Restore(workspace: workspace, request: request, uri: uri, progress: progress, run: run?.id)
            let supervisor = Supervisor()
            let beat: (ProgressState) -> Void = { [run] state in
                if let run { workspace.heartbeat(run.id, state, cancellation, at: now()) }
            }
            let prepared = try supervisor.run(progress: progress, heartbeat: beat, work: { try restore.prepare() })
            result.engine = prepared.engine.identity
            result.source = prepared.source.name
            run?.snapshot = prepared.source.snapshot
            result.take(prepared.plan)
            for warning in progress.current.warnings where !result.warnings.contains(warning) {
                result.warnings.append(warning)
            }
            try requireNoConflict(prepared.plan, request.choice.existing)
            if let run, prepared.provesAll { try noteProof(of: prepared.source.snapshot, run) }
            if !request.isDryRun {
                try confirm(prepared.plan)
                result.hasWritten = true
                let report = try supervisor.run(
                    progress: progress, heartbeat: beat, work: { try restore.perform(prepared) })
                result.take(report)
            }
        } catch {
            result.stop(with: BackupError(error), progress: progress.current)
            if let run { noteDamage(BackupError(error), found: request, run, &result) }
        }
        if let run { try finish(run, result, progress: progress.current, log: log) }
        return result
    }

    /// One that was damaged and is whole again, from a copy that somebody put back, is good again.
    private func noteProof(of snapshot: String?, _ run: Run) throws {
        guard let snapshot, try workspace.catalog.snapshot(matching: snapshot).state == .damaged else { return }
        try workspace.catalog.setVerified(snapshot: snapshot, workspace.act(now()))
    }

    /// A snapshot that a restore found to be damaged is no good one from then on.
    private func noteDamage(
        _ error: BackupError, found request: RestoreRequested, _ run: Run, _ result: inout RestoreResult
    ) {
        guard error.code == .snapshotDamaged, SnapshotName.path(request.source) == nil else { return }
        do {
            // The run names the snapshot since it was opened; `JOB@latest` may mean another one by now.
            let held = try workspace.catalog.run(run.id).snapshot
            let snapshot = try held.map { try workspace.catalog.snapshot(matching: $0) }
            if let snapshot { try workspace.markDamaged(snapshot, error, at: now()) }
        } catch {
            result.warnings.append("cannot mark the snapshot as damaged: \(BackupError(error).message)")
        }
    }

    private func requireNoConflict(_ plan: RestorePlan, _ existing: ExistingPolicy) throws {
        guard !plan.conflicts.isEmpty else { return }
        let shown = plan.conflicts.prefix(8).map { conflict in
            "'\(conflict.target.description.escapedForDisplay)' (\(conflict.reason ?? "in the way"))"
        }
        let more = plan.conflicts.count > 8 ? " and \(plan.conflicts.count - 8) more" : ""
        throw BackupError(
            .targetExists, "refusing to restore: in the way: \(shown.joined(separator: ", "))\(more)",
            hint: existing == .merge
                ? "rename with --ns-from and --ns-to, or choose --existing drop."
                : "rename with --ns-from and --ns-to, or choose --existing merge or --existing drop.")
    }

    private func begin(_ request: RestoreRequested) throws -> Run {
        var generator = SystemRandomNumberGenerator()
        let time = now()
        let job =
            SnapshotName.path(request.source) == nil
            ? try workspace.findSnapshot(request.source).job : nil
        let run = Run(
            id: RunID(at: time, using: &generator), kind: .restore, job: job, trigger: .manual, queuedAt: time)
        return try workspace.catalog.start(run, owner: workspace.owner(), workspace.act(time))
    }

    private func finish(_ run: Run, _ result: RestoreResult, progress: ProgressState, log: RunLog?) throws {
        var run = run
        run.finishedAt = now()
        run.warnings = result.warnings
        run.error = result.error
        run.engine = result.engine
        run.state = RunState(rawValue: result.state) ?? .failed
        run.counters = progress.counters
        run.counters.documents = result.restored
        run.counters.failedDocuments = result.failed
        run.counters.namespaces = Int64(result.namespaces.count)
        for entry in result.namespaces {
            for error in entry.errors { log?.write("'\(entry.plan.target)': \(error)") }
        }
        log?.write(run.error.map { "\(run.state.rawValue): \($0.message)" } ?? run.state.rawValue)
        try workspace.catalog.finish(run, workspace.act(now()))
    }
}

extension RestoreResult {
    /// Ends a restore that stopped. What the target had acknowledged by then is said as far as it is known.
    mutating func stop(with error: BackupError, progress: ProgressState) {
        self.error = error
        if !isDryRun { state = (error.code == .cancelled ? RunState.cancelled : .failed).rawValue }
        for index in namespaces.indices {
            namespaces[index].restored = progress.restored[namespaces[index].plan.target] ?? 0
        }
    }
}
