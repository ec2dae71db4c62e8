import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct JobEdit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Change a job; what is not named stays as it is.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var job: JobOptions

    @Flag(name: .customLong("whole-deployment"), help: "Back up everything, no longer one database or collection.")
    var wholeDeployment = false

    @Flag(name: .customLong("clear-include"), help: "Remove the include patterns.")
    var clearInclude = false

    @Flag(name: .customLong("clear-exclude"), help: "Remove the exclude patterns.")
    var clearExclude = false

    @Flag(name: .customLong("no-timeout"), help: "Remove the limit on the time that a run may take.")
    var noTimeout = false

    @Flag(name: .customLong("no-schedule"), help: "Run the job no longer by itself.")
    var noSchedule = false
    @Flag(name: .customLong("no-query"), help: "Take all documents of the collection again.")
    var noQuery = false

    @Flag(name: .customLong("no-threads"), help: "Compress on all processors again.")
    var noThreads = false

    @Flag(name: .customLong("no-nice"), help: "Give way to other programs no more than whoever starts the run.")
    var noNice = false

    @Flag(
        name: .customLong("clear-tools"),
        help: "Forget where the tools are: folder, image, container runtime and network.")
    var clearTools = false

    @Flag(name: .customLong("clear-extra-tool-args"), help: "Remove the extra arguments of the tool.")
    var clearExtraToolArguments = false

    @Flag(name: .customLong("no-retention"), help: "Remove the retention policy: keep everything.")
    var noRetention = false

    @Argument(help: "The job's name.")
    var name: String

    func validate() throws {
        if wholeDeployment && (job.database != nil || job.collection != nil) {
            throw ValidationError("--whole-deployment excludes --database and --collection")
        }
        if clearInclude && !job.include.isEmpty { throw ValidationError("--clear-include excludes --include") }
        if clearExclude && !job.exclude.isEmpty { throw ValidationError("--clear-exclude excludes --exclude") }
        if noSchedule && !job.schedule.isEmpty {
            throw ValidationError("--no-schedule excludes the schedule's options")
        }
        if noQuery && job.dump.query != nil { throw ValidationError("--no-query excludes --query") }
        if noThreads && job.effort.threads != nil { throw ValidationError("--no-threads excludes --threads") }
        if noNice && job.effort.nice != nil { throw ValidationError("--no-nice excludes --nice") }
        if noRetention && !job.retention.isEmpty {
            throw ValidationError("--no-retention excludes the --keep options")
        }
        if noTimeout && job.timeout != nil { throw ValidationError("--no-timeout excludes --timeout") }
    }

    func run() throws {
        let name = try JobName(name)
        let given = try job.givenConnection()
        let workspace = try options.openWorkspace()
        let edited = try JobEditing(workspace: workspace).edit(name: name, connection: given, now: .now) {
            if noSchedule { $0.schedule = nil }
            let timeZone = try job.checkedTimeZone(workspace.zones) ?? $0.timeZone
            $0.schedule = try job.schedule.changed(
                $0.schedule, timeZone: timeZone, oldZone: $0.timeZone, workspace: workspace, now: .now)
            $0.timeZone = timeZone
            if clearInclude { $0.source.selection.include = [] }
            if clearExclude { $0.source.selection.exclude = [] }
            if wholeDeployment { $0.source.scope = .deployment }
            if noRetention { $0.retention = nil }
            try job.retention.apply(to: &$0.retention)
            if noTimeout { $0.policy.timeout = nil }
            if let engine = job.engine { $0.engine = engine }
            if noQuery { $0.settings.dump.query = nil }
            if noThreads { $0.settings.effort.threads = nil }
            if noNice { $0.settings.effort.nice = nil }
            if clearTools { $0.settings.place = ToolPlace() }
            if clearExtraToolArguments { $0.settings.dump.extraArguments = [] }
            try job.apply(to: &$0.source, &$0.policy)
            try job.apply(to: &$0.settings)
        }
        try options.output.confirm(JobView.json(edited), text: "changed job '\(name)': \(JobView.summary(edited))")
    }
}
