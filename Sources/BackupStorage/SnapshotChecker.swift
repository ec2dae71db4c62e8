import BackupModel
package import BackupPipeline
import MongoArchive

/// Reads a stored archive back, from its first byte to its last, and compares it with its manifest.
package enum SnapshotChecker {
    /// All that is wrong, in words; empty when the file is what the manifest says. Throws only what `check` throws and
    /// what keeps the file from being read at all. `check` is called often, for progress and to cancel: it gets the
    /// number of uncompressed bytes that were read since its last call. `workers` threads inflate; nil: one for each
    /// processor. `sink` gets the archive while it is read, unproved, and is finished when it was read to its end.
    package static func problems(
        of file: any StoredFile, _ manifest: SnapshotManifest, workers: Int? = nil,
        into sink: (any ByteSink)? = nil, check: (Int) throws -> Void = { _ in }
    ) throws -> [String] {
        let found = try read(file, manifest, acceptsForeign: true, workers: workers, into: sink, check: check)
        guard let digest = found.sha256, digest != manifest.sha256 else { return found.problems }
        return ["the file's SHA-256 does not match"] + found.problems
    }

    /// The manifest of a file that was just written, with the SHA-256 of what was read back. Throws when that is not the
    /// archive of which the manifest was made: each member of the file has a CRC-32, each namespace a CRC-64, and the
    /// members' headers must be as we write them.
    package static func sealed(
        _ manifest: SnapshotManifest, by file: any StoredFile, workers: Int? = nil,
        check: (Int) throws -> Void = { _ in }
    ) throws -> SnapshotManifest {
        let found = try read(file, manifest, acceptsForeign: false, workers: workers, into: nil, check: check)
        guard let digest = found.sha256, found.problems.isEmpty else { throw damaged(manifest, found.problems) }
        var manifest = manifest
        manifest.sha256 = digest
        return manifest
    }

    /// Reads it all. The digest is nil for a file of another size, which is not read.
    private static func read(
        _ file: any StoredFile, _ manifest: SnapshotManifest, acceptsForeign: Bool, workers: Int?,
        into sink: (any ByteSink)?, check: (Int) throws -> Void
    ) throws -> (problems: [String], sha256: String?) {
        guard file.size == UInt64(clamping: manifest.storedBytes) else {
            return (["the file has \(file.size) bytes, not \(manifest.storedBytes)"], nil)
        }
        let stored = DigestSource(file.source())
        var problems: [String] = []
        let index = IndexStage(into: sink)
        do {
            let source = try GunzipSource(
                stored, limit: UInt64(clamping: manifest.uncompressedBytes), acceptsForeign: acceptsForeign,
                workers: workers)
            try read(source, into: index, check: check)
            problems += compare(index.index, manifest)
        } catch let error as GzipError {
            problems.append("\(error)")
        } catch let error as ArchiveError {
            problems.append("archive: \(error)")
        }
        // What the damage hid is part of the digest, too.
        try drain(stored, check: check)
        return (problems, stored.hexDigest)
    }

    /// The same as an error, for those who need the file to be good.
    package static func require(
        _ file: any StoredFile, _ manifest: SnapshotManifest, workers: Int? = nil,
        into sink: (any ByteSink)? = nil, check: (Int) throws -> Void = { _ in }
    ) throws {
        let problems = try problems(of: file, manifest, workers: workers, into: sink, check: check)
        if !problems.isEmpty { throw damaged(manifest, problems) }
    }

    private static func damaged(_ manifest: SnapshotManifest, _ problems: [String]) -> BackupError {
        let first = problems.first ?? "it could not be read"
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        return BackupError(
            .snapshotDamaged, "cannot trust snapshot '\(manifest.snapshotId)': it is damaged: \(first)\(more)")
    }

    private static func read(
        _ source: GunzipSource, into index: IndexStage, check: (Int) throws -> Void
    ) throws {
        // The digest is read on after this: no thread of the source may be using it then.
        defer { source.abandon() }
        try source.forEachPiece { piece in
            try check(piece.count)
            try index.write(piece)
        }
        try index.finish()
    }

    private static func drain(_ source: DigestSource, check: (Int) throws -> Void) throws {
        try source.forEachPiece { _ in try check(0) }
    }

    /// Throws unless the file is, byte by byte, the one that was read back and found to be good when the manifest was
    /// published: a third of the work of reading what is in it. `check` gets the number of stored bytes.
    package static func requireUnchanged(
        _ file: any StoredFile, _ manifest: SnapshotManifest, check: (Int) throws -> Void = { _ in }
    ) throws {
        var problem: String?
        if file.size == UInt64(clamping: manifest.storedBytes) {
            let stored = DigestSource(file.source())
            try stored.forEachPiece { try check($0.count) }
            if stored.hexDigest != manifest.sha256 { problem = "the file's SHA-256 does not match" }
        } else {
            problem = "the file has \(file.size) bytes, not \(manifest.storedBytes)"
        }
        if let problem { throw damaged(manifest, [problem]) }
    }

    private static func compare(_ index: ArchiveIndex, _ manifest: SnapshotManifest) -> [String] {
        var problems: [String] = []
        if UInt64(clamping: manifest.uncompressedBytes) != index.length {
            problems.append("the archive has \(index.length) bytes uncompressed, not \(manifest.uncompressedBytes)")
        }
        if manifest.prelude.length != index.preludeLength {
            problems.append("the prelude has \(index.preludeLength) bytes, not \(manifest.prelude.length)")
        }
        var found: [Namespace: NamespaceIndex] = [:]
        for entry in index.namespaces { found[entry.namespace] = entry }
        for expected in manifest.namespaces {
            let name = expected.namespace.description.escapedForDisplay
            guard let entry = found.removeValue(forKey: expected.namespace) else {
                problems.append("namespace '\(name)' is not in the archive")
                continue
            }
            problems += compare(entry, expected).map { "namespace '\(name)' \($0)" }
        }
        for name in found.keys.sorted() {
            problems.append("namespace '\(name.description.escapedForDisplay)' is not in the manifest")
        }
        return problems
    }

    private static func compare(_ found: NamespaceIndex, _ expected: SnapshotManifest.NamespaceEntry) -> [String] {
        var problems: [String] = []
        if found.documents != expected.documents {
            problems.append("has \(found.documents) documents, not \(expected.documents)")
        }
        if found.bytes != expected.bytes { problems.append("has \(found.bytes) bytes, not \(expected.bytes)") }
        if found.crc64 != expected.crc64 {
            problems.append("has the checksum \(found.crc64.hexadecimal), not \(expected.crc64.hexadecimal)")
        }
        if found.kind.rawValue != expected.type {
            problems.append("is of type '\(found.kind.rawValue)', not '\(expected.type.escapedForDisplay)'")
        }
        if found.indexes != expected.indexes {
            problems.append("has \(found.indexes) indexes, not \(expected.indexes)")
        }
        if found.dataNamespace != expected.dataNamespace {
            problems.append("lies in '\(found.dataNamespace.description.escapedForDisplay)'")
        }
        if let ranges = expected.ranges, ranges.map({ $0.offset..<($0.offset + $0.length) }) != found.ranges {
            problems.append("does not lie where the manifest says")
        }
        return problems
    }
}
