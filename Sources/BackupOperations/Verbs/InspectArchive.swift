package import BackupModel
import BackupPipeline
import MongoArchive

/// What an archive file holds, read from its first byte to its last.
package struct InspectedArchive: Sendable {
    package var path: String
    package var storedBytes: Int64
    package var uncompressedBytes: Int64
    package var sha256: String
    package var serverVersion: String?
    package var toolVersion: String?
    package var namespaces: [SnapshotNamespace]
    let index: ArchiveIndex

    package var documents: Int64 { namespaces.reduce(0) { $0 &+ $1.documents } }
}

/// Walks an archive of anyone's mongodump, gzip or plain, and throws unless every byte of it is as it must be.
package struct InspectArchive {
    private let progress: RunProgress

    package init(progress: RunProgress) {
        self.progress = progress
    }

    package func inspect(path: String) throws -> InspectedArchive {
        try inspect(Self.open(path), path: path)
    }

    /// The file, if its first bytes are those of an archive.
    static func open(_ path: String) throws -> DiskFile {
        let file = try DiskFile(path: path)
        _ = try PlainOrGzipSource.detect(file.source(0..<min(file.size, 64)), name: path)
        return file
    }

    func inspect(_ file: any StoredFile, path: String) throws -> InspectedArchive {
        progress.enter(.checking)
        let stored = DigestSource(file.source())
        let stage = IndexStage()
        do {
            let detected = try PlainOrGzipSource.detect(stored, name: path)
            try detected.archive.copy(
                to: CountingStage(into: stage) { [progress] count in
                    try progress.cancellation.check()
                    progress.checked(bytes: Int64(count))
                })
            try stage.finish()
        } catch {
            throw BackupError(reading: path, error)
        }
        let index = stage.index
        return InspectedArchive(
            path: path, storedBytes: Int64(clamping: file.size), uncompressedBytes: Int64(clamping: index.length),
            sha256: stored.hexDigest, serverVersion: index.header.serverVersion, toolVersion: index.header.toolVersion,
            namespaces: index.namespaces.map(SnapshotNamespace.init), index: index)
    }
}

extension SnapshotNamespace {
    init(_ entry: NamespaceIndex) {
        self.init(
            namespace: entry.namespace, type: entry.kind.rawValue, documents: entry.documents, bytes: entry.bytes,
            crc64: entry.crc64, indexes: entry.indexes)
    }
}
