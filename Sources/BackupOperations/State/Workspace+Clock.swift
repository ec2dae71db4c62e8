import BackupCatalog
package import BackupModel
package import Foundation

/// The clock that nobody sets: seconds since the machine started, with those of sleep, and which start that was.
package struct Uptime: Sendable {
    package var bootID: String
    package var seconds: TimeInterval

    package init(bootID: String, seconds: TimeInterval) {
        self.bootID = bootID
        self.seconds = seconds
    }

    /// nil where the system does not tell.
    package static func current() -> Uptime? {
        guard let boot = ProcessIdentity.bootID() else { return nil }
        return Uptime(bootID: boot, seconds: SystemFigures.secondsSinceBoot())
    }
}

extension Workspace {
    /// Looks at the clocks and enters what they show, so that a jump is seen by whoever trusts times later on. To be
    /// called when runs begin and end, and now and then by a daemon.
    @discardableResult
    package func readClock(at now: Date) throws -> ClockReading? {
        guard let uptime = uptime() else { return nil }
        return try catalog.readClock(bootID: uptime.bootID, uptime: uptime.seconds, act(now))
    }

    /// What `readClock` would find, without entering it.
    package func peekClock(at now: Date) throws -> ClockReading? {
        guard let uptime = uptime() else { return nil }
        return try catalog.clockReading()?.next(time: now, bootID: uptime.bootID, uptime: uptime.seconds)
    }
}
