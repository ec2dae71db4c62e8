import Foundation
import Synchronization
import Testing

@testable import BackupPipeline

@Suite struct QueueTests {
    private final class Number: @unchecked Sendable {
        var value: Int
        init(_ value: Int) { self.value = value }
    }

    @Test func jobsComeBackInOrderWhateverTheyTake() throws {
        let workers = try OrderedWorkers<Number>(workers: 4, depth: 6) {
            { job in
                usleep(UInt32((job.value * 7919) % 300))
                job.value *= 2
            }
        }
        let feeder = try WorkerThread {
            for value in 0..<500 { _ = workers.submit(Number(value), isDone: false) }
            workers.close()
        }
        for value in 0..<500 { #expect(try workers.next()?.value == value * 2) }
        #expect(try workers.next() == nil)
        feeder.join()
    }

    @Test func aFailedJobComesOutAtItsPlace() throws {
        let workers = try OrderedWorkers<Number>(workers: 3, depth: 20) {
            { job in if job.value == 5 { throw TestFailure() } }
        }
        for value in 0..<10 { #expect(workers.submit(Number(value))) }
        workers.close()
        for value in 0..<5 { #expect(try workers.next()?.value == value) }
        #expect(throws: TestFailure.self) { try workers.next() }
    }

    @Test func abandoningFreesWhoWaits() throws {
        let workers = try OrderedWorkers<Number>(workers: 1, depth: 1) { { _ in } }
        #expect(workers.submit(Number(1)))
        let refused = Mutex<Bool?>(nil)
        let waiting = try WorkerThread {
            let taken = workers.submit(Number(2))
            refused.withLock { $0 = !taken }
        }
        usleep(20_000)
        workers.abandon()
        waiting.join()
        #expect(refused.withLock { $0 } == true)
        #expect(try workers.next() == nil)
    }

    @Test func aQueueHoldsNoMoreThanItMay() throws {
        let queue = BoundedQueue<Int>(capacity: 3)
        let put = Mutex(0)
        let writer = try WorkerThread {
            for value in 0..<10 where queue.put(value) { put.withLock { $0 += 1 } }
        }
        for _ in 0..<500 where put.withLock({ $0 }) < 3 { usleep(10_000) }
        usleep(20_000)
        #expect(put.withLock { $0 } == 3)
        for value in 0..<10 { #expect(queue.take() == value) }
        writer.join()
        queue.close()
        #expect(queue.take() == nil)
        #expect(!queue.put(1))
    }
}
