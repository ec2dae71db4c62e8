import Foundation
import Synchronization

/// A value that one thread gives and another waits for. What is given a second time is not heard.
final class Answer<Value: Sendable>: @unchecked Sendable {
    // Protected by `condition`.
    private var value: Value?
    private let condition = NSCondition()

    /// Whether it is the one that is heard.
    @discardableResult
    func settle(_ value: Value) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard self.value == nil else { return false }
        self.value = value
        condition.broadcast()
        return true
    }

    /// Nil when it does not come within so many seconds. Blocks.
    func wait(seconds: Double) -> Value? {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while value == nil { guard condition.wait(until: deadline) else { break } }
        return value
    }

    func wait() -> Value {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let value { return value }
            condition.wait()
        }
    }
}

/// Asks a question that blocks, on a thread of its own, for tasks that must not.
///
/// Many who ask at once share one answer, and it is good for a moment. While a question hangs no other is asked: those
/// who come then hear at once that there is no answer.
final class SharedAnswer<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case asking([CheckedContinuation<Value?, Never>])
        case known(Value?)
    }

    private let state = Mutex(State.idle)
    private let name: String
    private let patience: Double
    private let freshness: Double
    private let question: @Sendable () -> Value?

    /// `question` is given up after `patience` seconds; what it gives is good for `freshness` seconds.
    init(
        named name: String, patience: Double, freshness: Double = 1, _ question: @escaping @Sendable () -> Value?
    ) {
        self.name = name
        self.patience = patience
        self.freshness = freshness
        self.question = question
    }

    /// Nil when there is none, or none in time.
    func get() async -> Value? {
        await withCheckedContinuation { continuation in
            let known: Value??
            let isFirst: Bool
            (known, isFirst) = state.withLock { state in
                switch state {
                case .known(let value): return (.some(value), false)
                case .idle:
                    state = .asking([continuation])
                    return (nil, true)
                case .asking(let waiting):
                    state = .asking(waiting + [continuation])
                    return (nil, false)
                }
            }
            if let known { continuation.resume(returning: known) }
            if isFirst { thread(ask) }
        }
    }

    private func ask() {
        let answer = Answer<Value?>()
        thread { [question] in answer.settle(question()) }
        let inTime = answer.wait(seconds: patience)
        let waiting: [CheckedContinuation<Value?, Never>] = state.withLock { state in
            defer { state = .known(inTime ?? nil) }
            guard case .asking(let waiting) = state else { return [] }
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: inTime ?? nil) }
        if inTime == nil { _ = answer.wait() }
        Thread.sleep(forTimeInterval: freshness)
        // What was known is not kept: a page may be large.
        state.withLock { $0 = .idle }
    }

    private func thread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.name = name
        thread.start()
    }
}
