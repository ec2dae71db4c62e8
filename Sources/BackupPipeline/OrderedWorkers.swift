/// Runs jobs on several threads and gives them back in the order in which they were submitted.
///
/// At most `depth` jobs are under way, from `submit` to `next`: that bounds the memory. One thread submits, one takes.
/// A job is owned by one thread at a time and handed over under the lock, so it needs no lock of its own. Any failure
/// - of a job, of the submitting side - comes out of `next` at its place, after all that was good before it.
final class OrderedWorkers<Job: AnyObject>: @unchecked Sendable {
    /// Does one job; made once per thread, so that it can hold that thread's tools.
    typealias Work = (Job) throws -> Void

    private struct Slot {
        let job: Job
        var isDone: Bool
        var failure: (any Error)?
    }

    private struct State {
        var slots: [Slot] = []
        var started = 0  // slots before this index are done or being worked on
        var removed = 0  // slots that left at the front: keeps a worker's position valid
        var end: End?
    }

    private enum End {
        case closed
        case failed(any Error)
        case abandoned
    }

    private let depth: Int
    private let monitor = Monitor(State())
    private var threads: [WorkerThread] = []

    init(workers: Int, depth: Int, makeWork: @escaping @Sendable () throws -> Work) throws {
        self.depth = depth
        let monitor = monitor
        do {
            for _ in 0..<workers {
                let work = UncheckedBox(try makeWork())
                threads.append(try WorkerThread { Self.serve(monitor, work.value) })
            }
        } catch {
            abandon()
            throw error
        }
    }

    deinit { abandon() }

    /// Queues a job, waiting for room; false when nobody wants it any more. `isDone` passes it through unworked.
    func submit(_ job: Job, isDone: Bool = false) -> Bool {
        monitor.wait { state in
            if state.end != nil { return false }
            guard state.slots.count < depth else { return nil }
            state.slots.append(Slot(job: job, isDone: isDone, failure: nil))
            return true
        }
    }

    /// The oldest job, once it is done; nil after the last. Throws that job's failure, or what `close` was given.
    func next() throws -> Job? {
        try monitor.wait { state -> Job?? in
            if case .abandoned? = state.end { return .some(nil) }
            guard let first = state.slots.first else {
                switch state.end {
                case .failed(let error)?: throw error
                case nil: return nil
                default: return .some(nil)
                }
            }
            guard first.isDone else { return nil }
            if let failure = first.failure { throw failure }
            state.slots.removeFirst()
            state.removed += 1
            state.started = max(0, state.started - 1)
            return .some(first.job)
        }
    }

    /// Says that no job follows; with an error, that the jobs ended too early.
    func close(failure: (any Error)? = nil) {
        monitor.change { state in
            guard state.end == nil else { return }
            state.end = failure.map { .failed($0) } ?? .closed
        }
    }

    /// Drops all jobs and ends the threads, after the work that each has in hand. Nobody waits afterwards.
    func abandon() {
        monitor.change { state in
            state.end = .abandoned
            state.slots.removeAll()
        }
        for thread in threads { thread.join() }
        threads.removeAll()
    }

    private static func serve(_ monitor: Monitor<State>, _ work: Work) {
        while let (job, position) = nextToStart(monitor) {
            var failure: (any Error)?
            do { try work(job) } catch { failure = error }
            monitor.change { state in
                let index = position - state.removed
                guard state.slots.indices.contains(index) else { return }
                state.slots[index].isDone = true
                state.slots[index].failure = failure
            }
        }
    }

    private static func nextToStart(_ monitor: Monitor<State>) -> (Job, Int)? {
        monitor.wait { state -> (Job, Int)?? in
            while state.started < state.slots.count {
                let index = state.started
                state.started += 1
                if !state.slots[index].isDone { return .some((state.slots[index].job, state.removed + index)) }
            }
            return state.end == nil ? nil : .some(nil)
        }
    }
}

/// Takes a value to another thread; whoever makes it answers for only one thread using it.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
