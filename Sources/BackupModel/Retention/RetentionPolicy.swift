/// Which snapshots of a job are kept: restic's rules, each on its own; a snapshot that any of them wants is kept.
///
/// A policy has at least one rule that keeps something. A job without a policy keeps everything.
package struct RetentionPolicy: Hashable, Sendable {
    /// What a rule counts: snapshots, or periods of the calendar that have one.
    package enum Unit: String, Hashable, Sendable, CaseIterable {
        case last, hourly, daily, weekly, monthly, yearly
    }

    /// How many of a unit are kept, the newest snapshot of each; never zero.
    package let counts: [Unit: Int]
    /// How far back from the newest snapshot every one of a unit is kept; with `last`, every snapshot. Never zero.
    package let spans: [Unit: RetentionSpan]

    /// Drops rules of zero, and refuses negative ones and a policy in which no rule is left.
    package init(counts: [Unit: Int], spans: [Unit: RetentionSpan] = [:]) throws {
        for unit in Unit.allCases {
            guard let count = counts[unit], count < 0 else { continue }
            throw BackupError(
                .invalidPolicy, "cannot use retention policy: \(unit.countKey) is \(count), which is below zero",
                hint: "leave a rule out that should keep nothing; a job without a policy keeps everything.")
        }
        self.counts = counts.filter { $0.value != 0 }
        self.spans = spans.filter { !$0.value.isZero }
        guard !self.counts.isEmpty || !self.spans.isEmpty else {
            throw BackupError(
                .invalidPolicy, "cannot use retention policy: the policy keeps nothing",
                hint: "give at least one rule above zero; a job without a policy keeps everything.")
        }
    }
}

extension RetentionPolicy.Unit {
    /// `keepLast`, `keepDaily`
    package var countKey: String { "keep" + capitalized }
    /// `keepWithin`, `keepWithinDaily`
    package var spanKey: String { "keepWithin" + (self == .last ? "" : capitalized) }

    private var capitalized: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}

extension RetentionPolicy: CustomStringConvertible {
    /// `last 3, daily 7, within 30d`
    package var description: String {
        let counted = Unit.allCases.compactMap { unit in counts[unit].map { "\(unit.rawValue) \($0)" } }
        let spanned = Unit.allCases.compactMap { unit in
            spans[unit].map { unit == .last ? "within \($0)" : "\(unit.rawValue) within \($0)" }
        }
        return (counted + spanned).joined(separator: ", ")
    }
}
