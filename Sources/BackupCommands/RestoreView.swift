import BackupModel
import BackupOperations

/// How the result of a restore, or the plan of one, is shown.
enum RestoreView {
    static func json(_ result: RestoreResult) -> JSONValue {
        .object([
            "snapshot": .string(result.source), "state": .string(result.state), "run": JSONValue(result.run?.text),
            "engine": result.engine.map(RunView.engine) ?? .null, "target": .string(result.target),
            "existing": .string(result.existing.rawValue), "dryRun": JSONValue(result.isDryRun),
            "documents": .object([
                "expected": JSONValue(result.expected), "restored": JSONValue(result.restored),
                "failed": JSONValue(result.failed),
            ]),
            "namespaces": .array(result.namespaces.map { namespace($0, isDryRun: result.isDryRun) }),
            "skipped": .array(
                result.skipped.map {
                    .object(["namespace": .string("\($0.namespace)"), "reason": .string($0.reason)])
                }),
            "warnings": JSONValue(result.warnings), "error": RunView.error(result.error),
        ])
    }

    private static func namespace(_ entry: RestoreResult.Entry, isDryRun: Bool) -> JSONValue {
        var members: [String: JSONValue] = [
            "from": .string("\(entry.plan.source)"), "to": .string("\(entry.plan.target)"),
            "type": .string(entry.plan.type), "expected": JSONValue(entry.plan.expected),
            "restored": JSONValue(entry.restored), "failed": JSONValue(entry.failed),
            "action": .string(entry.plan.action.rawValue), "live": JSONValue(entry.plan.live),
        ]
        members["errors"] = JSONValue(entry.errors)
        return .object(JSONMembers(members))
    }

    static func text(_ result: RestoreResult, quiet: Bool) -> String {
        guard !quiet || result.isDryRun else { return "" }
        // A restore that was refused has nothing to show but the error.
        guard result.isDryRun ? !result.namespaces.isEmpty : result.hasWritten else { return "" }
        var table = Table(
            result.isDryRun
                ? [("FROM", .left), ("TO", .left), ("DOCUMENTS", .right), ("THERE NOW", .right), ("ACTION", .left)]
                : [("FROM", .left), ("TO", .left), ("EXPECTED", .right), ("RESTORED", .right), ("FAILED", .right)])
        for entry in result.namespaces {
            let names = [
                entry.plan.source.description, entry.plan.target.description, Format.count(entry.plan.expected),
            ]
            table.add(
                names
                    + (result.isDryRun
                        ? [entry.plan.live.map(Format.count) ?? "-", entry.plan.action.rawValue]
                        : [Format.count(entry.restored), Format.count(entry.failed)]))
        }
        return table.text + "\n" + summary(result)
    }

    private static func summary(_ result: RestoreResult) -> String {
        if result.isDryRun {
            return result.error == nil
                ? "nothing was changed: this is what a restore into \(result.target) would do"
                : "nothing was changed: a restore into \(result.target) would be refused"
        }
        let left = result.skipped.filter { $0.reason != "not selected" }
        let reasons = left.map(\.reason).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let leftOut = "\(Format.count(Int64(left.count), "namespace")) (\(reasons.joined(separator: ", ")))"
        return
            "\(result.state): \(Format.count(result.restored)) of \(Format.count(result.expected)) documents restored "
            + "into \(result.target)"
            + (result.failed > 0 ? ", \(Format.count(result.failed)) failed" : "")
            + (left.isEmpty ? "" : "; left out: \(leftOut)")
    }
}
