import BackupModel
import Foundation

/// How much a thread gives way to others.
///
/// On Linux that is a thread's own, and the threads and processes that it makes from then on inherit it (`sched(7)`): who
/// makes one thread nice before it starts its work makes all of that work nice, and nothing else.
package enum Niceness {
    /// Makes the calling thread at least so nice, which cannot be taken back. A thread that outlives what it was made for
    /// must not call this.
    package static func raise(to nice: Int) throws {
        errno = 0
        let current = current
        // -1 is a niceness, too (`getpriority(2)`).
        guard errno == 0 else { throw refusal(nice) }
        guard current < nice else { return }
        guard setpriority(kind, 0, Int32(clamping: nice)) == 0 else { throw refusal(nice) }
    }

    /// That of the calling thread.
    package static var current: Int { Int(getpriority(kind, 0)) }

    private static var kind: Int32 { Int32(bitPattern: PRIO_PROCESS.rawValue) }

    private static func refusal(_ nice: Int) -> BackupError {
        BackupError(.failed, "cannot set niceness \(nice): \(systemReason(errno))")
    }
}
