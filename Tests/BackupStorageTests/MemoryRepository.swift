import BackupModel
import BackupPipeline
import BackupStorage
import Foundation

/// The same promises without a disk; `RepositoryConformance` holds it to them.
final class MemoryRepository: Repository {
    let name = "memory"
    let repositoryId = "00000000-0000-0000-0000-000000000001"
    private var archives: [SnapshotLocation: [UInt8]] = [:]
    private var manifests: [SnapshotLocation: [UInt8]] = [:]
    private var incoming: [RunID: Incoming] = [:]
    private var readers: [(SnapshotLocation, WeakFile)] = []

    private final class WeakFile {
        weak var file: MemoryFile?
        init(_ file: MemoryFile) { self.file = file }
    }

    /// What is left of an unfinished run; `writer` is gone when nobody works on it any more.
    private final class Incoming {
        var bytes: [UInt8] = []
        weak var writer: File?
    }

    private final class File: IncomingFile {
        let run: RunID
        let data: Incoming
        private(set) var isFinished = false
        private let remove: (RunID) -> Void

        init(run: RunID, data: Incoming, remove: @escaping (RunID) -> Void) {
            self.run = run
            self.data = data
            self.remove = remove
            data.writer = self
        }

        var writtenBytes: UInt64 { UInt64(data.bytes.count) }

        func write(_ bytes: UnsafeRawBufferPointer) throws {
            guard !isFinished else { throw BackupError(.storageFailed, "cannot write: the file is finished") }
            data.bytes.append(contentsOf: bytes)
        }

        func finish() throws { isFinished = true }

        func discard() throws {
            isFinished = false
            remove(run)
        }
    }

    func createIncoming(for run: RunID) throws -> any IncomingFile {
        guard incoming[run] == nil else { throw BackupError(.storageFailed, "cannot write: run '\(run)' has a file") }
        let data = Incoming()
        incoming[run] = data
        return File(run: run, data: data) { [weak self] in self?.incoming[$0] = nil }
    }

    func publish(
        _ file: any IncomingFile, prove: (any StoredFile) throws -> SnapshotManifest
    ) throws -> PublishedSnapshot {
        guard let file = file as? File, file.isFinished, incoming[file.run] != nil else {
            throw BackupError(.storageFailed, "cannot publish: not a finished file")
        }
        let manifest = try prove(MemoryFile(file.data.bytes))
        let location = try SnapshotLocation(job: manifest.job, run: manifest.run)
        guard file.run == manifest.run, manifest.repositoryId == repositoryId,
            manifest.storedBytes == Int64(file.writtenBytes)
        else { throw BackupError(.storageFailed, "cannot publish: not this file's manifest") }
        guard archives[location] == nil, manifests[location] == nil else {
            throw BackupError(.storageFailed, "cannot publish: there is one already")
        }
        let bytes = try manifest.fileBytes()
        guard try SnapshotManifest(fileBytes: bytes, path: location.id) == manifest else {
            throw BackupError(.failed, "cannot publish: the manifest does not read back the same")
        }
        archives[location] = file.data.bytes
        manifests[location] = bytes
        incoming[file.run] = nil
        return PublishedSnapshot(location: location, manifestSHA256: sha256(bytes))
    }

    func snapshots() -> [SnapshotEntry] {
        Set(archives.keys).union(manifests.keys).sorted { $0.id < $1.id }.map {
            SnapshotEntry(
                location: $0, hasManifest: manifests[$0] != nil, archiveBytes: archives[$0].map { UInt64($0.count) })
        }
    }

    func manifest(of location: SnapshotLocation) throws -> ReadManifest {
        guard let bytes = manifests[location] else {
            throw BackupError(.snapshotMissing, "cannot read '\(location.id)'")
        }
        return ReadManifest(manifest: try SnapshotManifest(fileBytes: bytes, path: location.id), sha256: sha256(bytes))
    }

    func openArchive(_ location: SnapshotLocation) throws -> any StoredFile {
        guard let bytes = archives[location] else {
            throw BackupError(.snapshotMissing, "cannot read '\(location.id)'")
        }
        let file = MemoryFile(bytes)
        readers.append((location, WeakFile(file)))
        return file
    }

    func delete(_ location: SnapshotLocation, prove: (StoredPair) throws -> Void) throws {
        guard !readers.contains(where: { $0.0 == location && $0.1.file != nil }) else {
            throw BackupError(.locked, "cannot delete '\(location.id)': it is being read")
        }
        let pair = StoredPair(
            manifestSHA256: manifests[location].map { sha256($0) },
            archiveBytes: archives[location].map { UInt64($0.count) })
        try prove(pair)
        manifests[location] = nil
        archives[location] = nil
    }

    func incomingRuns() -> [RunID] { incoming.keys.sorted() }

    func sweepIncoming(keeping keeps: (RunID) -> Bool) throws -> [RunID] {
        let swept = incoming.filter { !keeps($0.key) && $0.value.writer == nil }.keys.sorted()
        for run in swept { incoming[run] = nil }
        return swept
    }
}
