import ArgumentParser
import BackupModel

/// The rules of a job's retention policy, as `job create` and `job edit` take them.
struct RetentionOptions: ParsableArguments {
    @Option(name: .customLong("keep-last"), help: "Keep the newest so many snapshots (0: no such rule).")
    var last: Int?

    @Option(name: .customLong("keep-hourly"), help: "Keep the newest of each of so many hours that have one.")
    var hourly: Int?

    @Option(name: .customLong("keep-daily"), help: "Keep the newest of each of so many days that have one.")
    var daily: Int?

    @Option(name: .customLong("keep-weekly"), help: "Keep the newest of each of so many weeks that have one.")
    var weekly: Int?

    @Option(name: .customLong("keep-monthly"), help: "Keep the newest of each of so many months that have one.")
    var monthly: Int?

    @Option(name: .customLong("keep-yearly"), help: "Keep the newest of each of so many years that have one.")
    var yearly: Int?

    @Option(
        name: .customLong("keep-within"),
        help: "Keep all in this time before the newest one: 1y2m3d4h, where m is months (0d: no such rule).")
    var within: SpanArgument?

    @Option(name: .customLong("keep-within-hourly"), help: "Keep the newest of each hour in this time.")
    var withinHourly: SpanArgument?

    @Option(name: .customLong("keep-within-daily"), help: "Keep the newest of each day in this time.")
    var withinDaily: SpanArgument?

    @Option(name: .customLong("keep-within-weekly"), help: "Keep the newest of each week in this time.")
    var withinWeekly: SpanArgument?

    @Option(name: .customLong("keep-within-monthly"), help: "Keep the newest of each month in this time.")
    var withinMonthly: SpanArgument?

    @Option(name: .customLong("keep-within-yearly"), help: "Keep the newest of each year in this time.")
    var withinYearly: SpanArgument?

    private var counts: [RetentionPolicy.Unit: Int] {
        let given: [(RetentionPolicy.Unit, Int?)] = [
            (.last, last), (.hourly, hourly), (.daily, daily), (.weekly, weekly), (.monthly, monthly),
            (.yearly, yearly),
        ]
        return Dictionary(given.compactMap { unit, count in count.map { (unit, $0) } }) { first, _ in first }
    }

    private var spans: [RetentionPolicy.Unit: RetentionSpan] {
        let given: [(RetentionPolicy.Unit, SpanArgument?)] = [
            (.last, within), (.hourly, withinHourly), (.daily, withinDaily), (.weekly, withinWeekly),
            (.monthly, withinMonthly), (.yearly, withinYearly),
        ]
        return Dictionary(given.compactMap { unit, span in span.map { (unit, $0.span) } }) { first, _ in first }
    }

    var isEmpty: Bool { counts.isEmpty && spans.isEmpty }

    /// Puts the rules that were given in place of those of the same name; a rule of zero takes one away.
    func apply(to policy: inout RetentionPolicy?) throws {
        guard !isEmpty else { return }
        policy = try RetentionPolicy(
            counts: (policy?.counts ?? [:]).merging(counts) { _, new in new },
            spans: (policy?.spans ?? [:]).merging(spans) { _, new in new })
    }
}

/// A length of time by the calendar on a command line.
struct SpanArgument: ExpressibleByArgument, Sendable {
    let span: RetentionSpan

    init?(argument: String) {
        guard let span = RetentionSpan(argument) else { return nil }
        self.span = span
    }
}
