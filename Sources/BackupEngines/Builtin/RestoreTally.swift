internal import BackupModel
internal import Synchronization

/// The counts of a restore, kept by all of its threads.
final class RestoreTally: Sendable {
    private static let keptErrors = 5
    private static let longestError = 300

    private let entries = Mutex<[RestoredNamespace]>([])
    /// Per namespace: batches that are not in the server yet, and whether there will be no more.
    private let progress = Mutex<[(open: Int, hasEnded: Bool)]>([])
    /// Namespaces that could not be made.
    private let impossible = Mutex<Set<Int>>([])
    private let warnings = Mutex<[String]>([])
    private let monitor: any RunMonitor

    init(monitor: any RunMonitor) {
        self.monitor = monitor
    }

    /// The namespaces in the archive's order; indices below refer to it.
    func begin(_ namespaces: [Namespace]) {
        entries.withLock { $0 = namespaces.map(RestoredNamespace.init) }
        progress.withLock { $0 = namespaces.map { _ in (0, false) } }
    }

    func giveUp(_ index: Int) { _ = impossible.withLock { $0.insert(index) } }

    func isGivenUp(_ index: Int) -> Bool { impossible.withLock { $0.contains(index) } }

    func submitted(_ index: Int) { progress.withLock { $0[index].open += 1 } }

    func completed(_ index: Int) { move(index) { $0.open -= 1 } }

    func ended(_ index: Int) { move(index) { $0.hasEnded = true } }

    /// Says so when the last document of a namespace has been dealt with.
    private func move(_ index: Int, _ change: (inout (open: Int, hasEnded: Bool)) -> Void) {
        let isFinished = progress.withLock {
            change(&$0[index])
            return $0[index].hasEnded && $0[index].open == 0
        }
        guard isFinished else { return }
        let entry = entries.withLock { $0[index] }
        monitor.finished(entry.namespace, documents: entry.restored)
    }

    func add(_ index: Int, restored: Int64 = 0, failed: Int64 = 0, kept: Int64 = 0, indexes: Int = 0) {
        update(index) {
            $0.restored += restored
            $0.failed += failed
            $0.kept += kept
            $0.indexes += indexes
        }
    }

    /// The first few stay; a duplicate key's message quotes the key and nothing else of the document.
    func add(error: String, to index: Int) {
        let shown = error.escapedForDisplay.cut(to: Self.longestError)
        update(index) { if $0.errors.count < Self.keptErrors { $0.errors.append(shown) } }
    }

    func warn(_ text: String) {
        warnings.withLock { $0.append(text) }
        monitor.warning(text)
    }

    func advanced(_ index: Int, documents: Int64, bytes: Int64) {
        let namespace = entries.withLock { $0.indices.contains(index) ? $0[index].namespace : nil }
        if let namespace { monitor.advanced(namespace, documents: documents, bytes: bytes) }
    }

    var namespaces: [RestoredNamespace] { entries.withLock { $0 } }
    var allWarnings: [String] { warnings.withLock { $0 } }

    private func update(_ index: Int, _ change: (inout RestoredNamespace) -> Void) {
        entries.withLock { if $0.indices.contains(index) { change(&$0[index]) } }
    }
}
