import BackupModel
import Foundation

/// The answer for people: the rule in words, the instants, and what clock changes do to them.
struct ScheduleView {
    private let answer: ScheduleAnswer

    private static let mostNotes = 20

    init(_ answer: ScheduleAnswer) {
        self.answer = answer
    }

    var text: String {
        let words = answer.schedule.inWords(zoneName: answer.zone.name)
        guard !answer.instants.isEmpty else {
            let reason = answer.schedule.reasonToNeverFire?.reason ?? "every one of its times falls into a clock change"
            return "\(words)\n\nnever: \(reason)"
        }
        return ([words, table] + notes).joined(separator: "\n\n")
    }

    private var table: String {
        var table = Table([("UTC", .left), ("LOCAL", .left)])
        for instant in answer.instants {
            table.add([Timestamp.rfc3339(instant), LocalTime(instant, in: answer.zone).text])
        }
        return table.text
    }

    private var notes: [String] {
        var lines: [String] = []
        if answer.schedule.isInterval {
            lines.append("note: counted from the time after which it was asked; for a job, from when it was made")
        }
        let changes = changes
        lines += changes.prefix(Self.mostNotes).map { "note: \(Self.text(of: $0))" }
        if changes.count > Self.mostNotes { lines.append("note: \(changes.count - Self.mostNotes) more clock changes") }
        return lines.isEmpty ? [] : [lines.joined(separator: "\n")]
    }

    private var changes: [ScheduleClockChange] {
        guard let last = answer.instants.last else { return [] }
        return answer.schedule.clockChanges(after: answer.question.after, through: last, in: answer.zone)
    }

    /// `on 2026-03-29 the clocks go forward from 02:00 to 03:00: 02:30 is skipped and runs at 03:00`
    static func text(of change: ScheduleClockChange) -> String {
        let before = LocalTime(change.at, offset: change.offsetBefore)
        let after = LocalTime(change.at, offset: change.offsetAfter)
        let direction = change.offsetAfter > change.offsetBefore ? "forward" : "back"
        let first = LocalTime(wall: change.firstLocal)
        let times = first.clock + (change.count > 1 ? " and \(change.count - 1) more" : "")
        let verb = change.count > 1 ? "are" : "is"
        let effect =
            switch change.effect {
            case .moved(let instant):
                "\(times) \(verb) skipped and run\(change.count > 1 ? " together" : "s") at "
                    + LocalTime(instant, offset: change.offsetAfter).clock
            case .skipped: "\(times) \(verb) skipped"
            case .firstPassOnly:
                "\(times) come\(change.count > 1 ? "" : "s") twice and run\(change.count > 1 ? "" : "s") the first time only"
            case .bothPasses:
                "\(times) come\(change.count > 1 ? "" : "s") twice and run\(change.count > 1 ? "" : "s") both times"
            }
        // A change over midnight, or of a whole day, says the day too.
        let until = before.day == after.day ? after.clock : "\(after.day) \(after.clock)"
        return "on \(before.day) the clocks go \(direction) from \(before.clock) to \(until): \(effect)"
    }
}
