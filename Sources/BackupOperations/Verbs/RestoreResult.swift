import BackupEngines
package import BackupModel

/// What a person asks for on the command line.
package struct RestoreRequested: Sendable {
    package var source: String
    package var target: GivenConnection
    package var choice: RestoreChoice
    package var withIndexes: Bool
    package var isDryRun: Bool
    package var engine: EngineChoice
    package var place: ToolPlace
    package var options: LoadOptions

    package init(
        source: String, target: GivenConnection, choice: RestoreChoice, withIndexes: Bool = true,
        isDryRun: Bool = false, engine: EngineChoice = .auto, place: ToolPlace = ToolPlace(),
        options: LoadOptions = LoadOptions()
    ) {
        self.source = source
        self.target = target
        self.choice = choice
        self.withIndexes = withIndexes
        self.isDryRun = isDryRun
        self.engine = engine
        self.place = place
        self.options = options
    }
}

/// How a restore came out, or what it would do.
package struct RestoreResult: Sendable {
    /// The snapshot's id, or the path of the file.
    package var source: String
    /// A run's state, or `planned`.
    package var state: String
    package var run: RunID?
    /// Nil as long as none was needed.
    package var engine: EngineIdentity?
    /// Redacted.
    package var target: String
    package var existing: ExistingPolicy
    package var isDryRun: Bool
    package var namespaces: [Entry] = []
    package var skipped: [RestorePlan.Skipped] = []
    package var warnings: [String] = []
    package var error: BackupError?

    package struct Entry: Sendable {
        package var plan: RestorePlan.Entry
        package var restored: Int64 = 0
        package var failed: Int64 = 0
        package var errors: [String] = []
    }

    package var expected: Int64 { namespaces.reduce(0) { $0 &+ $1.plan.expected } }
    package var restored: Int64 { namespaces.reduce(0) { $0 &+ $1.restored } }
    package var failed: Int64 { namespaces.reduce(0) { $0 &+ $1.failed } }
    /// Whether the target was, or may have been, written to.
    package var hasWritten = false
    package var exitStatus: Int32 { error?.code.exitStatus ?? 0 }
}

extension RestoreResult {
    mutating func take(_ plan: RestorePlan) {
        namespaces = plan.entries.map { Entry(plan: $0) }
        skipped = plan.skipped
        warnings += plan.warnings
    }

    /// Takes in what the engine reports, and finds what is missing: nothing that was expected may be unaccounted for.
    mutating func take(_ report: RestoreReport) {
        let reported = Dictionary(report.namespaces.map { ($0.namespace, $0) }) { first, _ in first }
        for index in namespaces.indices {
            guard let namespace = reported[namespaces[index].plan.target] else {
                namespaces[index].errors = ["the engine does not report it"]
                continue
            }
            namespaces[index].restored = namespace.restored &+ namespace.kept
            namespaces[index].failed = namespace.failed
            namespaces[index].errors = namespace.errors
        }
        for warning in report.warnings where !warnings.contains(warning) { warnings.append(warning) }
        let incomplete = namespaces.filter(\.isIncomplete)
        guard let first = incomplete.first else {
            state = RunState.succeeded.rawValue
            return
        }
        state = RunState.partial.rawValue
        let reason = first.errors.first ?? "\(first.restored) of \(first.plan.expected) documents are there"
        let others = incomplete.count > 1 ? " (and \(incomplete.count - 1) more namespaces)" : ""
        error = BackupError(
            .incomplete,
            "cannot restore everything: '\(first.plan.target.description.escapedForDisplay)': \(reason)\(others)",
            hint: failed > 0 && existing == .merge
                ? "documents with a key that exists are left as they are; --existing drop replaces them." : nil)
    }
}

extension RestoreResult.Entry {
    var isIncomplete: Bool { failed > 0 || !errors.isEmpty || restored != plan.expected }
}
