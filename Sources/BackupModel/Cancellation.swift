import Synchronization

/// A flag that ends a run: set once, from any thread or from a signal's handler thread; read by every loop that works.
package final class Cancellation: Sendable {
    private let reason = Mutex<BackupError?>(nil)
    private let flag = Atomic<Bool>(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .acquiring) }

    /// Asks everything that shares this flag to stop. The first reason stays.
    package func cancel(_ error: BackupError) {
        reason.withLock { if $0 == nil { $0 = error } }
        flag.store(true, ordering: .releasing)
    }

    /// Throws the reason once `cancel` was called.
    package func check() throws {
        guard isCancelled else { return }
        throw reason.withLock { $0 } ?? BackupError(.cancelled, "cancelled")
    }
}
