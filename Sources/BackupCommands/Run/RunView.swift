import BackupModel
import Foundation

/// How a run is shown.
enum RunView {
    @Sendable static func json(_ run: Run) -> JSONValue {
        .object([
            "id": .string(run.id.text), "job": JSONValue(run.job), "kind": .string(run.kind.rawValue),
            "state": .string(run.state.rawValue), "trigger": .string(run.trigger.rawValue),
            "scheduledFor": JSONValue(run.scheduledFor), "startedAt": JSONValue(run.startedAt),
            "finishedAt": JSONValue(run.finishedAt), "snapshot": JSONValue(run.snapshot),
            "engine": run.engine.map(engine) ?? .null, "documents": JSONValue(run.counters.documents),
            "failedDocuments": JSONValue(run.counters.failedDocuments),
            "namespaces": JSONValue(run.counters.namespaces),
            "uncompressedBytes": JSONValue(run.counters.uncompressedBytes),
            "storedBytes": JSONValue(run.counters.storedBytes), "warnings": JSONValue(run.warnings),
            "error": error(run.error),
        ])
    }

    static func engine(_ engine: EngineIdentity) -> JSONValue {
        .object(["name": .string(engine.name), "version": .string(engine.version)])
    }

    static func error(_ error: BackupError?) -> JSONValue {
        guard let error else { return .null }
        return .object([
            "code": .string(error.code.rawValue), "message": .string(error.message), "hint": JSONValue(error.hint),
        ])
    }

    static func exitStatus(_ run: Run) -> Int32 {
        switch run.state {
        case .succeeded: 0
        case .partial: BackupError.Code.incomplete.exitStatus
        case .cancelled: BackupError.Code.cancelled.exitStatus
        default: max(1, run.error?.code.exitStatus ?? 1)
        }
    }

    static func duration(_ run: Run) -> String {
        guard let start = run.startedAt, let end = run.finishedAt else { return "-" }
        return Format.elapsed(end.timeIntervalSince(start))
    }

    /// One line of many.
    static func line(_ run: Run) -> String {
        let what = run.error?.message ?? run.snapshot.map { "snapshot \($0)" } ?? ""
        return "\(run.job ?? "-"): \(run.state.rawValue)\(what.isEmpty ? "" : ", ")\(what.escapedForDisplay)"
    }

    static func success(_ run: Run) -> String {
        let counters = run.counters
        return "snapshot \(run.snapshot ?? "-"): \(Format.count(counters.documents, "document")) in "
            + "\(Format.count(counters.namespaces, "namespace")), \(Format.bytes(counters.uncompressedBytes)) in "
            + "\(Format.bytes(counters.storedBytes)), read back and checked, in \(duration(run))"
    }
}
