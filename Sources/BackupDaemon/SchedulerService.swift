package import BackupModel
package import BackupOperations
import Foundation
import Synchronization

/// The scheduler at work: performs what the `Scheduler` decides, and tells it what happens.
///
/// It has a thread, the caller's of `run`; each run has its own. Rows are written before what they stand for is done.
/// When the catalog cannot be written, it waits for it with the decision in hand; when it dies then, the next one
/// decides the same from the same history.
package final class SchedulerService: Sendable {
    package enum Mode: Sendable {
        /// Until it is stopped.
        case forever
        /// What is due at its start, and what waits in the queue.
        case once
    }

    let workspace: Workspace
    let mode: Mode
    let limits: ConcurrencyLimits
    let clock: DaemonClock
    let log: DaemonLog
    let manager: ServiceManager
    /// Seconds after which a run leaves the history; nil: never.
    let historyAge: Int?
    let inbox = Inbox()
    let isRecovering = Atomic(false)
    private let health = Mutex(Health())

    private struct Health {
        var lastTurn: Double?
        var trouble: String?
        var isStopping = false
    }

    package init(
        workspace: Workspace, mode: Mode, limits: ConcurrencyLimits, clock: DaemonClock = .system, log: DaemonLog,
        manager: ServiceManager = ServiceManager(environment: [:]),
        historyAge: Int? = nil
    ) {
        self.workspace = workspace
        self.mode = mode
        self.limits = limits
        self.clock = clock
        self.log = log
        self.manager = manager
        self.historyAge = historyAge
    }

    /// Blocks until it was stopped, or has nothing left to do. Gives the runs that it ran, as they ended, in mode `once`.
    package func run() throws -> [Run] {
        let loop = try SchedulerLoop(self)
        return try loop.run()
    }

    /// Ends it: nothing starts any more, what runs is cancelled for this reason. For any thread.
    package func stop(_ reason: BackupError) { inbox.post(.stop(reason)) }

    /// Reads all jobs and time zones again. For any thread.
    package func reload() { inbox.post(.reload) }

    /// How things stand; nil when the scheduler does not answer within so many seconds. Blocks.
    package func view(patience: Double = 2) -> SchedulerView? {
        let answer = Answer<SchedulerView>()
        inbox.post(.ask { answer.settle($0) })
        return answer.wait(seconds: patience)
    }

    /// Whether the scheduler's thread answers within so many seconds. Blocks.
    func isMoving(patience: Double) -> Bool {
        let answer = Answer<Bool>()
        inbox.post(.ping { answer.settle(true) })
        return answer.wait(seconds: patience) ?? false
    }

    /// What keeps it from working; nil when all is well.
    package var trouble: String? {
        health.withLock { health in
            if health.isStopping { return "stopping" }
            guard let lastTurn = health.lastTurn else { return "starting" }
            if (clock.steady() - lastTurn) / clock.speed > 15 { return "the scheduler does not move" }
            return health.trouble
        }
    }

    func turned(trouble: String?, isStopping: Bool) {
        health.withLock { $0 = Health(lastTurn: clock.steady(), trouble: trouble, isStopping: isStopping) }
    }
}
