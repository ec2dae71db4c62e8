import Synchronization

@testable import BackupEngines
import BackupModel
import BackupPipeline
import MongoArchive

/// Keeps what it gets.
final class MemorySink: ByteSink {
    var bytes: [UInt8] = []
    var isFinished = false

    func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
    func finish() { isFinished = true }
}

/// Calls back for every piece of a stream.
final class ProbeSink: ByteSink {
    private let body: (UnsafeRawBufferPointer) throws -> Void

    init(_ body: @escaping (UnsafeRawBufferPointer) throws -> Void) {
        self.body = body
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try body(bytes) }
    func finish() {}
}

/// Writes down what a run says.
final class RecordingMonitor: RunMonitor {
    struct State {
        var expected: (documents: Int64, bytes: Int64, namespaces: Int)?
        var documents: [Namespace: Int64] = [:]
        var finished: [Namespace: Int64] = [:]
        var timesFinished: [Namespace: Int] = [:]
        var warnings: [String] = []
        var notes: [String] = []
    }

    let cancellation = Cancellation()
    private let state = Mutex(State())
    private let onAdvance: @Sendable (Namespace, Int64) -> Void

    init(onAdvance: @escaping @Sendable (Namespace, Int64) -> Void = { _, _ in }) {
        self.onAdvance = onAdvance
    }

    var seen: State { state.withLock { $0 } }

    func expected(documents: Int64, bytes: Int64, namespaces: Int) {
        state.withLock { $0.expected = (documents, bytes, namespaces) }
    }

    func advanced(_ namespace: Namespace, documents: Int64, bytes: Int64) {
        let total = state.withLock {
            $0.documents[namespace, default: 0] += documents
            return $0.documents[namespace, default: 0]
        }
        onAdvance(namespace, total)
    }

    func finished(_ namespace: Namespace, documents: Int64) {
        state.withLock {
            $0.finished[namespace] = documents
            $0.timesFinished[namespace, default: 0] += 1
        }
    }
    func warning(_ text: String) { state.withLock { $0.warnings.append(text) } }
    func note(_ text: String) { state.withLock { $0.notes.append(text) } }
}
