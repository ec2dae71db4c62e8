/// Reads rules. Every byte counts: nothing that is not understood is passed over.
struct ScheduleParser {
    /// The rule without spaces around it.
    let text: String
    private let fields: [ArraySlice<UInt8>]

    private static let longest = 1000

    init(_ text: String) {
        let bytes = Array(text.utf8)
        fields = bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        if let first = fields.first, let last = fields.last {
            self.text = String(decoding: bytes[first.startIndex..<last.endIndex], as: UTF8.self)
        } else {
            self.text = ""
        }
    }

    func rule() throws -> Schedule.Rule {
        guard let first = fields.first else {
            throw refusal("it is empty", hint: "a rule is like '30 2 * * *' or '@every 6h'.")
        }
        guard text.utf8.count <= Self.longest else {
            throw BackupError(.invalidSchedule, "cannot use a schedule of more than \(Self.longest) characters")
        }
        if first.first == UInt8(ascii: "@") { return try named(first) }
        guard !first.contains(UInt8(ascii: "=")) else {
            throw refusal(
                "settings such as 'TZ=' do not belong to a rule", hint: "the time zone of a job is set beside its rule."
            )
        }
        guard fields.count == 5 else { throw refusal(countOfFields: fields.count) }
        return try .cron(cron())
    }

    private func cron() throws -> CronRule {
        let minute = CronField(.minute, fields[0])
        let hour = CronField(.hour, fields[1])
        let day = CronField(.day, fields[2])
        let month = CronField(.month, fields[3])
        let weekday = CronField(.weekday, fields[4])
        do {
            var days = CronDays(anyDay: day.isAny, anyWeekday: weekday.isAny)
            for item in day.items { try day.read(dayItem: item, into: &days) }
            for item in weekday.items { try weekday.read(weekdayItem: item, into: &days) }
            let rule = try CronRule(
                minutes: minute.values(), hours: UInt32(truncatingIfNeeded: hour.values()),
                months: UInt16(truncatingIfNeeded: month.values()), days: days,
                isWildcard: minute.isAny || hour.isAny)
            if let problem = impossibleDay(of: rule) { throw problem }
            return rule
        } catch let problem as CronProblem {
            throw refusal(problem.reason, hint: problem.hint)
        }
    }

    private func named(_ name: ArraySlice<UInt8>) throws -> Schedule.Rule {
        let name = String(decoding: name, as: UTF8.self).lowercased()
        if name == "@every" { return try .every(interval()) }
        guard fields.count == 1 else {
            throw refusal("'\(name)' stands alone", hint: "write '\(name)' and nothing else, or five fields.")
        }
        switch name {
        case "@yearly", "@annually": return try Schedule(evenIfItNeverFires: "0 0 1 1 *").rule
        case "@monthly": return try Schedule(evenIfItNeverFires: "0 0 1 * *").rule
        case "@weekly": return try Schedule(evenIfItNeverFires: "0 0 * * 0").rule
        case "@daily", "@midnight": return try Schedule(evenIfItNeverFires: "0 0 * * *").rule
        case "@hourly": return try Schedule(evenIfItNeverFires: "0 * * * *").rule
        case "@reboot": throw refusal("'@reboot' is not a time", hint: "use a time, or '@every 6h'.")
        default:
            throw refusal(
                "there is no '\(name)'",
                hint: "use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or '@every 6h'.")
        }
    }

    private func interval() throws -> Int {
        let hint = "write a number and s, m, h or d, as in '@every 6h'; the shortest is 60s."
        guard fields.count == 2 else { throw refusal("'@every' takes one length of time", hint: hint) }
        let length = String(decoding: fields[1], as: UTF8.self)
        guard let seconds = DurationText.seconds(length) else {
            throw refusal("'\(length)' is not a length of time", hint: hint)
        }
        guard seconds >= 60 else { throw refusal("an interval of '\(length)' is too short", hint: hint) }
        return seconds
    }
}

extension ScheduleParser {
    func refusal(_ reason: String, hint: String?) -> BackupError {
        BackupError(
            .invalidSchedule, "cannot use schedule '\(text.escapedForDisplay)': \(reason.escapedForDisplay)",
            hint: hint)
    }

    private func refusal(countOfFields count: Int) -> BackupError {
        let order = "the five fields are minute, hour, day of month, month, day of week"
        return refusal(
            "it has \(count) field\(count == 1 ? "" : "s"), not 5",
            hint: count == 6 || count == 7 ? "\(order); there is none for seconds or years." : "\(order).")
    }

    /// The day of the month is one that the months do not have, and no week day helps.
    private func impossibleDay(of rule: CronRule) -> CronProblem? {
        guard rule.days.mustBothMatch else { return nil }
        var anyWeekday = rule
        anyWeekday.days.weekdays = 0x7F
        guard !anyWeekday.hasDays else { return nil }
        let day = String(decoding: fields[2], as: UTF8.self)
        let month = String(decoding: fields[3], as: UTF8.self)
        let months = rule.months == CronRule.everyMonth ? "no month has" : "month '\(month)' never has"
        return CronProblem(
            reason: "\(months) day '\(day)', so it can never fire", hint: "'L' is the last day of every month.")
    }
}

extension Schedule {
    /// Why there is no day for this rule; nil when there is one.
    package var reasonToNeverFire: CronProblem? {
        guard case .cron(let rule) = rule, !rule.hasDays else { return nil }
        return CronProblem(
            reason: "no day matches both its day of month and its day of week, so it can never fire",
            hint: "with a '*' at the beginning of either field both must match; without, either is enough.")
    }
}
