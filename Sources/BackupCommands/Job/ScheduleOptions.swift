import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

/// When a job runs by itself.
struct ScheduleOptions: ParsableArguments {
    @Option(
        name: .customLong("schedule"),
        help: "When the job runs by itself: five cron fields, a name such as @daily, or '@every 6h'.")
    var rule: String?

    @Option(
        name: .customLong("catch-up"),
        help: "Make a missed run good within this time; 0: never (default: 1d).")
    var catchUp: String?

    @Option(
        name: .customLong("jitter"),
        help: "Spread starts over this time; each job has its own fixed delay (default: none).")
    var jitter: String?

    @Option(name: .customLong("retries"), help: "Try a failed run again so often, with growing distance (default: 2).")
    var retries: Int?

    var isEmpty: Bool { rule == nil && catchUp == nil && jitter == nil && retries == nil }
}

extension ScheduleOptions {
    /// The schedule with what was given put in. A new rule, or another zone for the old one, counts from now.
    func changed(
        _ old: JobSchedule?, timeZone: String?, oldZone: String?, workspace: Workspace, now: Date
    ) throws -> JobSchedule? {
        let zone = try workspace.zones.rules(named: timeZone ?? "UTC")
        var schedule = old
        if let rule {
            let rule = try Schedule(rule)
            if old?.rule != rule {
                schedule = JobSchedule(
                    rule: rule, setAt: now, catchUp: old?.catchUp ?? JobSchedule.defaultCatchUp,
                    jitter: old?.jitter ?? 0, retries: old?.retries ?? JobSchedule.defaultRetries)
            }
        }
        guard var schedule else {
            guard isEmpty else {
                throw BackupError(
                    .usage, "cannot use --catch-up, --jitter or --retries: the job has no schedule",
                    hint: "give it one with --schedule.")
            }
            return nil
        }
        if timeZone != oldZone, old != nil { schedule.setAt = now }
        if let catchUp { schedule.catchUp = try seconds(catchUp, option: "--catch-up") }
        if let jitter { schedule.jitter = try seconds(jitter, option: "--jitter") }
        if let retries { schedule.retries = retries }
        try schedule.check(in: zone, retriesWereGiven: retries != nil, now: now)
        return schedule
    }

    private func seconds(_ text: String, option: String) throws -> Int {
        if text == "0" { return 0 }
        guard let seconds = DurationText.seconds(text) else {
            throw BackupError(
                .usage, "cannot read '\(text.escapedForDisplay)' after \(option): not a time such as 90s, 15m, 6h or 2d"
            )
        }
        return seconds
    }
}
