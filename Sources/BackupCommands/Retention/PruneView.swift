import BackupModel
import BackupOperations

/// How the plan of a prune, and what came of it, is shown.
enum PruneView {
    static func json(_ result: PruneResult, job: BackupModel.Job) -> JSONValue {
        .object([
            "job": .string(result.job), "state": .string(result.state.rawValue),
            "dryRun": JSONValue(result.state == .planned), "run": JSONValue(result.run?.id.text),
            "policy": JobView.retention(job.retention), "timeZone": .string(job.timeZone ?? "UTC"),
            "keep": .array(
                result.plan.kept.map {
                    snapshot($0.candidate, reasons: $0.reasons.map(\.description))
                }),
            "remove": .array(result.plan.removed.map { snapshot($0) }),
            "postponed": .array(result.plan.postponed.map { snapshot($0) }),
            "notGood": .array(result.plan.notGood.map { snapshot($0) }),
            "brakes": .array(
                result.brakes.map {
                    .object([
                        "code": .string($0.code.rawValue), "message": .string($0.description),
                        "remedy": .string($0.remedy),
                    ])
                }),
            "removed": JSONValue(result.removed), "freedBytes": JSONValue(freed(result)),
            "warnings": JSONValue(result.warnings), "error": RunView.error(result.error),
        ])
    }

    private static func snapshot(_ candidate: RetentionCandidate, reasons: [String]? = nil) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(candidate.id), "createdAt": JSONValue(candidate.time),
            "storedBytes": JSONValue(candidate.storedBytes),
        ]
        if let reasons { members["reasons"] = JSONValue(reasons) }
        return .object(JSONMembers(members))
    }

    /// What was freed, or in a dry run would be.
    private static func freed(_ result: PruneResult) -> Int64 {
        result.state == .planned ? result.plan.freedBytes : result.removed.isEmpty ? 0 : stored(result)
    }

    private static func stored(_ result: PruneResult) -> Int64 { result.run?.counters.storedBytes ?? 0 }

    static func text(_ result: PruneResult, job: BackupModel.Job) -> String {
        let plan = result.plan
        switch result.state {
        case .planned:
            let policy = job.retention.map { "\($0)" } ?? "none"
            var lines = [
                "job '\(result.job)': keeps \(policy) (\(job.timeZone ?? "UTC"))", table(plan),
                "\(Format.count(Int64(plan.kept.count))) kept, \(Format.count(Int64(plan.removed.count))) to remove, "
                    + "which frees \(Format.bytes(plan.freedBytes))",
            ]
            for brake in result.brakes {
                lines.append("nothing would be removed now: \(brake)")
                lines.append("  \(brake.remedy)")
            }
            return lines.joined(separator: "\n")
        case .nothing: return "job '\(result.job)': nothing to remove, \(plan.kept.count) kept"
        case .refused: return ""
        case .failed where result.run == nil: return ""
        case .succeeded, .partial, .failed: return summary(result)
        }
    }

    /// One line about what was done.
    static func summary(_ result: PruneResult) -> String {
        "job '\(result.job)': removed \(Format.count(Int64(result.removed.count), "snapshot")), "
            + "freed \(Format.bytes(stored(result))), \(result.plan.kept.count) kept"
    }

    private static func table(_ plan: RetentionPlan) -> String {
        var table = Table([
            ("PLAN", .left), ("SNAPSHOT", .left), ("CREATED", .left), ("STORED", .right), ("WHY", .left),
        ])
        for row in RetentionView.rows(plan) {
            table.add([
                row.verdict, row.candidate.id, Format.time(row.candidate.time), Format.bytes(row.candidate.storedBytes),
                row.reason,
            ])
        }
        return table.text
    }
}
