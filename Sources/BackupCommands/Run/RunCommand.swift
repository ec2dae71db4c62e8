import ArgumentParser
import BackupCatalog
import BackupDaemon
import BackupModel
import BackupOperations
import Foundation

struct RunCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run jobs now, in the foreground.",
        discussion: """
            Exit status: 0 when every run succeeded, else that of the first that did not. With --due, what the \
            schedules say is due runs, and that is all: for cron or a container that something else starts.
            """)

    @OptionGroup var options: GlobalOptions

    @OptionGroup var limits: ConcurrencyOptions

    @Flag(name: .customLong("due"), help: "Run what is due by the jobs' schedules, and end.")
    var due = false

    @Flag(name: .customLong("detach"), help: "Do not wait: put the runs into the queue of the daemon.")
    var detach = false

    @Argument(help: "The jobs to run, one after the other.")
    var jobs: [String] = []

    func validate() throws {
        if due && (detach || !jobs.isEmpty) { throw ValidationError("--due excludes --detach and names of jobs") }
        if !due && jobs.isEmpty { throw ValidationError("name a job, or give --due") }
    }

    mutating func perform() throws -> Int32 {
        if due { return try runDue() }
        if detach { return try queue() }
        let cancellation = Cancellation()
        ProcessSetup.cancelOnSignals(cancellation)
        let workspace = try options.openWorkspace()
        // All of them are known before the first one begins; each is then run, and pruned, as it is at that time.
        let names = try jobs.map { try workspace.catalog.job(named: JobName($0)).name }
        var runs: [Run] = []
        var statuses: [Int32] = []
        for name in names where !cancellation.isCancelled {
            do {
                let job = try workspace.catalog.job(named: name)
                let run = try run(job, workspace: workspace, cancellation: cancellation)
                runs.append(run)
                statuses.append(RunView.exitStatus(run))
                if run.state == .succeeded { prune(job, workspace: workspace, cancellation: cancellation) }
            } catch let error as BackupError {
                // No run came about; the other jobs still get theirs.
                Report.error(error)
                statuses.append(error.code.exitStatus)
            }
        }
        if !runs.isEmpty || jobs.count > 1 {
            let views = runs.map(RunView.json)
            try options.output.render(jobs.count == 1 ? views[0] : .array(views), text: "")
        }
        return statuses.first { $0 != 0 } ?? (cancellation.isCancelled ? BackupError.Code.cancelled.exitStatus : 0)
    }

    /// What is due, with the same rules and the same guarantees as the daemon has, which may run at the same time.
    private func runDue() throws -> Int32 {
        let signals = SignalMask.block([SIGINT, SIGTERM, SIGHUP])
        let workspace = try options.openWorkspace()
        let quiet = options.quiet
        let log = DaemonLog(format: .text, now: { Date.now }, write: { line in if !quiet { Report.write(line) } })
        for trouble in Recovery(workspace: workspace).recover(now: .now) where !quiet { Report.warning(trouble) }
        let service = SchedulerService(workspace: workspace, mode: .once, limits: limits.limits, log: log)
        let wasStopped = Cancellation()
        signals.handle { number in
            if wasStopped.isCancelled { _exit(130) }
            wasStopped.cancel(BackupError(.cancelled, "ended by signal \(number)"))
            // A person ends it for good; what the machine ends is tried again, as the daemon has it.
            service.stop(
                number == SIGINT
                    ? BackupError(.cancelled, "ended by signal \(number)")
                    : BackupError(.interrupted, "interrupted: ended by signal \(number)"))
        }
        let runs = try service.run()
        try options.output.render(
            .array(runs.map(RunView.json)),
            text: runs.isEmpty ? (quiet ? "" : "nothing was due") : runs.map(RunView.line).joined(separator: "\n"))
        let status: Int32 = runs.map(RunView.exitStatus).first { $0 != 0 } ?? 0
        return wasStopped.isCancelled ? BackupError.Code.cancelled.exitStatus : status
    }

    private func queue() throws -> Int32 {
        let workspace = try options.openWorkspace()
        let names = try jobs.map { try JobName($0) }
        for name in names { _ = try workspace.catalog.job(named: name) }
        let runs = try names.map { try QueueRun(workspace: workspace).queue($0, now: .now) }
        try options.output.render(
            runs.count == 1 ? RunView.json(runs[0]) : .array(runs.map(RunView.json)),
            text: runs.map { "queued run '\($0.id)' of job '\($0.job ?? "")'" }.joined(separator: "\n"))
        if DaemonLock.holder(in: workspace.state) == nil, !options.quiet {
            Report.warning("no daemon is running: the queue waits for one, or for 'backupctl run --due'")
        }
        return 0
    }

    private func run(_ job: BackupModel.Job, workspace: Workspace, cancellation: Cancellation) throws -> Run {
        if job.pausedAt != nil && !options.quiet {
            Report.note("job '\(job.name)' is paused; run because it was named")
        }
        let display = ProgressDisplay(quiet: options.quiet)
        let backup = RunBackup(workspace: workspace, cancellation: cancellation)
        let run = try backup.run(job: job, trigger: .manual) { display.watch($0, title: job.name.text) }
        display.close()
        report(run, job: job)
        return run
    }

    /// What retention does not keep goes once its place is taken. The run has succeeded whatever comes of this.
    private func prune(_ job: BackupModel.Job, workspace: Workspace, cancellation: Cancellation) {
        guard let result = PruneJob(workspace: workspace, cancellation: cancellation).afterRun(job: job) else { return }
        if let error = result.error { Report.warning(error.message) }
        guard !options.quiet else { return }
        if result.state != .refused { for warning in result.warnings { Report.warning(warning) } }
        if !result.removed.isEmpty { Report.note(PruneView.summary(result)) }
    }

    private func report(_ run: Run, job: BackupModel.Job) {
        if !options.quiet { for warning in run.warnings { Report.warning(warning) } }
        if let error = run.error {
            Report.error(error)
        } else if !options.json && !options.quiet {
            print(RunView.success(run))
        }
    }
}
