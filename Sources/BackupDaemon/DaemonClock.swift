import BackupOperations
package import Foundation

/// The time as the daemon sees it: the wall clock, and one that nobody sets. Others in tests, where a minute may be a
/// second.
package struct DaemonClock: Sendable {
    package var now: @Sendable () -> Date
    /// Seconds since any moment, suspensions included.
    package var steady: @Sendable () -> Double
    /// How many seconds of `now` pass in one of real time.
    package var speed: Double

    package init(now: @escaping @Sendable () -> Date, steady: @escaping @Sendable () -> Double, speed: Double = 1) {
        self.now = now
        self.steady = steady
        self.speed = speed
    }

    package static let system = DaemonClock(
        now: { Date.now },
        steady: { SystemFigures.secondsSinceBoot() })

    /// A clock that begins at `start` and runs `speed` times as fast.
    package static func fast(from start: Date, speed: Double) -> DaemonClock {
        let steady = Self.system.steady
        let begin = steady()
        return DaemonClock(
            now: { start.addingTimeInterval((steady() - begin) * speed) },
            steady: { begin + (steady() - begin) * speed }, speed: speed)
    }
}

/// Notices when the wall clock was set: it and the steady one do not agree any more.
struct ClockWatch {
    static let tolerance = 2.0

    private let clock: DaemonClock
    private var wall: Date
    private var steady: Double

    init(_ clock: DaemonClock) {
        self.clock = clock
        wall = clock.now()
        steady = clock.steady()
    }

    /// Seconds by which the wall clock was set since the last question; nil when it was not.
    mutating func jump() -> Double? {
        let (newWall, newSteady) = (clock.now(), clock.steady())
        defer { (wall, steady) = (newWall, newSteady) }
        let jump = newWall.timeIntervalSince(wall) - (newSteady - steady)
        return abs(jump) > Self.tolerance * max(1, clock.speed) ? jump : nil
    }
}
