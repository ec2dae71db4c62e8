import Foundation
import Synchronization
import Testing

@testable import BackupEngines

@Suite struct LanesTests {
    @Test func laneAfterLaneArrivesInOrderWhateverTheSendersDo() throws {
        let lanes = Lanes<Int>(capacity: 3, capacityAhead: 2)
        try lanes.send(-1)
        lanes.add(8)
        lanes.close()
        // The later lanes first; each sender blocks when its lane is full.
        let senders = (1...8).reversed().map { lane in
            WorkThread("sender \(lane)") {
                for number in 0..<1000 { try? lanes.send(lane * 1000 + number, to: lane) }
                lanes.close(lane)
            }
        }
        var received: [Int] = []
        while let (number, lane) = try lanes.receive() {
            #expect(lane == (number < 0 ? 0 : number / 1000))
            received.append(number)
        }
        #expect(received == [-1] + Array(1000..<9000))
        for sender in senders { #expect(sender.join(within: 5)) }
    }

    @Test func severalSendersShareALane() throws {
        let lanes = Lanes<Int>(capacity: 4, capacityAhead: 4)
        lanes.add(1)
        lanes.close()
        let left = Mutex(3)
        for sender in 0..<3 {
            _ = WorkThread("sender") {
                for number in 0..<500 { try? lanes.send(sender * 500 + number, to: 1) }
                if left.withLock({
                    $0 -= 1; return $0
                }) == 0 {
                    lanes.close(1)
                }
            }
        }
        var received: [Int] = []
        while let (number, _) = try lanes.receive() { received.append(number) }
        #expect(received.sorted() == Array(0..<1500))
    }

    @Test func aheadOfItsTurnALaneHoldsLess() throws {
        let lanes = Lanes<Int>(capacity: 10, capacityAhead: 2)
        lanes.add(1)
        try lanes.send(1, to: 1)
        try lanes.send(2, to: 1)
        let sender = WorkThread("sender") { try? lanes.send(3, to: 1) }
        #expect(!sender.join(within: 0.05))
        // Its turn has come, and with it more room.
        lanes.close()
        #expect(try lanes.receive()?.element == 1)
        #expect(sender.join(within: 5))
    }

    @Test func anElementHeavierThanTheLaneStillPasses() throws {
        let lanes = Lanes<Int>(capacity: 10, capacityAhead: 10)
        try lanes.send(1, weight: 100)
        #expect(try lanes.receive()?.element == 1)
        try lanes.send(2, weight: 100)
        #expect(try lanes.receive()?.element == 2)
    }

    @Test func aSenderWithoutAReceiverStops() throws {
        let lanes = Lanes<Int>(capacity: 1, capacityAhead: 1)
        try lanes.send(1)
        let sender = WorkThread("sender") { try? lanes.send(2) }
        #expect(!sender.join(within: 0.05))
        lanes.cancel()
        #expect(sender.join(within: 5))
        #expect(throws: Lanes<Int>.Cancelled.self) { try lanes.send(3) }
        #expect(try lanes.receive() == nil)
    }

    @Test func aFailureComesBeforeWhatIsQueued() throws {
        struct Broken: Error {}
        let lanes = Lanes<Int>(capacity: 10, capacityAhead: 10)
        try lanes.send(1)
        lanes.fail(Broken())
        #expect(throws: Broken.self) { _ = try lanes.receive() }
    }

    @Test func aReceiverHearsOfACancellationWhileNothingComes() {
        struct Stop: Error {}
        let lanes = Lanes<Int>(capacity: 1, capacityAhead: 1)
        let start = Date()
        #expect(throws: Stop.self) {
            _ = try lanes.receive { if Date().timeIntervalSince(start) > 0.2 { throw Stop() } }
        }
    }

    /// A reader that is always ahead keeps the queue from ever being empty: memory must be bounded then, too.
    @Test func whatWasTakenIsLetGo() throws {
        final class Piece: Sendable {}
        let lanes = Lanes<Piece>(capacity: 10, capacityAhead: 10)
        weak var first: Piece?
        do {
            let piece = Piece()
            first = piece
            try lanes.send(piece)
        }
        try lanes.send(Piece())
        do { _ = try lanes.receive() }
        #expect(first == nil)
    }
}

@Suite struct DocumentBufferTests {
    @Test func itGrowsAndKeepsWhatIsInIt() {
        let buffer = DocumentBuffer(capacity: 16)
        var expected: [UInt8] = []
        for size in [5, 20, 7, 3000] {
            let document =
                withUnsafeBytes(of: Int32(size).littleEndian) { Array($0) } + Array(repeating: 0, count: size - 4)
            document.withUnsafeBytes { buffer.append($0) }
            expected += document
        }
        #expect(Array(buffer.bytes) == expected)
        var sizes: [Int] = []
        buffer.forEachDocument { number, document in
            #expect(number == sizes.count)
            sizes.append(document.count)
        }
        #expect(sizes == [5, 20, 7, 3000] && buffer.documents == 4)
    }

    @Test func thePoolTakesBackWhatHasItsSizeAndIsEmptyThen() {
        let pool = DocumentBufferPool(size: 64)
        let buffer = pool.take()
        [5, 0, 0, 0, 0].withUnsafeBytes { buffer.append($0) }
        pool.give(buffer)
        let again = pool.take()
        #expect(again === buffer && again.count == 0 && again.documents == 0)
        let large = pool.take()
        Array(repeating: UInt8(0), count: 100).withUnsafeBytes { large.append($0) }
        pool.give(large)
        #expect(pool.take() !== large)
    }
}
