internal import Foundation

/// A thread of our own for calls that block: the driver cannot be interrupted in the middle of one.
final class WorkThread: Sendable {
    private let done = DispatchGroup()

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let done = done
        done.enter()
        let thread = Thread {
            body()
            done.leave()
        }
        thread.name = name
        thread.start()
    }

    /// Waits for the end of the thread, at most so long; false when it goes on. Then it ends by itself: nothing it
    /// shares may be in the way.
    @discardableResult
    func join(within seconds: Double = .infinity) -> Bool {
        done.wait(timeout: seconds.isFinite ? .now() + seconds : .distantFuture) == .success
    }
}
