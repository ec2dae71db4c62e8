internal import Foundation

/// Queues between several threads that send and one that receives, lane after lane: what is in a lane arrives before
/// anything of the next, whatever the order in which it was sent. Each lane holds a bounded weight of elements.
///
/// The receiver is ended by `fail`, after which it gets the error at once, or ends all others by `cancel`, after which
/// nothing can be sent.
final class Lanes<Element: Sendable>: @unchecked Sendable {
    private struct Lane {
        var elements: [Element] = []
        var weights: [Int] = []
        var weight = 0
        var isClosed = false
    }

    // Protects everything below.
    private let condition = NSCondition()
    private var lanes: [Lane]
    private var current = 0
    private var failure: (any Error)?
    private var isCancelled = false
    private var isComplete = false
    private let capacity: Int
    private let capacityAhead: Int

    struct Cancelled: Error {}

    /// `capacity` is that of the lane which is being received, `capacityAhead` that of each one that waits for its turn.
    init(capacity: Int, capacityAhead: Int) {
        self.capacity = capacity
        self.capacityAhead = capacityAhead
        lanes = [Lane()]
    }

    /// Adds lanes after the one that there is from the start; there will be no more.
    func add(_ count: Int) {
        change {
            lanes += Array(repeating: Lane(), count: count)
            isComplete = true
        }
    }

    /// Waits for room. An element heavier than the whole capacity waits until it has the lane for itself.
    func send(_ element: Element, weight: Int = 1, to lane: Int = 0) throws {
        condition.lock()
        defer { condition.unlock() }
        guard lanes.indices.contains(lane) else { throw Cancelled() }
        while !isCancelled, lanes[lane].weight > 0, lanes[lane].weight + weight > capacity(of: lane) {
            condition.wait()
        }
        guard !isCancelled, !lanes[lane].isClosed else { throw Cancelled() }
        lanes[lane].elements.append(element)
        lanes[lane].weights.append(weight)
        lanes[lane].weight += weight
        condition.broadcast()
    }

    /// Says that nothing follows in the lane.
    func close(_ lane: Int = 0) {
        change { if lanes.indices.contains(lane) { lanes[lane].isClosed = true } }
    }

    /// Ends the receiving with an error, whatever is still queued.
    func fail(_ error: any Error) {
        change { if failure == nil { failure = error } }
    }

    func cancel() {
        change {
            isCancelled = true
            lanes = [Lane()]
        }
    }

    /// Waits for the next element, and says in which lane it was; nil when all lanes are closed and empty. `check` is
    /// called now and then while nothing comes.
    func receive(check: () throws -> Void = {}) throws -> (element: Element, lane: Int)? {
        while true {
            try check()
            condition.lock()
            defer { condition.unlock() }
            if let found = try takeFirst() { return found }
            if isCancelled || isComplete && current >= lanes.count { return nil }
            _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
        }
    }

    private func takeFirst() throws -> (element: Element, lane: Int)? {
        if let failure { throw failure }
        while current < lanes.count {
            if !lanes[current].elements.isEmpty {
                let element = lanes[current].elements.removeFirst()
                lanes[current].weight -= lanes[current].weights.removeFirst()
                condition.broadcast()
                return (element, current)
            }
            guard lanes[current].isClosed else { return nil }
            current += 1
            // Those who wait in the lane whose turn it is have more room now.
            condition.broadcast()
        }
        return nil
    }

    private func capacity(of lane: Int) -> Int { lane == current ? capacity : capacityAhead }

    private func change(_ body: () -> Void) {
        condition.lock()
        body()
        condition.broadcast()
        condition.unlock()
    }
}
