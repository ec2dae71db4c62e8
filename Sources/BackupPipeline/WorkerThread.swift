import Glibc

/// A thread of our own that runs one closure, and can be waited for.
///
/// Compression and blocking calls never run on Swift's cooperative pool: two blocked tasks on a two-core machine stop it.
final class WorkerThread {
    private var thread = pthread_t()
    private var isJoined = false

    /// Throws when the system has no thread left to give.
    init(_ body: @escaping @Sendable () -> Void) throws {
        let context = Unmanaged.passRetained(Body(run: body)).toOpaque()
        let failure = pthread_create(&thread, nil, runBody, context)
        guard failure == 0 else {
            Unmanaged<Body>.fromOpaque(context).release()
            throw ThreadUnavailable(errorNumber: failure)
        }
    }

    /// Waits for the end of the closure. A thread that would wait for itself is let go instead.
    func join() {
        guard !isJoined else { return }
        isJoined = true
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    deinit {
        if !isJoined { pthread_detach(thread) }
    }
}

/// Thrown when a stage cannot start its threads.
package struct ThreadUnavailable: Error, CustomStringConvertible {
    package let errorNumber: Int32
    package var description: String { "cannot start a thread: \(String(cString: strerror(errorNumber)))" }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

private func runBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
    body.run()
    return nil
}

/// How many processors this process may use.
func processorCount() -> Int {
    max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
