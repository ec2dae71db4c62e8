internal import Foundation

/// A queue between two threads that holds a bounded weight of elements.
///
/// Either side may end it: the sender by `finish`, after which what is queued still arrives; the receiver by `cancel`,
/// after which nothing can be sent.
final class Channel<Element: Sendable>: @unchecked Sendable {
    // Protects everything below.
    private let condition = NSCondition()
    private var elements: [(element: Element?, weight: Int)] = []
    private var head = 0
    private var weight = 0
    private var isFinished = false
    private var isCancelled = false
    private let capacity: Int

    struct Cancelled: Error {}

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Waits for room. An element heavier than the whole capacity waits until it has the queue for itself.
    func send(_ element: Element, weight: Int = 1) throws {
        condition.lock()
        defer { condition.unlock() }
        while !isCancelled, self.weight > 0, self.weight + weight > capacity { condition.wait() }
        guard !isCancelled else { throw Cancelled() }
        elements.append((element, weight))
        self.weight += weight
        condition.broadcast()
    }

    /// Waits for an element; nil once the sender has finished. `check` is called now and then while nothing comes.
    func receive(check: () throws -> Void = {}) throws -> Element? {
        while true {
            try check()
            condition.lock()
            if head == elements.count, !isFinished, !isCancelled {
                _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
            }
            defer { condition.unlock() }
            if isCancelled { return nil }
            if let element = takeFirst() { return element }
            if isFinished { return nil }
        }
    }

    func finish() { end { isFinished = true } }

    func cancel() {
        end {
            isCancelled = true
            elements.removeAll()
            head = 0
            weight = 0
        }
    }

    private func end(_ change: () -> Void) {
        condition.lock()
        change()
        condition.broadcast()
        condition.unlock()
    }

    private func takeFirst() -> Element? {
        guard head < elements.count else { return nil }
        let (element, weight) = elements[head]
        // What was taken must not stay alive in here until the front is cut off.
        elements[head].element = nil
        head += 1
        if head == elements.count || head > 1024 {
            elements.removeFirst(head)
            head = 0
        }
        self.weight -= weight
        condition.broadcast()
        return element
    }
}
