/// A first-in first-out queue between threads that holds `capacity` elements and makes both sides wait.
///
/// After `close` what is in it can still be taken; after `abandon` nothing can. Neither leaves anyone waiting.
final class BoundedQueue<Element>: @unchecked Sendable {
    // Protected by the monitor.
    private struct State {
        var elements: [Element] = []
        var isClosed = false
    }

    private let capacity: Int
    private let monitor = Monitor(State())

    init(capacity: Int) { self.capacity = capacity }

    /// Waits for room; false, without taking the element, once the queue is closed.
    @discardableResult
    func put(_ element: Element) -> Bool {
        monitor.wait { state in
            if state.isClosed { return false }
            guard state.elements.count < capacity else { return nil }
            state.elements.append(element)
            return true
        }
    }

    /// Waits for an element; nil once the queue is closed and empty.
    func take() -> Element? {
        monitor.wait { state -> Element?? in
            if !state.elements.isEmpty { return .some(state.elements.removeFirst()) }
            return state.isClosed ? .some(nil) : nil
        }
    }

    func close() { monitor.change { $0.isClosed = true } }

    func abandon() {
        monitor.change { state in
            state.isClosed = true
            state.elements.removeAll()
        }
    }
}
