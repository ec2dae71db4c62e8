package import Foundation

/// When a job is due, as the scheduler asks it: a rule, its time zone and its anchor taken together.
///
/// Instants are whole seconds, ascending, and the same whenever they are asked for.
package struct Timetable: Sendable {
    /// The first instant strictly after the given one; nil: never again.
    package var next: @Sendable (_ after: Date) -> Date?
    /// The last instant at or before the first date that is strictly after the second one.
    package var latest: @Sendable (_ atOrBefore: Date, _ after: Date) -> Date?
    /// How many instants are strictly after the first date, and at or before the second one.
    package var count: @Sendable (_ after: Date, _ through: Date) -> Int

    package init(
        next: @escaping @Sendable (_ after: Date) -> Date?,
        latest: @escaping @Sendable (_ atOrBefore: Date, _ after: Date) -> Date?,
        count: @escaping @Sendable (_ after: Date, _ through: Date) -> Int
    ) {
        self.next = next
        self.latest = latest
        self.count = count
    }
}
