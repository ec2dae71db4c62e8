import BackupModel
import BackupOperations

/// One line about a run under way. Documents and bytes expected are the server's estimates: the bar may end early or
/// stand at its end for a moment.
struct ProgressLine {
    let state: ProgressState
    let elapsed: Double
    let title: String

    /// How much is done, 0 to 1; nil while nothing is known of the whole.
    var fraction: Double? {
        guard state.phase == .dumping || state.phase == .restoring else { return nil }
        if let expected = state.expectedBytes, expected > 0 { return share(state.bytes, of: expected) }
        guard let expected = state.expectedDocuments, expected > 0 else { return nil }
        return share(state.documents, of: expected)
    }

    private func share(_ done: Int64, of expected: Int64) -> Double {
        min(1, max(0, Double(done) / Double(expected)))
    }

    var remaining: Double? {
        guard let fraction, fraction > 0.01, fraction < 1, elapsed > 1 else { return nil }
        return elapsed / fraction * (1 - fraction)
    }

    private var rate: String {
        let rate = (Double(state.bytes) / max(elapsed, 0.1)).rounded()
        return Format.bytes(Int64(exactly: rate) ?? 0) + "/s"
    }

    var plain: String {
        var parts = ["\(title): \(state.phase.rawValue)"]
        if let fraction { parts.append("\(Int(fraction * 100))%") }
        switch state.phase {
        case .dumping, .restoring, .indexing:
            parts.append("\(Format.count(state.documents)) documents")
            parts.append("\(Format.bytes(state.bytes))")
            parts.append(rate)
        case .checking: parts.append("\(Format.bytes(state.checkedBytes))")
        case .removing: parts.append("\(Format.bytes(state.removedBytes))")
        case .connecting, .planning, .publishing: break
        }
        if let remaining { parts.append("about \(Format.elapsed(remaining)) left") }
        return parts.joined(separator: ", ")
    }

    /// The line with a bar in it, not longer than the terminal is wide.
    func bar(width: Int) -> String {
        let text = plain
        guard let fraction, width - text.count > 15 else { return String(text.prefix(max(0, width - 1))) }
        let cells = min(30, width - text.count - 4)
        let filled = Int(fraction * Double(cells))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled) + "] " + text
    }
}
