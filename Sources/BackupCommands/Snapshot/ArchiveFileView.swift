import BackupModel
import BackupOperations

/// How an archive file that is no snapshot of ours is shown.
enum ArchiveFileView {
    static func json(_ file: InspectedArchive) -> JSONValue {
        .object([
            "id": .null, "job": .null, "run": .null, "createdAt": .null, "state": "good",
            "engine": .object(["name": "mongodump", "version": JSONValue(file.toolVersion)]), "repository": .null,
            "file": .string(file.path), "storedBytes": JSONValue(file.storedBytes),
            "uncompressedBytes": JSONValue(file.uncompressedBytes), "sha256": .string(file.sha256),
            "documents": JSONValue(file.documents), "namespaceCount": JSONValue(file.namespaces.count),
            "verifiedAt": .null, "pinned": false, "consistency": .null,
            "serverVersion": JSONValue(file.serverVersion), "compression": .null,
            "namespaces": .array(file.namespaces.map(SnapshotView.json)),
        ])
    }

    static func details(_ file: InspectedArchive) -> String {
        Details.text([
            ("file", file.path), ("state", "whole: read to its end, every checksum is right"),
            ("made by", file.toolVersion ?? "-"), ("server", file.serverVersion ?? "-"),
            ("stored", Format.bytes(file.storedBytes)), ("uncompressed", Format.bytes(file.uncompressedBytes)),
            ("sha256", file.sha256), ("documents", Format.count(file.documents)),
        ])
    }
}
