internal import BackupModel
internal import Foundation

/// What a tool said: counts by namespace, warnings, and the reason of a failure; and what of it goes into the run's log.
///
/// Called from the thread that listens, read by others. Every text is without secrets before it is looked at.
final class ToolTranscript: @unchecked Sendable {
    // Protects everything below.
    private let lock = NSLock()
    private var said = Said()
    private var notedBytes = 0
    private var left = 0

    private let tool: Tool
    private let uri: MongoURI
    private let monitor: any RunMonitor

    /// Bytes of the log that lines may take as they come; of what follows, the last ones are noted at the end.
    private static let logLimit = 256 << 10
    private static let warningLimit = 40

    struct Said {
        /// By the name that the tool gives it: documents of a dump.
        var dumped: [String: Int64] = [:]
        var restored: [String: (documents: Int64, failures: Int64)] = [:]
        var total: (documents: Int64, failures: Int64)?
        var oplogEntries: Int64?
        var warnings: [String] = []
        /// What kept single documents from being restored, a few for each collection that is named, which is the key.
        var troubles: [String: [String]] = [:]
        var failures: [String] = []
        var progress: [String: Int64] = [:]
        var current = ""
    }

    init(tool: Tool, uri: MongoURI, monitor: any RunMonitor) {
        self.tool = tool
        self.uri = uri
        self.monitor = monitor
    }

    var current: Said { lock.withLock { said } }

    /// The last thing that it called a failure, or the last thing that it said.
    private(set) var reason: String? {
        get { lock.withLock { storedReason } }
        set { lock.withLock { storedReason = newValue } }
    }
    private var storedReason: String?

    func take(_ bytes: UnsafeRawBufferPointer) {
        // A tool that prints without end must not make us slow: what would not be noted and says nothing is passed over.
        guard ToolLine.maySayMore(bytes) || lock.withLock({ notedBytes <= Self.logLimit }) else {
            lock.withLock { left += 1 }
            return
        }
        let text = uri.redact(String(decoding: bytes, as: UTF8.self))
        let line = ToolLine(text)
        note(text, line)
        switch line {
        case .began(let name): lock.withLock { said.current = name }
        case .dumped(let name, let documents):
            lock.withLock { said.dumped[name] = documents }
            advance(name, to: documents)
            monitor.finished(Self.namespace(name), documents: documents)
        case .dumpProgress(let name, let done, _): advance(name, to: done)
        case .restored(let name, let documents, let failures):
            lock.withLock { said.restored[name] = (documents, failures) }
            monitor.advanced(Self.namespace(name), documents: documents, bytes: 0)
            monitor.finished(Self.namespace(name), documents: documents)
        case .restoreProgress(let name): monitor.advanced(Self.namespace(name), documents: 0, bytes: 0)
        case .restoredInAll(let documents, let failures): lock.withLock { said.total = (documents, failures) }
        case .oplogDumped(let entries), .oplogApplied(let entries): lock.withLock { said.oplogEntries = entries }
        case .goesOn(let text): keep(trouble: text)
        case .warning(let text): warn("\(tool.rawValue): \(Self.shown(text))")
        case .failed(let text):
            lock.withLock { if said.failures.count < 10 { said.failures.append(Self.shown(text)) } }
        case .empty, .other: break
        }
    }

    /// `E11000 duplicate key error collection: shop.orders index: _id_ dup key: ...`; other errors name no collection.
    private func keep(trouble text: String) {
        let rest = text.firstRange(of: " collection: ").map { text[$0.upperBound...] }
        let name = rest.flatMap { rest in rest.firstRange(of: " index: ").map { String(rest[..<$0.lowerBound]) } } ?? ""
        lock.withLock {
            guard said.troubles.count < 1000, said.troubles[name, default: []].count < 5 else { return }
            said.troubles[name, default: []].append(Self.shown(text))
        }
    }

    func warn(_ text: String) {
        let isNew = lock.withLock {
            guard said.warnings.count < Self.warningLimit, !said.warnings.contains(text) else { return false }
            said.warnings.append(text)
            return true
        }
        if isNew { monitor.warning(text) }
    }

    /// The number of documents of a namespace that were read so far; progress is told in steps.
    private func advance(_ name: String, to documents: Int64) {
        let more = lock.withLock {
            let more = documents - (said.progress[name] ?? 0)
            said.progress[name] = documents
            return more
        }
        if more > 0 { monitor.advanced(Self.namespace(name), documents: more, bytes: 0) }
    }

    private func note(_ text: String, _ line: ToolLine) {
        switch line {
        case .empty, .dumpProgress, .restoreProgress: return
        default: break
        }
        let fits = lock.withLock {
            notedBytes += text.utf8.count + 40
            guard notedBytes <= Self.logLimit else {
                left += 1
                return false
            }
            return true
        }
        if fits { monitor.note("\(tool.rawValue): \(ToolLine.withoutTime(text))") }
    }

    /// To be called once the tool has ended, with the last lines that it printed.
    func close(tail: [String]) {
        let lines = tail.map { uri.redact($0) }
        let last = lines.last { line in
            if case .empty = ToolLine(line) { return false }
            return true
        }
        reason = current.failures.last ?? last.map { Self.shown(Self.plain($0)) }
        let left = lock.withLock { self.left }
        guard left > 0 else { return }
        monitor.note("\(tool.rawValue): of \(left) more lines, these were the last:")
        for line in lines { monitor.note("\(tool.rawValue): \(ToolLine.withoutTime(line))") }
    }

    private static func plain(_ line: String) -> String {
        if case .other(let text) = ToolLine(line) { return text }
        return line
    }

    static func shown(_ text: String) -> String { ServerError.withoutCommand(text).escapedForDisplay.cut(to: 500) }

    /// The namespace of a name as the tools print it; a time series goes by its own name.
    static func namespace(_ name: String) -> Namespace {
        let namespace = Namespace(parsing: name) ?? Namespace(database: "", collection: name)
        return namespace.timeSeriesOfBuckets ?? namespace
    }
}
