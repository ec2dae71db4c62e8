import BackupModel
import Foundation
import Synchronization

/// Runs blocking work on a thread of its own and watches it: the total timeout, the stall timeout, the heartbeat,
/// and, once it is cancelled, the time it is given to come to an end.
package struct Supervisor: Sendable {
    package var timeout: Int?
    package var stallTimeout: Int?
    /// Seconds that cancelled work may take to return. A call that blocks in the kernel or in a driver is then left
    /// behind: the run ends, and the process with it.
    package var grace: Double = 8
    package var heartbeatInterval: Double = 2

    package init(timeout: Int? = nil, stallTimeout: Int? = nil) {
        self.timeout = timeout
        self.stallTimeout = stallTimeout
    }

    /// Gives what the work gave or threw. `heartbeat` is called on the caller's thread.
    package func run<Result: Sendable>(
        progress: RunProgress, heartbeat: (ProgressState) -> Void, work: @escaping @Sendable () throws -> Result
    ) throws -> Result {
        let outcome = Outcome<Result>()
        let thread = Thread { outcome.settle(Swift.Result { try work() }) }
        thread.stackSize = 4 << 20
        thread.name = "backupctl-run"
        thread.start()
        var watch = Watch(now: Self.monotonic(), state: progress.current)
        while true {
            if let result = outcome.wait(seconds: 0.1) { return try result.get() }
            let now = Self.monotonic()
            let state = progress.current
            if now - watch.lastHeartbeat >= heartbeatInterval {
                watch.lastHeartbeat = now
                heartbeat(state)
            }
            if let error = watch.verdict(now: now, state: state, limits: self) { progress.cancellation.cancel(error) }
            if progress.cancellation.isCancelled {
                let since = watch.cancelledAt ?? now
                watch.cancelledAt = since
                if now - since > grace, progress.abandon() { try progress.cancellation.check() }
            }
        }
    }

    /// Seconds of a clock that no one sets.
    private static func monotonic() -> Double {
        Double(DispatchTime.now().uptimeNanoseconds) / 1e9
    }
}

/// What a supervisor remembers between two looks.
private struct Watch {
    let startedAt: Double
    var lastHeartbeat: Double
    var lastChange: Double
    var lastActivity: UInt64
    var cancelledAt: Double?

    init(now: Double, state: ProgressState) {
        (startedAt, lastHeartbeat, lastChange, lastActivity) = (now, now, now, state.activity)
    }

    mutating func verdict(now: Double, state: ProgressState, limits: Supervisor) -> BackupError? {
        if state.activity != lastActivity { (lastActivity, lastChange) = (state.activity, now) }
        if let timeout = limits.timeout, now - startedAt >= Double(timeout) {
            return BackupError(
                .timedOut, "run ended: it took longer than its timeout of \(DurationText.text(timeout))",
                hint: "raise the job's --timeout if it needs longer.")
        }
        if let stall = limits.stallTimeout, now - lastChange >= Double(stall) {
            return BackupError(
                .timedOut, "run ended: nothing moved for \(DurationText.text(stall)) while \(state.phase.rawValue)",
                hint: "look at the server, or raise the job's --stall-timeout.")
        }
        return nil
    }
}

/// A result that one thread sets and another waits for.
private final class Outcome<Value: Sendable>: @unchecked Sendable {
    // Protected by `condition`.
    private var value: Swift.Result<Value, any Error>?
    private let condition = NSCondition()

    func settle(_ result: Swift.Result<Value, any Error>) {
        condition.lock()
        value = result
        condition.broadcast()
        condition.unlock()
    }

    func wait(seconds: Double) -> Swift.Result<Value, any Error>? {
        condition.lock()
        defer { condition.unlock() }
        if value == nil { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
        return value
    }
}
