package import BackupModel
package import BackupPipeline
import Glibc

// Making snapshots. The order of the calls is the promise (`FORMAT.md`): at every point where it can stop, there is
// either no snapshot, or a whole one.
extension DirectoryRepository {
    package func createIncoming(for run: RunID) throws -> any IncomingFile {
        try checkBeforeWriting()
        do {
            let folder = try root.folder(Self.incomingFolder).folder
            return try DirectoryIncomingFile(run: run, in: folder, repository: name)
        } catch {
            throw BackupError.storage("write to repository", name, error)
        }
    }

    package func publish(
        _ incoming: any IncomingFile, prove: (any StoredFile) throws -> SnapshotManifest
    ) throws -> PublishedSnapshot {
        guard let file = incoming as? DirectoryIncomingFile, file.isFinished else {
            throw BackupError(.storageFailed, "cannot publish the file of run '\(incoming.run)': it is not finished")
        }
        try checkBeforeWriting()
        let published: PublishedSnapshot
        do {
            guard let incomingFolder = try root.existingFolder(Self.incomingFolder),
                let stored = try incomingFolder.existingFile(file.run.text), stored.size == file.writtenBytes
            else { throw BackupError(.storageFailed, "cannot publish the file of run '\(file.run)': it is gone") }
            let manifest = try prove(UncachedFile(stored))
            let location = try SnapshotLocation(job: manifest.job, run: manifest.run)
            let bytes = try fileBytes(manifest, of: file)
            // The proof may have taken hours.
            try checkBeforeWriting()
            try incomingFolder.writeFile(Self.manifestName(of: file.run), bytes)
            try commit(location, incomingFolder)
            published = PublishedSnapshot(location: location, manifestSHA256: sha256(bytes))
        } catch {
            throw BackupError.storage("write to repository", name, error)
        }
        file.close()
        return published
    }

    static func manifestName(of run: RunID) -> String { run.text + ".manifest" }

    /// The manifest's bytes, if it is of this file and can be read again.
    private func fileBytes(_ manifest: SnapshotManifest, of file: DirectoryIncomingFile) throws -> [UInt8] {
        guard manifest.run == file.run, UInt64(exactly: manifest.storedBytes) == file.writtenBytes,
            manifest.repositoryId == repositoryId
        else {
            throw BackupError(
                .storageFailed, "cannot publish snapshot '\(manifest.snapshotId)': its manifest is not that of the file"
            )
        }
        let bytes = try manifest.fileBytes()
        guard try SnapshotManifest(fileBytes: bytes, path: manifest.snapshotId) == manifest else {
            throw BackupError(
                .failed, "cannot publish snapshot '\(manifest.snapshotId)': its manifest does not read back the same")
        }
        return bytes
    }

    /// From two files in the folder of unfinished ones to a snapshot.
    private func commit(_ location: SnapshotLocation, _ incoming: Folder) throws {
        let job = try root.folder(location.job.text)
        let year = try job.folder.folder(location.year)
        let calls = root.calls
        let (source, target) = (incoming.descriptor, year.folder.descriptor)
        let manifest = Self.manifestName(of: location.run)
        try calls.renameNew(location.run.text, in: source, to: location.archiveName, in: target)
        do {
            try calls.renameNew(manifest, in: source, to: location.manifestName, in: target)
        } catch {
            // Only the archive is ours here: a manifest of that name, if there is one, was there before.
            _ = try? year.folder.remove(location.archiveName)
            throw error
        }
        do {
            try year.folder.sync()
            if year.isNew { try job.folder.sync() }
            if job.isNew { try root.sync() }
            try incoming.sync()
        } catch {
            // Nobody knows whether the names are on the disk. The run fails, so there must be no snapshot of it.
            _ = try? year.folder.remove(location.manifestName)
            _ = try? year.folder.remove(location.archiveName)
            throw error
        }
    }
}
