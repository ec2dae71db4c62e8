import Glibc

/// A value behind a lock, with a condition to wait for: the base of every queue here.
///
/// Work blocks on plain threads in this module, so the standard library's `Mutex`, which has no condition, is not enough.
final class Monitor<State>: @unchecked Sendable {
    // Protected by `lock`; lock and condition live on the heap because pthread needs addresses that do not move.
    private var state: State
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ state: State) {
        self.state = state
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    func read<Result>(_ body: (State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(state)
    }

    /// Changes the state and wakes all that wait for a change.
    func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(lock)
        }
        return try body(&state)
    }

    /// Waits until `body` gives a result, trying again after every change, and wakes the others.
    func wait<Result>(_ body: (inout State) throws -> Result?) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(lock)
        }
        while true {
            if let result = try body(&state) { return result }
            pthread_cond_wait(changed, lock)
        }
    }
}
