/// How much is in one good snapshot of a job.
package struct SnapshotSize: Hashable, Sendable {
    package var id: String
    package var documents: Int64
    /// Uncompressed.
    package var bytes: Int64
    /// A person said that this size is right: what was before it is no measure any more.
    package var isAccepted: Bool

    package init(id: String, documents: Int64, bytes: Int64, isAccepted: Bool = false) {
        self.id = id
        self.documents = documents
        self.bytes = bytes
        self.isAccepted = isAccepted
    }
}

/// A snapshot that is suspiciously small against those before it: below half of their median.
package struct SizeAnomaly: Hashable, Sendable {
    package enum Measure: String, Hashable, Sendable { case documents, bytes }

    package var snapshot: String
    package var measure: Measure
    package var value: Int64
    /// Rounded down.
    package var median: Int64
    /// Of how many snapshots.
    package var count: Int

    /// How many snapshots before it count.
    package static let window = 7

    /// Looks at a snapshot and those before it, the newest first; nil when its size is in order, or accepted.
    ///
    /// Those that were too small themselves are no measure: else a few of them would make their size the usual one.
    package static func find(in newest: SnapshotSize, before previous: [SnapshotSize]) -> SizeAnomaly? {
        var measure: [SnapshotSize] = []
        for size in previous.reversed() {
            if size.isAccepted {
                measure = [size]
            } else if compare(size, with: measure) == nil {
                measure.append(size)
                if measure.count > window { measure.removeFirst() }
            }
        }
        return newest.isAccepted ? nil : compare(newest, with: measure)
    }

    private static func compare(_ newest: SnapshotSize, with baseline: [SnapshotSize]) -> SizeAnomaly? {
        guard !baseline.isEmpty else { return nil }
        let measures: [(Measure, KeyPath<SnapshotSize, Int64>)] = [(.documents, \.documents), (.bytes, \.bytes)]
        for (measure, path) in measures {
            let median = median(of: baseline.map { $0[keyPath: path] })
            guard Double(newest[keyPath: path]) < median / 2 else { continue }
            return SizeAnomaly(
                snapshot: newest.id, measure: measure, value: newest[keyPath: path],
                median: Int64(exactly: median.rounded(.down)) ?? .max, count: baseline.count)
        }
        return nil
    }

    private static func median(of values: [Int64]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        guard sorted.count.isMultiple(of: 2) else { return Double(sorted[middle]) }
        return (Double(sorted[middle - 1]) + Double(sorted[middle])) / 2
    }
}

extension SizeAnomaly: CustomStringConvertible {
    package var description: String {
        "snapshot '\(snapshot.escapedForDisplay)' is suspiciously small: \(value) \(measure.rawValue), "
            + "below half of \(median), the median of the \(count) before it"
    }
}
