import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct ScheduleNext: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next", abstract: "Say in words what a rule means, and when it fires next.",
        discussion: """
            RULE has five fields: minute, hour, day of month, month, day of week (1 is Monday, 0 and 7 are Sunday), or is \
            @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or '@every 6h'. With --batch, every line of \
            FILE is an object {"expression", "timeZone", "after", "count"}, and every line of the answer one of \
            {"expression", "timeZone", "next"} or {"error"}, in the same order.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(name: .customLong("time-zone"), help: "The time zone, by its IANA name.")
    var timeZone = "UTC"

    @Option(name: .customLong("after"), help: "Later than this time, as in 2026-01-14T02:00:00Z (default: now).")
    var after: String?

    @Option(name: .customLong("count"), help: "So many times, at most \(ScheduleQuestion.largestCount).")
    var count = ScheduleQuestion.usualCount

    @Option(name: .customLong("batch"), help: "Answer the questions in this file, one a line ('-': standard input).")
    var batch: String?

    @Argument(help: "The rule.")
    var rule: String?

    func validate() throws {
        guard (rule == nil) != (batch == nil) else {
            throw ValidationError(rule == nil ? "a rule or --batch is needed" : "--batch takes no rule beside it")
        }
        if let problem = ScheduleQuestion.problem(ofCount: count) { throw ValidationError("--count \(problem)") }
    }

    func run() throws {
        let zones = SystemTimeZones(environment: ProcessInfo.processInfo.environment)
        if let batch {
            var answers = ScheduleBatch(zones: zones, now: .now)
            return try answers.answer(file: batch, output: options.output)
        }
        let question = ScheduleQuestion(
            expression: rule ?? "", timeZone: timeZone, after: try startingTime(), count: count)
        let answer = try question.answer(zone: zones.rules(named: timeZone))
        try options.output.render(answer.json, text: ScheduleView(answer).text)
    }

    private func startingTime() throws -> Date {
        guard let after else { return .now }
        guard let time = Timestamp.parse(after) else {
            throw BackupError(
                .usage, "cannot read --after '\(after.escapedForDisplay)': it is not a time",
                hint: "write it as in 2026-01-14T02:00:00Z.")
        }
        return time
    }
}
