import ArgumentParser

struct RetentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "Retention: which snapshots are kept.",
        subcommands: [RetentionPlanCommand.self]
    )
}
