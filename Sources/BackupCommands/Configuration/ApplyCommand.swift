import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct ApplyCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the jobs what a file says: all of them, or none.",
        discussion: """
            Shows the difference, then makes it so. What the file does not name of a job is the default; jobs that it does \
            not name stay, unless --prune is given. 'backupctl export' writes such a file.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(name: [.customShort("f"), .customLong("file")], help: "The file, in YAML; '-' for standard input.")
    var file: String

    @Flag(name: .customLong("dry-run"), help: "Show the difference, and stop there.")
    var dryRun = false

    @Flag(name: .customLong("prune"), help: "Delete the jobs that the file does not name. Their snapshots stay.")
    var prune = false

    @Flag(name: .customLong("yes"), help: "Do not ask before jobs are deleted.")
    var yes = false

    mutating func perform() throws -> Int32 {
        do {
            try apply()
            return 0
        } catch let problems as ConfigurationProblems {
            for error in problems.errors.prefix(20) { Report.error(error) }
            if problems.errors.count > 20 { Report.note("and \(problems.errors.count - 20) more problems") }
            let statuses = problems.errors.map(\.code.exitStatus)
            return statuses.first { $0 == BackupError.Code.usage.exitStatus } ?? statuses.first ?? 1
        }
    }

    private func apply() throws {
        let configuration = try Configuration.read(file)
        let apply = ApplyConfiguration(workspace: try options.openWorkspace())
        let plan = try apply.plan(configuration, prune: prune, now: .now)
        if dryRun { return try options.output.render(json(plan, done: false), text: ConfigurationView.text(plan)) }
        // Shown first, since a person is asked about it.
        if !options.json && !options.quiet && !plan.isEmpty {
            try options.output.write(ConfigurationView.text(plan))
        }
        if plan.count(.delete) > 0 {
            let names = plan.items.filter { $0.action == .delete }.map(\.name.text).joined(separator: ", ")
            try Confirmation(yes: yes).ask(
                "Delete \(Format.count(Int64(plan.count(.delete)), "job")) (\(names))? Snapshots stay.")
        }
        let done = try apply.carryOut(plan, of: configuration, prune: prune)
        try options.output.confirm(json(done, done: true), text: ConfigurationView.done(done, file: configuration.name))
    }

    private func json(_ plan: ConfigurationPlan, done: Bool) -> JSONValue {
        ConfigurationView.json(plan, file: file, dryRun: !done)
    }
}
