import BackupEngines
package import BackupModel
import Foundation
import Synchronization

/// What a run has done so far: written by engines from their threads, read by whoever shows or supervises it.
package final class RunProgress: RunMonitor {
    package let cancellation: Cancellation
    private let state: Mutex<ProgressState>
    private let log: RunLog?

    package init(cancellation: Cancellation, log: RunLog?) {
        self.cancellation = cancellation
        self.log = log
        state = Mutex(ProgressState())
    }

    package var current: ProgressState { state.withLock { $0 } }

    package func enter(_ phase: ProgressState.Phase) {
        state.withLock {
            $0.phase = phase
            $0.activity &+= 1
            if phase == .checking { $0.checkedBytes = 0 }
        }
        log?.write(phase.rawValue)
    }

    /// Which engine it became.
    package func runs(on engine: EngineIdentity) { state.withLock { $0.engine = engine } }

    /// The point of no return: from here on the run is not cancelled any more, and its end is waited for.
    package func commit() throws {
        try state.withLock { state in
            if !state.isAbandoned { state.isCommitted = !cancellation.isCancelled }
            guard state.isCommitted else {
                try cancellation.check()
                throw BackupError(.cancelled, "cancelled")
            }
            state.phase = .publishing
        }
    }

    /// Leaves work behind that does not come to an end; false once it has passed the point of no return.
    func abandon() -> Bool {
        state.withLock { state in
            if !state.isCommitted { state.isAbandoned = true }
            return state.isAbandoned
        }
    }

    package func expected(documents: Int64, bytes: Int64, namespaces: Int) {
        state.withLock {
            $0.expectedDocuments = documents
            $0.expectedBytes = bytes
            $0.expectedNamespaces = namespaces
            // An engine says this once it has looked around and before it reads.
            if $0.phase == .connecting { $0.phase = .dumping }
        }
    }

    package func advanced(_ namespace: Namespace, documents: Int64, bytes: Int64) {
        state.withLock {
            $0.documents &+= documents
            $0.bytes &+= bytes
            $0.activity &+= 1
            // A tool says what it has restored when it is done with it.
            if $0.phase == .restoring || $0.phase == .indexing { $0.restored[namespace, default: 0] &+= documents }
        }
    }

    package func finished(_ namespace: Namespace, documents: Int64) {
        state.withLock {
            $0.finishedNamespaces &+= 1
            $0.activity &+= 1
        }
        log?.write(
            "done \(namespace.description.escapedForDisplay) (\(documents) \(documents == 1 ? "document" : "documents"))"
        )
    }

    package func warning(_ text: String) {
        let isNew = state.withLock { state in
            guard !state.warnings.contains(text) else { return false }
            state.warnings.append(text)
            return true
        }
        if isNew { log?.write("warning: \(text)") }
    }

    package func note(_ text: String) { log?.write(text) }

    /// Bytes of a file that were read back or looked through.
    package func checked(bytes: Int64) {
        state.withLock {
            $0.checkedBytes &+= bytes
            $0.activity &+= 1
        }
    }

    /// A snapshot of so many stored bytes is gone.
    func removed(bytes: Int64) {
        state.withLock {
            $0.removedBytes &+= bytes
            $0.activity &+= 1
        }
    }

    package func stored(bytes: Int64) {
        state.withLock { $0.storedBytes = bytes }
    }
}

package struct ProgressState: Sendable {
    package enum Phase: String, Sendable {
        case connecting, dumping, checking, planning, restoring, indexing, publishing, removing
    }

    package var phase = Phase.connecting
    package var documents: Int64 = 0
    package var bytes: Int64 = 0
    package var storedBytes: Int64 = 0
    package var checkedBytes: Int64 = 0
    package var removedBytes: Int64 = 0
    package var expectedDocuments: Int64?
    package var expectedBytes: Int64?
    package var expectedNamespaces: Int?
    package var finishedNamespaces = 0
    /// While restoring: documents by namespace of the target.
    package var restored: [Namespace: Int64] = [:]
    package var warnings: [String] = []
    package var engine: EngineIdentity?
    /// Grows with every sign of life: a run whose number stands still has stalled.
    package var activity: UInt64 = 0
    var isCommitted = false
    var isAbandoned = false
}
