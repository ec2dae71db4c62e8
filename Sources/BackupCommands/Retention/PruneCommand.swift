import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations
import Foundation

struct PruneCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove the snapshots that the jobs' retention policies do not keep.",
        discussion: """
            Without JOB: those of every job that has a policy. Nothing is removed of a job whose newest run did not \
            succeed or whose newest snapshot is suspiciously small, nor after a clock jump. With --history-older-than, \
            old runs and their logs go instead of snapshots.
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(name: .customLong("dry-run"), help: "Show the plan, with the reason for each snapshot, and stop there.")
    var dryRun = false

    @Flag(name: .customLong("accept-anomaly"), help: "The newest snapshot of JOB has the right size: take it as usual.")
    var acceptAnomaly = false

    @Flag(name: .customLong("accept-clock"), help: "The clock is right, though it jumped.")
    var acceptClock = false

    @Option(
        name: .customLong("max-share"),
        help: "Remove at most so many percent of a job's good snapshots at once (default: \(PruneBrake.usualShare)).")
    var maxShare = PruneBrake.usualShare

    @Option(
        name: .customLong("history-older-than"),
        help: "Remove runs and logs older than this, for example 180d; those that explain a snapshot stay.")
    var historyAge: DurationArgument?

    @Argument(help: "Only this job.")
    var job: String?

    func validate() throws {
        if !(1...100).contains(maxShare) { throw ValidationError("--max-share is a number from 1 to 100") }
        if acceptAnomaly && job == nil { throw ValidationError("--accept-anomaly needs the name of a job") }
        if historyAge != nil && (acceptAnomaly || acceptClock || maxShare != PruneBrake.usualShare) {
            throw ValidationError("--history-older-than goes with --dry-run only")
        }
    }

    mutating func perform() throws -> Int32 {
        let cancellation = Cancellation()
        ProcessSetup.cancelOnSignals(cancellation)
        let workspace = try options.openWorkspace()
        let name = try job.map { try JobName($0) }
        if let historyAge { return try pruneHistory(workspace, olderThan: historyAge.seconds, of: name) }
        let jobs =
            try name.map { [try workspace.catalog.job(named: $0)] }
            ?? workspace.catalog.jobs().filter { $0.retention != nil }
        var pruneOptions = PruneOptions()
        pruneOptions.isDryRun = dryRun
        pruneOptions.acceptsAnomaly = acceptAnomaly
        pruneOptions.acceptsClock = acceptClock
        pruneOptions.share = maxShare
        let prune = PruneJob(workspace: workspace, cancellation: cancellation)
        // One job that cannot be pruned does not keep the others.
        let results = jobs.map { job in
            do {
                return try prune.run(job: job, pruneOptions)
            } catch {
                let known = (error as? BackupError) ?? BackupError(.failed, "cannot prune job '\(job.name)': \(error)")
                return PruneResult(job: job.name.text, state: .failed, error: known)
            }
        }
        try report(results, jobs: jobs)
        return results.map(\.exitStatus).first { $0 != 0 } ?? 0
    }

    private func report(_ results: [PruneResult], jobs: [BackupModel.Job]) throws {
        if !options.quiet && !options.json {
            for result in results where result.state != .refused {
                for warning in result.warnings { Report.warning(warning) }
            }
        }
        let views = zip(results, jobs).map { PruneView.json($0, job: $1) }
        let texts = zip(results, jobs).map { PruneView.text($0, job: $1) }
        try options.output.render(
            job != nil && views.count == 1 ? views[0] : .array(views),
            text: texts.isEmpty
                ? "no job has a retention policy: everything is kept"
                : texts.filter { !$0.isEmpty }.joined(separator: "\n\n"))
        for result in results { if let error = result.error { Report.error(error) } }
    }

    private func pruneHistory(_ workspace: Workspace, olderThan age: Int, of job: JobName?) throws -> Int32 {
        let runs = try PruneHistory(workspace: workspace).run(
            olderThan: age, job: job?.text, isDryRun: dryRun, now: .now)
        let json = JSONValue.object(["dryRun": JSONValue(dryRun), "runs": JSONValue(runs.map(\.text))])
        let count = Format.count(Int64(runs.count), "run")
        let age = DurationText.text(age)
        let text =
            dryRun
            ? (["\(count) older than \(age) would be removed with their logs"] + runs.map(\.text))
                .joined(separator: "\n")
            : "removed \(count) older than \(age), with their logs"
        try options.output.render(json, text: text)
        return 0
    }
}
