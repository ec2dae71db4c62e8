import BackupModel
import Foundation
import GRDB

extension Snapshot {
    init(_ row: CatalogRow) throws {
        guard let run = RunID(try row.text("run")) else { throw row.damaged("its run is not a run's id") }
        self.init(
            id: try row.text("id"), job: try row.text("job"), run: run, repository: try row.text("repository"),
            createdAt: try row.time("created_at"), state: try row.value("state"),
            engine: EngineIdentity(name: try row.text("engine_name"), version: try row.text("engine_version")),
            serverVersion: try row.optionalText("server_version"), consistency: try row.value("consistency"),
            file: try row.text("file"), storedBytes: try row.integer("stored_bytes"),
            uncompressedBytes: try row.integer("uncompressed_bytes"), sha256: try row.text("sha256"),
            manifestSHA256: try row.text("manifest_sha256"), documents: try row.integer("documents"),
            namespaceCount: try row.int("namespace_count"), verifiedAt: try row.optionalTime("verified_at"),
            pin: try row.optionalText("pin_reason").map {
                SnapshotPin(reason: $0, until: try row.optionalTime("pin_until"))
            }, sizeAcceptedAt: try row.optionalTime("size_accepted_at"))
    }

    var row: CatalogRow {
        CatalogRow(
            .snapshot,
            [
                "id": id, "job": job, "run": run.text, "repository": repository,
                "created_at": createdAt.catalogMilliseconds, "state": state.rawValue, "engine_name": engine.name,
                "engine_version": engine.version, "server_version": serverVersion, "consistency": consistency.rawValue,
                "file": file, "stored_bytes": storedBytes, "uncompressed_bytes": uncompressedBytes, "sha256": sha256,
                "manifest_sha256": manifestSHA256, "documents": documents, "namespace_count": namespaceCount,
                "verified_at": verifiedAt?.catalogMilliseconds, "pin_reason": pin?.reason.withoutNUL,
                "pin_until": pin?.until?.catalogMilliseconds, "size_accepted_at": sizeAcceptedAt?.catalogMilliseconds,
            ])
    }
}

extension SnapshotNamespace {
    init(_ row: CatalogRow) throws {
        guard let crc64 = UInt64(try row.text("crc64"), radix: 16) else {
            throw row.damaged("its crc64 is not a number")
        }
        self.init(
            namespace: Namespace(database: try row.text("database"), collection: try row.text("collection")),
            type: try row.text("type"), documents: try row.integer("documents"), bytes: try row.integer("bytes"),
            crc64: crc64, indexes: try row.int("indexes"))
    }

    func row(of snapshot: String, position: Int) -> CatalogRow {
        let digits = String(crc64, radix: 16)
        return CatalogRow(
            .snapshotNamespace,
            [
                "snapshot": snapshot, "position": position, "database": namespace.database,
                "collection": namespace.collection, "type": type, "documents": documents, "bytes": bytes,
                "crc64": String(repeating: "0", count: 16 - digits.count) + digits, "indexes": indexes,
            ])
    }
}
