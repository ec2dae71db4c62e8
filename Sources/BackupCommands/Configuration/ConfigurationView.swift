import BackupModel
import BackupOperations

/// How the difference between jobs and a configuration is shown.
enum ConfigurationView {
    static func json(_ plan: ConfigurationPlan, file: String, dryRun: Bool) -> JSONValue {
        let counts = ConfigurationPlan.Action.allCases.map { ($0.rawValue, JSONValue(plan.count($0))) }
        return .object([
            "file": .string(file), "dryRun": JSONValue(dryRun),
            "counts": .object(JSONMembers(Dictionary(counts) { first, _ in first })),
            "jobs": .array(plan.items.map(json)),
        ])
    }

    private static func json(_ item: ConfigurationPlan.Item) -> JSONValue {
        .object([
            "name": .string(item.name.text), "action": .string(item.action.rawValue),
            "changes": .array(
                item.changes.map { change in
                    .object([
                        "field": .string(change.path), "old": json(change.old), "new": json(change.new),
                        "secretChanged": JSONValue(change.isSecret),
                    ])
                }),
        ])
    }

    private static func json(_ value: JobField.Value?) -> JSONValue {
        switch value {
        case nil: .null
        case .text(let text): .string(text)
        case .number(let number): JSONValue(number)
        case .flag(let flag): JSONValue(flag)
        case .list(let items): JSONValue(items)
        }
    }

    /// A line for each job, what changes below it, and the sum.
    static func text(_ plan: ConfigurationPlan) -> String {
        let jobs = plan.items.flatMap { item in
            ["\(item.action.rawValue.padded) \(item.name)"] + item.changes.map { "    \(line($0, item.action))" }
        }
        let sum = [
            "\(plan.count(.create)) to create", "\(plan.count(.change)) to change",
            "\(plan.count(.delete)) to delete", "\(plan.count(.unchanged)) unchanged",
        ]
        return (jobs + [sum.joined(separator: ", ")]).joined(separator: "\n")
    }

    static func done(_ plan: ConfigurationPlan, file: String) -> String {
        guard !plan.isEmpty else {
            return "nothing to do: \(Format.count(Int64(plan.items.count), "job")) as '\(file)' says"
        }
        return "applied '\(file)': \(plan.count(.create)) created, \(plan.count(.change)) changed, "
            + "\(plan.count(.delete)) deleted, \(plan.count(.unchanged)) unchanged"
    }

    private static func line(_ change: ConfigurationPlan.Change, _ action: ConfigurationPlan.Action) -> String {
        let new = shown(change.new)
        guard action == .change else { return "\(change.path): \(new)" }
        return "\(change.path): \(shown(change.old)) -> \(new)\(change.isSecret ? " (another secret)" : "")"
    }

    private static func shown(_ value: JobField.Value?) -> String {
        switch value {
        case nil: "(default)"
        case .text(let text): text.escapedForDisplay
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list(let items): "[\(items.map(\.escapedForDisplay).joined(separator: ", "))]"
        }
    }
}

extension String {
    fileprivate var padded: String { self + String(repeating: " ", count: max(0, 9 - count)) }
}
