import BackupModel
import Foundation

/// How a snapshot is shown.
enum SnapshotView {
    static func json(_ snapshot: Snapshot, file: String) -> JSONValue {
        .object(JSONMembers(members(snapshot, file: file)))
    }

    /// One in full. `compression` is in its manifest, which a listing does not read.
    static func json(
        _ snapshot: Snapshot, file: String, compression: String?, namespaces: [SnapshotNamespace]
    ) -> JSONValue {
        var members = members(snapshot, file: file)
        members["compression"] = JSONValue(compression)
        members["namespaces"] = .array(namespaces.map(json))
        return .object(JSONMembers(members))
    }

    private static func members(_ snapshot: Snapshot, file: String) -> [String: JSONValue] {
        [
            "id": .string(snapshot.id), "job": .string(snapshot.job), "run": .string(snapshot.run.text),
            "createdAt": JSONValue(snapshot.createdAt), "state": .string(snapshot.state.rawValue),
            "engine": RunView.engine(snapshot.engine), "repository": .string(snapshot.repository),
            "file": .string(file),
            "storedBytes": JSONValue(snapshot.storedBytes), "uncompressedBytes": JSONValue(snapshot.uncompressedBytes),
            "sha256": .string(snapshot.sha256), "documents": JSONValue(snapshot.documents),
            "namespaceCount": JSONValue(snapshot.namespaceCount), "verifiedAt": JSONValue(snapshot.verifiedAt),
            "pinned": JSONValue(snapshot.pin?.holds(at: .now) ?? false),
            "consistency": .string(snapshot.consistency.rawValue),
            "serverVersion": JSONValue(snapshot.serverVersion),
        ]
    }

    static func json(_ namespace: SnapshotNamespace) -> JSONValue {
        .object([
            "namespace": .string(namespace.namespace.description), "type": .string(namespace.type),
            "documents": JSONValue(namespace.documents), "bytes": JSONValue(namespace.bytes),
            "crc64": .string(hex(namespace.crc64)), "indexes": JSONValue(namespace.indexes),
        ])
    }

    static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func details(_ snapshot: Snapshot, file: String, compression: String?) -> String {
        Details.text([
            ("snapshot", snapshot.id), ("job", snapshot.job), ("run", snapshot.run.text),
            ("created", Format.time(snapshot.createdAt)), ("state", snapshot.state.rawValue),
            ("verified", snapshot.verifiedAt.map { "read back and checked \(Format.time($0))" } ?? "not yet"),
            ("engine", "\(snapshot.engine.name) \(snapshot.engine.version)"),
            ("server", snapshot.serverVersion ?? "-"), ("consistency", snapshot.consistency.rawValue),
            ("file", file), ("stored", Format.bytes(snapshot.storedBytes)),
            ("uncompressed", Format.bytes(snapshot.uncompressedBytes)), ("compression", compression ?? "-"),
            ("sha256", snapshot.sha256),
            ("documents", Format.count(snapshot.documents)), ("pinned", pin(snapshot)),
        ])
    }

    private static func pin(_ snapshot: Snapshot) -> String {
        guard let pin = snapshot.pin, pin.holds(at: .now) else { return "no" }
        return pin.reason + (pin.until.map { " (until \(Format.time($0)))" } ?? "")
    }

    static func table(_ namespaces: [SnapshotNamespace]) -> String {
        var table = Table([
            ("NAMESPACE", .left), ("TYPE", .left), ("DOCUMENTS", .right), ("SIZE", .right), ("INDEXES", .right),
        ])
        for namespace in namespaces {
            table.add([
                namespace.namespace.description, namespace.type.isEmpty ? "special" : namespace.type,
                Format.count(namespace.documents), Format.bytes(namespace.bytes), String(namespace.indexes),
            ])
        }
        return table.text
    }
}
