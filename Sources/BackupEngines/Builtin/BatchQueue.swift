internal import BackupModel
internal import Foundation

/// Batches on their way to the connections that insert them: bounded in bytes, those in flight included.
///
/// Namespaces are made by the same connections, several at a time, since each waits for a majority of the replica
/// set; a batch of documents is handed out once its namespace is ready.
///
/// Whoever waits here stops at once when the run is cancelled or any connection has failed.
final class BatchQueue: @unchecked Sendable {
    /// Documents of 16 MiB: two of them. The driver holds a copy of each.
    private static let capacity = 32 << 20

    // Protects everything below.
    private let condition = NSCondition()
    private var shared: [RestoreBatch] = []
    private var lanes: [Int: [RestoreBatch]] = [:]
    private var outstanding = 0
    private var outstandingBytes = 0
    private var isClosed = false
    private var failure: (any Error)?
    /// Namespaces that are being made, or soon.
    private var unready: Set<Int> = []
    private let cancellation: Cancellation
    private let workers: Int

    init(workers: Int, cancellation: Cancellation) {
        self.workers = workers
        self.cancellation = cancellation
    }

    func submit(_ batch: RestoreBatch) throws {
        condition.lock()
        defer { condition.unlock() }
        while outstanding > 0, outstandingBytes + batch.weight > Self.capacity { try waitALittle() }
        try check()
        outstanding += 1
        outstandingBytes += batch.weight
        if batch.making != nil { unready.insert(batch.index) }
        if let lane = batch.lane {
            lanes[lane % workers, default: []].append(batch)
        } else {
            shared.append(batch)
        }
        condition.broadcast()
    }

    /// Waits until every batch is in the server.
    func drain() throws {
        condition.lock()
        defer { condition.unlock() }
        while outstanding > 0 { try waitALittle() }
        try check()
    }

    func close() {
        condition.lock()
        isClosed = true
        shared.removeAll()
        lanes.removeAll()
        condition.broadcast()
        condition.unlock()
    }

    /// The next batch for a worker; nil when there will be none.
    func take(worker: Int) -> RestoreBatch? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if isClosed || failure != nil || cancellation.isCancelled { return nil }
            if let batch = lanes[worker]?.first, isReady(batch) {
                lanes[worker]?.removeFirst()
                return batch
            }
            if let place = shared.firstIndex(where: isReady) { return shared.remove(at: place) }
            condition.wait()
        }
    }

    func done(_ batch: RestoreBatch, failure: (any Error)? = nil) {
        condition.lock()
        outstanding -= 1
        outstandingBytes -= batch.weight
        if batch.making != nil { unready.remove(batch.index) }
        if self.failure == nil { self.failure = failure }
        condition.broadcast()
        condition.unlock()
    }

    private func isReady(_ batch: RestoreBatch) -> Bool { batch.making != nil || !unready.contains(batch.index) }

    private func waitALittle() throws {
        try check()
        _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
    }

    private func check() throws {
        if let failure { throw failure }
        try cancellation.check()
    }
}

extension RestoreBatch {
    /// Counts against the queue's capacity, so that small ones do not pile up without end either.
    fileprivate var weight: Int { max(documents?.capacity ?? 0, 1 << 16) }
}
