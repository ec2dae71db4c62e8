import BackupModel

/// How a plan that was made for given snapshots is shown.
enum RetentionView {
    /// The rules that want a snapshot; where none does, what else keeps it.
    static func json(_ plan: RetentionPlan) -> JSONValue {
        .object([
            "keep": .array(
                plan.kept.map { kept in
                    let rules = kept.reasons.filter(\.isRule)
                    return .object([
                        "id": .string(kept.candidate.id),
                        "reasons": JSONValue((rules.isEmpty ? kept.reasons : rules).map(\.word)),
                    ])
                }),
            "remove": JSONValue(plan.removed.map(\.id)),
        ])
    }

    static func text(_ plan: RetentionPlan) -> String {
        var table = Table([("PLAN", .left), ("SNAPSHOT", .left), ("CREATED", .left), ("WHY", .left)])
        for row in rows(plan) {
            table.add([row.verdict, row.candidate.id, Timestamp.rfc3339(row.candidate.time), row.reason])
        }
        return table.text
    }

    struct Row {
        var candidate: RetentionCandidate
        var verdict: String
        var reason: String
    }

    /// Every snapshot, the newest first.
    static func rows(_ plan: RetentionPlan) -> [Row] {
        let kept = plan.kept.map {
            Row(
                candidate: $0.candidate, verdict: "keep",
                reason: $0.reasons.map(\.description).joined(separator: ", "))
        }
        let removed = plan.removed.map { Row(candidate: $0, verdict: "remove", reason: "no rule wants it") }
        let postponed = plan.postponed.map {
            Row(candidate: $0, verdict: "later", reason: "no rule wants it; too many to remove at once")
        }
        let notGood = plan.notGood.map {
            Row(candidate: $0, verdict: "leave", reason: "not good: it fills no slot and is not removed")
        }
        return (kept + removed + postponed + notGood)
            .sorted { ($1.candidate.time, $1.candidate.id) < ($0.candidate.time, $0.candidate.id) }
    }
}
