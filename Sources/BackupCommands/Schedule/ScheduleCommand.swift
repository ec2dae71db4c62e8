import ArgumentParser

struct ScheduleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Schedules: what a rule means.",
        subcommands: [ScheduleNext.self]
    )
}
