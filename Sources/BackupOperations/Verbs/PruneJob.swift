import BackupCatalog
package import BackupModel
import BackupStorage
package import Foundation

/// Removes of one job what its retention policy does not keep: plan, brakes, and only then the first deletion.
package struct PruneJob {
    private let workspace: Workspace
    private let cancellation: Cancellation
    private let now: @Sendable () -> Date
    /// Not for those who recover once and then prune often.
    package var recoversFirst = true

    package init(
        workspace: Workspace, cancellation: Cancellation = Cancellation(),
        now: @escaping @Sendable () -> Date = { Date.now }
    ) {
        self.workspace = workspace
        self.cancellation = cancellation
        self.now = now
    }

    /// After a run that succeeded: prunes the job if it has a policy. A brake, or a failure, is in the result; it does
    /// not touch the run, whose snapshot is stored.
    package func afterRun(job: BackupModel.Job) -> PruneResult? {
        guard job.retention != nil else { return nil }
        do {
            return try run(job: job, PruneOptions(), trustsProof: true)
        } catch {
            return PruneResult(job: job.name.text, state: .failed, error: BackupError(error))
        }
    }

    /// Makes the plan and, unless it is a dry run, does what it says. Throws when there is no policy, and when catalog
    /// or repository cannot be read.
    package func run(job: BackupModel.Job, _ options: PruneOptions) throws -> PruneResult {
        try run(job: job, options, trustsProof: false)
    }

    /// `trustsProof`: a snapshot that was read a short time ago is not read again.
    private func run(job: BackupModel.Job, _ options: PruneOptions, trustsProof: Bool) throws -> PruneResult {
        _ = try present(job)
        try requireRepositories(of: job)
        let time = now()
        var result = PruneResult(job: job.name.text, state: .planned)
        if !options.isDryRun {
            if recoversFirst { result.warnings = Recovery(workspace: workspace).recover(now: time) }
            try accept(options, job, at: time)
        }
        let clock = options.isDryRun ? try workspace.peekClock(at: time) : try workspace.readClock(at: time)
        var decision = try decide(job, clock: clock, options, at: time)
        if !options.isDryRun {
            while decision.removesSomething, let damage = try proveNewestGood(of: job, trustsProof, at: time) {
                result.warnings.append(damage.message)
                decision = try decide(job, clock: clock, options, at: time)
            }
            // Reading may have taken long: what happened meanwhile counts.
            if decision.removesSomething { decision = try decide(job, clock: clock, options, at: time) }
        }
        result.take(decision.plan, decision.brakes)
        guard !options.isDryRun else { return result }
        if decision.plan.removed.isEmpty {
            result.state = .nothing
        } else if result.brakes.isEmpty {
            try perform(&result, at: time)
        } else {
            try refuse(&result, at: time)
        }
        return result
    }

    /// The job and its policy as they are now: who prunes after a run may have read them hours ago.
    private func present(_ job: BackupModel.Job) throws -> (job: BackupModel.Job, policy: RetentionPolicy) {
        let job = try workspace.catalog.job(named: job.name)
        guard let policy = job.retention else {
            throw BackupError(
                .refused, "cannot prune job '\(job.name)': it has no retention policy, so everything is kept",
                hint: "'backupctl job edit \(job.name) --keep-daily 7' gives it one, for example.")
        }
        return (job, policy)
    }

    /// Where a repository is gone every snapshot looks missing, and a plan would be about nothing.
    private func requireRepositories(of job: BackupModel.Job) throws {
        let names = Set(try workspace.catalog.snapshots(job: job.name.text).map(\.repository))
        for name in names.sorted() { _ = try workspace.repository(name) }
    }

    private struct Decision {
        var plan: RetentionPlan
        var brakes: [PruneBrake]

        var removesSomething: Bool { brakes.isEmpty && !plan.removed.isEmpty }
    }

    /// How long a proof is good for, in seconds: a run that prunes has just read its snapshot back.
    static let freshness: TimeInterval = 900

    /// Before others go, what stays as the last good one is read back. Gives why it is not good.
    private func proveNewestGood(
        of job: BackupModel.Job, _ trustsProof: Bool, at time: Date
    ) throws -> BackupError? {
        let good = try workspace.snapshots(job: job.name.text).filter { $0.state == .good }
        // One from the future is not what is left when others go.
        let limit = time.addingTimeInterval(RetentionPolicy.clockTolerance)
        guard let newest = good.first(where: { $0.createdAt <= limit }) ?? good.first else { return nil }
        let age = newest.verifiedAt.map { time.timeIntervalSince($0) } ?? .infinity
        guard !(trustsProof && (0..<Self.freshness).contains(age)) else { return nil }
        do {
            return try ProveSnapshot(workspace: workspace).prove(newest, at: time) { try cancellation.check() }
        } catch let error as BackupError where error.code == .cancelled {
            // It stays cancelled: the removal, which records that, stops before the first one.
            return nil
        }
    }

    /// Reads what there is and decides; changes nothing.
    private func decide(
        _ job: BackupModel.Job, clock: ClockReading?, _ options: PruneOptions, at time: Date
    ) throws -> Decision {
        let (job, policy) = try present(job)
        let zone = try workspace.zones.rules(named: job.timeZone ?? "UTC")
        let snapshots = try workspace.snapshots(job: job.name.text).filter { $0.state != .deleting }
        let readers = try workspace.catalog.readers()
        let plan = policy.plan(
            for: snapshots.map { RetentionCandidate($0, isBeingRead: readers[$0.id] != nil, at: time) }, now: time,
            in: zone)
        let situation = PruneSituation(
            runs: try workspace.catalog.attempts(of: job.name.text), clock: clock,
            sizes: SnapshotSize.sizes(of: snapshots, at: time))
        // In a dry run, what would be accepted is not: it does not stand in the way either.
        let brakes = situation.brakes.filter { brake in
            switch brake.code {
            case .newestRun: true
            case .clockJump: !options.acceptsClock
            case .anomaly: !options.acceptsAnomaly
            }
        }
        return Decision(plan: plan.limited(toPercent: options.share), brakes: brakes)
    }

    /// Enters what a person said to be right.
    private func accept(_ options: PruneOptions, _ job: BackupModel.Job, at time: Date) throws {
        if options.acceptsClock {
            try workspace.readClock(at: time)
            try workspace.catalog.acceptClock(workspace.act(time))
        }
        guard options.acceptsAnomaly else { return }
        let snapshots = try workspace.snapshots(job: job.name.text)
        let sizes = SnapshotSize.sizes(of: snapshots, at: time)
        guard let newest = sizes.first, SizeAnomaly.find(in: newest, before: Array(sizes.dropFirst())) != nil else {
            return
        }
        try workspace.catalog.acceptSize(ofSnapshot: newest.id, workspace.act(time))
    }

    /// The history says that there was something to remove, and why it was not.
    private func refuse(_ result: inout PruneResult, at time: Date) throws {
        result.state = .refused
        let reasons = result.brakes.map(\.description).joined(separator: "; ")
        let error = BackupError(
            .refused, "refusing to prune job '\(result.job)': \(reasons)", hint: result.brakes.first?.remedy)
        result.error = error
        var run = makeRun(job: result.job, at: time)
        run.state = .skipped
        run.finishedAt = time
        run.error = error
        run.warnings = result.warnings
        try workspace.catalog.record(run, workspace.act(time))
        result.run = run
    }

    private func makeRun(job: String, at time: Date) -> Run {
        var generator = SystemRandomNumberGenerator()
        return Run(id: RunID(at: time, using: &generator), kind: .prune, job: job, trigger: .manual, queuedAt: time)
    }

    private func perform(_ result: inout PruneResult, at time: Date) throws {
        var run = try workspace.catalog.start(
            makeRun(job: result.job, at: time), owner: workspace.owner(), workspace.act(time))
        let log = workspace.openLog(of: run.id, now: now)
        let progress = RunProgress(cancellation: cancellation, log: log)
        log.write("prune of job '\(result.job)' by \(workspace.actor)")
        for kept in result.plan.kept {
            progress.note("keep \(kept.candidate.id): \(kept.reasons.map(\.description).joined(separator: ", "))")
        }
        for postponed in result.plan.postponed { progress.note("leave \(postponed.id) for another time") }
        progress.enter(.removing)
        do {
            // The oldest first: whatever stops this leaves the newer ones.
            let removal = Removal(
                workspace: workspace, run: run.id, snapshots: result.plan.removed.reversed().map(\.id),
                progress: progress, time: time)
            let done = try Supervisor(stallTimeout: 600).run(
                progress: progress, heartbeat: { workspace.heartbeat(run.id, $0, cancellation, at: now()) },
                work: { removal.perform() })
            result.take(done)
        } catch {
            result.error = BackupError(error)
        }
        finish(&run, &result, progress.current)
        result.run = try workspace.catalog.finish(run, workspace.act(now()))
        log.write(run.error.map { "\(run.state.rawValue): \($0.message)" } ?? run.state.rawValue)
    }

    private func finish(_ run: inout Run, _ result: inout PruneResult, _ state: ProgressState) {
        result.state = result.error == nil ? .succeeded : result.removed.isEmpty ? .failed : .partial
        run.finishedAt = now()
        run.warnings = result.warnings
        run.counters.storedBytes = state.removedBytes
        run.error = result.error
        switch result.state {
        case .succeeded: run.state = .succeeded
        case .partial: run.state = .partial
        default: run.state = result.error?.code == .cancelled ? .cancelled : .failed
        }
    }
}

/// The deletions of one prune, one after the other.
private struct Removal: Sendable {
    let workspace: Workspace
    let run: RunID
    let snapshots: [String]
    let progress: RunProgress
    let time: Date

    func perform() -> PruneResult.Removed {
        var done = PruneResult.Removed()
        for id in snapshots {
            do {
                try progress.cancellation.check()
                let snapshot = try workspace.catalog.snapshot(matching: id)
                try DeleteSnapshot(workspace: workspace, repository: workspace.repository(snapshot.repository)).delete(
                    snapshot, sparing: .newest, proof: .whole, reason: "retention, run \(run)", now: time)
                done.snapshots.append(id)
                progress.removed(bytes: snapshot.storedBytes)
                progress.note("removed \(id)")
            } catch {
                let error = BackupError(error)
                if error.code == .cancelled {
                    done.error = error
                    break
                }
                done.take(error, of: id)
                progress.note("left \(id): \(error.message)")
            }
        }
        return done
    }
}

extension RetentionCandidate {
    init(_ snapshot: Snapshot, isBeingRead: Bool, at time: Date) {
        let pin = snapshot.pin.flatMap { $0.holds(at: time) ? $0.reason : nil }
        self.init(
            id: snapshot.id, time: snapshot.createdAt, isGood: snapshot.state == .good,
            isVerified: snapshot.verifiedAt != nil, pin: pin, isBeingRead: isBeingRead,
            storedBytes: snapshot.storedBytes)
    }
}

extension SnapshotSize {
    init(_ snapshot: Snapshot) {
        self.init(
            id: snapshot.id, documents: snapshot.documents, bytes: snapshot.uncompressedBytes,
            isAccepted: snapshot.sizeAcceptedAt != nil)
    }

    /// Of those that are good and not of the future, in the order given.
    static func sizes(of snapshots: [Snapshot], at time: Date) -> [SnapshotSize] {
        snapshots.filter { $0.state == .good && $0.createdAt <= time + RetentionPolicy.clockTolerance }
            .map(SnapshotSize.init)
    }
}
