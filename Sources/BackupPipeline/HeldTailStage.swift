/// Keeps the last bytes of a stream back until somebody says that all of it was good.
///
/// An archive without its last bytes ends inside a block, and no reader takes it for a whole one. So what went by unproved
/// cannot look proved: not `finish` lets the rest pass, but `release`, to be called when nothing can be found wrong any more.
package final class HeldTailStage: ByteSink {
    /// More than the terminator of a block, less than the block that ends a namespace.
    package static let length = 16

    private let sink: any ByteSink
    private var held: [UInt8] = []

    package init(into sink: any ByteSink) {
        self.sink = sink
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        let passing = held.count + bytes.count - Self.length
        guard passing > 0 else {
            held.append(contentsOf: bytes)
            return
        }
        let old = min(held.count, passing)
        if old > 0 {
            try sink.write(Array(held[..<old]))
            held.removeFirst(old)
        }
        if passing > old { try sink.write(UnsafeRawBufferPointer(rebasing: bytes[..<(passing - old)])) }
        held.append(contentsOf: bytes[(passing - old)...])
    }

    package func finish() {}

    /// Passes the last bytes on, and finishes the receiver.
    package func release() throws {
        if !held.isEmpty { try sink.write(held) }
        held = []
        try sink.finish()
    }
}
