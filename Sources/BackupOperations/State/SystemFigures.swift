import CLinux
import Glibc

/// Clocks and figures of the system that come in C's structures. Which module owns these is not the same in every target
/// that has several views of C, so they are asked for here only.
package enum SystemFigures {
    /// Seconds since the machine started, with those of sleep.
    package static func secondsSinceBoot() -> Double { seconds(of: CLOCK_BOOTTIME) }

    /// Of `CLOCK_MONOTONIC`, as sd_notify(3) wants it.
    package static func monotonicMicroseconds() -> Int64 { Int64(seconds(of: CLOCK_MONOTONIC) * 1e6) }

    /// Processor time of this process, user and system; nil where the system does not tell.
    package static func processorSeconds() -> Double? {
        var usage = rusage()
        guard getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Gives memory that is not used any more back to the system: after much was read once.
    package static func trimMemory() { clinux_trim_memory() }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
