import Foundation
import Testing

@testable import BackupEngines

@Suite struct ChannelTests {
    @Test func everythingArrivesInOrder() throws {
        let channel = Channel<Int>(capacity: 3)
        let sender = WorkThread("sender") {
            for number in 0..<5000 { try? channel.send(number) }
            channel.finish()
        }
        var received: [Int] = []
        while let number = try channel.receive() { received.append(number) }
        #expect(received == Array(0..<5000))
        #expect(sender.join(within: 5))
    }

    @Test func anElementHeavierThanTheChannelStillPasses() throws {
        let channel = Channel<Int>(capacity: 10)
        try channel.send(1, weight: 100)
        #expect(try channel.receive() == 1)
        try channel.send(2, weight: 100)
        #expect(try channel.receive() == 2)
    }

    @Test func aSenderWithoutAReceiverStops() throws {
        let channel = Channel<Int>(capacity: 1)
        try channel.send(1)
        let sender = WorkThread("sender") { try? channel.send(2) }
        #expect(!sender.join(within: 0.05))
        channel.cancel()
        #expect(sender.join(within: 5))
        #expect(throws: Channel<Int>.Cancelled.self) { try channel.send(3) }
    }

    @Test func aReceiverHearsOfACancellationWhileNothingComes() {
        struct Stop: Error {}
        let channel = Channel<Int>(capacity: 1)
        let start = Date()
        #expect(throws: Stop.self) {
            _ = try channel.receive { if Date().timeIntervalSince(start) > 0.2 { throw Stop() } }
        }
    }

    /// A reader that is always ahead keeps the queue from ever being empty: memory must be bounded then, too.
    @Test func whatWasTakenIsLetGo() throws {
        final class Piece: Sendable {}
        let channel = Channel<Piece>(capacity: 10)
        weak var first: Piece?
        do {
            let piece = Piece()
            first = piece
            try channel.send(piece)
        }
        try channel.send(Piece())
        do { _ = try channel.receive() }
        #expect(first == nil)
    }
}
