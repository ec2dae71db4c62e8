package import BackupModel
package import BackupPipeline

/// Where snapshots lie.
///
/// A snapshot is there from the moment its manifest has its final name, and only with everything that the manifest
/// says already safe on the disk. Every act can be killed at any point and repeated. Mutating calls refuse when the
/// repository's marker is gone or another one, as it is when the disk is not mounted.
package protocol Repository: AnyObject {
    /// What messages call it.
    var name: String { get }
    /// The id that manifests carry.
    var repositoryId: String { get }

    /// Begins a file for the run's archive; refuses when the run has one already.
    func createIncoming(for run: RunID) throws -> any IncomingFile

    /// Makes a finished file and its manifest a snapshot. `prove` reads the stored file back and gives the manifest of
    /// what it found; it throws when that is not what it must be, and nothing is published. After a throw there is no
    /// snapshot.
    func publish(
        _ incoming: any IncomingFile, prove: (any StoredFile) throws -> SnapshotManifest
    ) throws -> PublishedSnapshot

    /// What is there, in the order of the ids: by names alone, no manifest is read.
    func snapshots() throws -> [SnapshotEntry]
    func manifest(of location: SnapshotLocation) throws -> ReadManifest
    /// The archive; held against deletion as long as the file is in use.
    func openArchive(_ location: SnapshotLocation) throws -> any StoredFile
    /// Removes the manifest, then the archive. Whatever of the two is gone already is no error; a reader is.
    ///
    /// `prove` sees what lies there, held against readers, before the first of them goes; when it throws, both stay.
    func delete(_ location: SnapshotLocation, prove: (StoredPair) throws -> Void) throws

    /// Runs with something in the folder of unfinished files.
    func incomingRuns() throws -> [RunID]
    /// Removes what unfinished runs left, but for those to keep and those whose file is still being written. The runs
    /// that were swept.
    func sweepIncoming(keeping keeps: (RunID) -> Bool) throws -> [RunID]
}

extension Repository {
    package func delete(_ location: SnapshotLocation) throws { try delete(location) { _ in } }
}

/// What lies under the two names of a snapshot; nil for what is not there.
package struct StoredPair: Hashable, Sendable {
    /// SHA-256 of the manifest's file, whatever is in it.
    package var manifestSHA256: String?
    package var archiveBytes: UInt64?

    package init(manifestSHA256: String?, archiveBytes: UInt64?) {
        self.manifestSHA256 = manifestSHA256
        self.archiveBytes = archiveBytes
    }
}

/// An archive that is being written, and no snapshot yet. `finish` brings it to the disk; dropping it leaves the file
/// to the sweep.
package protocol IncomingFile: ByteSink {
    var run: RunID { get }
    var writtenBytes: UInt64 { get }
    /// Removes it at once: the run failed or was cancelled.
    func discard() throws
}

package struct PublishedSnapshot: Hashable, Sendable {
    package var location: SnapshotLocation
    /// SHA-256 of the manifest's file.
    package var manifestSHA256: String

    package init(location: SnapshotLocation, manifestSHA256: String) {
        self.location = location
        self.manifestSHA256 = manifestSHA256
    }
}

/// One snapshot, by the names of its files.
package struct SnapshotEntry: Hashable, Sendable {
    package var location: SnapshotLocation
    package var hasManifest: Bool
    /// The size of the archive; nil when it is missing.
    package var archiveBytes: UInt64?

    package init(location: SnapshotLocation, hasManifest: Bool, archiveBytes: UInt64?) {
        self.location = location
        self.hasManifest = hasManifest
        self.archiveBytes = archiveBytes
    }
}

package struct ReadManifest: Hashable, Sendable {
    package var manifest: SnapshotManifest
    /// SHA-256 of its file.
    package var sha256: String

    package init(manifest: SnapshotManifest, sha256: String) {
        self.manifest = manifest
        self.sha256 = sha256
    }
}
