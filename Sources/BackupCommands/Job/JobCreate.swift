import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct JobCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a job.",
        discussion: """
            The job backs up a whole deployment, one database (--database, or the database named in the URI) or one \
            collection. Nothing is connected to until the job is run, except with --oplog, which needs a replica set.
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var job: JobOptions

    @Argument(help: "The job's name: [a-z0-9][a-z0-9._-]{0,63}.")
    var name: String

    func run() throws {
        let name = try JobName(name)
        guard let given = try job.givenConnection() else {
            throw BackupError(
                .usage, "cannot create job '\(name)': no connection string is given",
                hint: "give one of --uri, --uri-file, --uri-env and --host.")
        }
        var source = JobSource(connection: .literal(""), scope: .deployment)
        var policy = RunPolicy()
        var settings = EngineSettings()
        try job.apply(to: &source, &policy)
        try job.apply(to: &settings)
        var retention: RetentionPolicy?
        try job.retention.apply(to: &retention)
        let workspace = try options.openWorkspace()
        let timeZone = try job.checkedTimeZone(workspace.zones)
        let schedule = try job.schedule.changed(
            nil, timeZone: timeZone, oldZone: nil, workspace: workspace, now: .now)
        let created = try JobEditing(workspace: workspace).create(
            name: name, connection: given, source: source, engine: job.engine ?? .auto, settings: settings,
            policy: policy, schedule: schedule, retention: retention, timeZone: timeZone, now: .now)
        try options.output.confirm(JobView.json(created), text: "created job '\(name)': \(JobView.summary(created))")
        warnAboutPassword(given, created)
    }

    private func warnAboutPassword(_ given: GivenConnection, _ created: BackupModel.Job) {
        // In pieces, the password came from a file or a variable.
        guard case .literal = given, !job.server.isGiven, case .stored = created.source.connection, !options.quiet
        else {
            return
        }
        Report.note(
            "note: the password was on the command line, where a listing of processes or a shell's history can show it; "
                + "--uri-file avoids that. It is kept in 'secrets/\(created.name)', not in the catalog.")
    }
}
