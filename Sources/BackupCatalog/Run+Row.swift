import BackupModel
import Foundation
import GRDB

extension Run {
    init(_ row: CatalogRow) throws {
        guard let id = RunID(try row.text("id")) else { throw row.damaged("its id is not a run's") }
        self.init(
            id: id, kind: try row.value("kind"), job: try row.optionalText("job"), trigger: try row.value("trigger"),
            scheduledFor: try row.optionalTime("scheduled_for"), attempt: try row.int("attempt"),
            state: try row.value("state"), queuedAt: try row.time("queued_at"))
        startedAt = try row.optionalTime("started_at")
        finishedAt = try row.optionalTime("finished_at")
        heartbeatAt = try row.optionalTime("heartbeat_at")
        owner = try ProcessIdentity(row)
        cancelRequestedBy = try row.optionalText("cancel_requested_by")
        engine = try row.optionalText("engine_name").map {
            EngineIdentity(name: $0, version: try row.text("engine_version"))
        }
        snapshot = try row.optionalText("snapshot")
        counters = RunCounters(
            documents: try row.integer("documents"), failedDocuments: try row.integer("failed_documents"),
            namespaces: try row.integer("namespaces"), uncompressedBytes: try row.integer("uncompressed_bytes"),
            storedBytes: try row.integer("stored_bytes"))
        warnings = try row.texts("warnings")
        error = try row.optionalText("error_code").map { _ in
            BackupError(
                try row.value("error_code"), try row.text("error_message"), hint: try row.optionalText("error_hint"))
        }
    }

    var row: CatalogRow {
        get throws {
            CatalogRow(
                .run,
                [
                    "id": id.text, "kind": kind.rawValue, "job": job, "trigger": trigger.rawValue,
                    "scheduled_for": scheduledFor?.catalogMilliseconds, "attempt": attempt, "state": state.rawValue,
                    "queued_at": queuedAt.catalogMilliseconds, "started_at": startedAt?.catalogMilliseconds,
                    "finished_at": finishedAt?.catalogMilliseconds, "heartbeat_at": heartbeatAt?.catalogMilliseconds,
                    "owner_process": owner?.processID,
                    "owner_start_ticks": owner.map { Int64(bitPattern: $0.startTicks) }, "owner_boot": owner?.bootID,
                    "cancel_requested_by": cancelRequestedBy?.withoutNUL,
                    "engine_name": engine?.name, "engine_version": engine?.version, "snapshot": snapshot,
                    "documents": counters.documents, "failed_documents": counters.failedDocuments,
                    "namespaces": counters.namespaces, "uncompressed_bytes": counters.uncompressedBytes,
                    "stored_bytes": counters.storedBytes, "warnings": try warnings.catalogJSON,
                    "error_code": error?.code.rawValue, "error_message": error?.message.withoutNUL,
                    "error_hint": error?.hint?.withoutNUL,
                ])
        }
    }
}

extension ProcessIdentity {
    fileprivate init?(_ row: CatalogRow) throws {
        guard let process = try row.optionalInteger("owner_process") else { return nil }
        guard let processID = Int32(exactly: process) else { throw row.damaged("its owner_process is too large") }
        self.init(
            processID: processID, startTicks: UInt64(bitPattern: try row.integer("owner_start_ticks")),
            bootID: try row.text("owner_boot"))
    }
}
