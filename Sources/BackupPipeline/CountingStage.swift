/// Tells a closure how many bytes passed, for progress; and lets it end the stream by throwing.
package final class CountingStage: ByteSink {
    private let sink: any ByteSink
    private let passed: (Int) throws -> Void
    package private(set) var count: UInt64 = 0

    package init(into sink: any ByteSink, passed: @escaping (Int) throws -> Void) {
        self.sink = sink
        self.passed = passed
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        try passed(bytes.count)
        try sink.write(bytes)
        count += UInt64(bytes.count)
    }

    package func finish() throws { try sink.finish() }
}
