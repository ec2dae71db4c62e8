import BackupModel
import Foundation

/// When does a rule fire next?
struct ScheduleQuestion {
    static let usualCount = 5
    static let largestCount = 10_000

    var expression: String
    var timeZone: String
    var after: Date
    var count: Int

    static func problem(ofCount count: Int) -> String? {
        (1...largestCount).contains(count) ? nil : "is not within 1 and \(largestCount)"
    }

    /// A rule that is well formed and has no day is answered with no instants.
    func answer(zone: TimeZoneRules) throws -> ScheduleAnswer {
        let schedule = try Schedule(evenIfItNeverFires: expression)
        var instants: [Date] = []
        var time = after
        while instants.count < count, let next = schedule.next(after: time, in: zone, anchor: after) {
            instants.append(next)
            time = next
        }
        return ScheduleAnswer(question: self, schedule: schedule, zone: zone, instants: instants)
    }
}

struct ScheduleAnswer {
    var question: ScheduleQuestion
    var schedule: Schedule
    var zone: TimeZoneRules
    var instants: [Date]

    var json: JSONValue {
        .object([
            "expression": .string(question.expression), "timeZone": .string(question.timeZone),
            "next": JSONValue(instants.map(Timestamp.rfc3339)),
        ])
    }
}
