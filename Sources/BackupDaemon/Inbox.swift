package import BackupModel
package import Foundation

/// What other threads tell the scheduler's thread, and what that waits for.
final class Inbox: @unchecked Sendable {
    enum Message: Sendable {
        case ended(JobName, Run)
        case refused(JobName, BackupError)
        case reload
        case stop(BackupError)
        /// Somebody wants to know how things stand.
        case ask(@Sendable (SchedulerView) -> Void)
        /// Somebody wants to know whether it moves.
        case ping(@Sendable () -> Void)
    }

    // Protected by `condition`.
    private var messages: [Message] = []
    private let condition = NSCondition()

    func post(_ message: Message) {
        condition.lock()
        messages.append(message)
        condition.signal()
        condition.unlock()
    }

    /// Waits for a message, so many seconds at most.
    func wait(seconds: Double) {
        condition.lock()
        defer { condition.unlock() }
        if messages.isEmpty { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
    }

    func drain() -> [Message] {
        condition.lock()
        defer { condition.unlock() }
        defer { messages = [] }
        return messages
    }
}

/// How the scheduler stands at one moment.
package struct SchedulerView: Sendable {
    package var jobs: [JobName]
    package var nextStart: [JobName: Date]
    package var waiting: Int
    package var running: [JobName: RunID]
    /// Runs that came to an end, missed and skipped ones included, since the scheduler started.
    package var ended: [JobName: [RunState: Int]]
}
