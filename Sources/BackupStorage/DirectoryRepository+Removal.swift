package import BackupModel
import BackupPipeline
import Glibc

// Removing: only plain files, only under names that are made here, never a folder.
extension DirectoryRepository {
    package func delete(_ location: SnapshotLocation, prove: (StoredPair) throws -> Void) throws {
        try checkBeforeWriting()
        guard let folder = try yearFolder(of: location) else {
            return try prove(StoredPair(manifestSHA256: nil, archiveBytes: nil))
        }
        // Both must be files before one of them goes.
        let manifest = try folder.existingFile(location.manifestName)
        let archive = try folder.existingFile(location.archiveName, toLock: true)
        do {
            if let archive { try folder.lockAlone(archive.descriptor) }
            let digest = try manifest.map { try sha256($0.source().collect(limit: SnapshotManifest.largestFile)) }
            try prove(StoredPair(manifestSHA256: digest, archiveBytes: archive?.size))
            try folder.remove(location.manifestName, ifStill: manifest)
            try folder.remove(location.archiveName, ifStill: archive)
            try folder.sync()
        } catch let error as CallFailed where error.code == EWOULDBLOCK {
            throw BackupError(
                .locked, "cannot delete snapshot '\(location.id)': its archive is being read",
                hint: "try again once the restore or the check has ended.")
        } catch {
            throw BackupError.storage("delete from repository", name, error)
        }
    }

    package func incomingRuns() throws -> [RunID] {
        guard let folder = try root.existingFolder(Self.incomingFolder) else { return [] }
        return Set(try folder.names().compactMap(Self.run(ofIncoming:))).sorted()
    }

    package func sweepIncoming(keeping keeps: (RunID) -> Bool) throws -> [RunID] {
        try checkBeforeWriting()
        guard let folder = try root.existingFolder(Self.incomingFolder) else { return [] }
        var swept: [RunID] = []
        var failure: (any Error)?
        for run in try incomingRuns() where !keeps(run) {
            // One that resists must not keep the others.
            do { if try sweep(run, folder) { swept.append(run) } } catch { failure = failure ?? error }
        }
        do {
            if !swept.isEmpty { try folder.sync() }
            if let failure { throw failure }
        } catch {
            throw BackupError.storage("sweep repository", name, error)
        }
        return swept
    }

    private static func run(ofIncoming name: String) -> RunID? {
        RunID(name.hasSuffix(".manifest") ? String(name.dropLast(".manifest".count)) : name)
    }

    /// Removes what the run left; false when a living process still writes its file.
    private func sweep(_ run: RunID, _ folder: Folder) throws -> Bool {
        let manifest = Self.manifestName(of: run)
        _ = try folder.fileSize(manifest)
        if let file = try folder.existingFile(run.text, toLock: true) {
            do {
                try folder.lockAlone(file.descriptor)
            } catch let error as CallFailed where error.code == EWOULDBLOCK {
                return false
            }
        } else {
            try removeUncommittedArchive(run, folder)
        }
        // The manifest goes last: it is what tells of an archive that was renamed already.
        try folder.remove(run.text)
        try folder.remove(manifest)
        return true
    }

    /// A run that stopped between the two renames has its archive in place and its manifest still among the unfinished
    /// files. Without a manifest in place that archive was never a snapshot.
    private func removeUncommittedArchive(_ run: RunID, _ folder: Folder) throws {
        guard let file = try folder.existingFile(Self.manifestName(of: run)),
            let manifest = try? SnapshotManifest(reading: file), manifest.run == run,
            manifest.repositoryId == repositoryId
        else { return }
        let location = try SnapshotLocation(job: manifest.job, run: run)
        guard let year = try yearFolder(of: location), try year.fileSize(location.manifestName) == nil,
            let size = try year.fileSize(location.archiveName), size == UInt64(clamping: manifest.storedBytes)
        else { return }
        try year.remove(location.archiveName)
        try year.sync()
    }
}
