import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

struct RunCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run jobs now, in the foreground.",
        discussion: "Exit status: 0 when every run succeeded, else that of the first that did not.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The jobs to run, one after the other.")
    var jobs: [String]

    mutating func perform() throws -> Int32 {
        let cancellation = Cancellation()
        ProcessSetup.cancelOnSignals(cancellation)
        let workspace = try options.openWorkspace()
        let jobs = try jobs.map { try workspace.catalog.job(named: JobName($0)) }
        var runs: [Run] = []
        var statuses: [Int32] = []
        for job in jobs where !cancellation.isCancelled {
            do {
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
