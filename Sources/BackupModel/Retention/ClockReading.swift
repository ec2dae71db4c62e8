package import Foundation

/// What the clock on the wall and the clock that nobody sets showed at one moment, and the last jump of the former.
///
/// Retention trusts times: after a jump nothing is removed until the clock has gone on steadily for a day.
package struct ClockReading: Hashable, Sendable {
    package var time: Date
    /// The boot that `uptime` counts from.
    package var bootID: String
    /// Seconds since then, those of sleep included.
    package var uptime: TimeInterval
    /// When the clock was last seen to have jumped, by the time it showed then; nil once it was steady for long enough.
    package var jumpedAt: Date?

    /// What a clock may be set by without anybody minding.
    package static let tolerance: TimeInterval = 3600
    package static let steadyTime: TimeInterval = 86400

    package init(time: Date, bootID: String, uptime: TimeInterval, jumpedAt: Date? = nil) {
        self.time = time
        self.bootID = bootID
        self.uptime = uptime
        self.jumpedAt = jumpedAt
    }

    /// The reading that follows this one. Over a restart of the machine only a jump back can be told from a long rest.
    package func next(time: Date, bootID: String, uptime: TimeInterval) -> ClockReading {
        var next = ClockReading(time: time, bootID: bootID, uptime: uptime)
        let passed = time.timeIntervalSince(self.time)
        let drift = bootID == self.bootID ? passed - (uptime - self.uptime) : min(0, passed)
        if !(abs(drift) <= Self.tolerance) {
            next.jumpedAt = time
        } else if let jumpedAt, time.timeIntervalSince(jumpedAt) < Self.steadyTime {
            next.jumpedAt = jumpedAt
        }
        return next
    }
}
