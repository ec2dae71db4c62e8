package import BackupModel

/// The names of one snapshot: its id, and where its two files lie below the root of a repository.
///
/// Every path in a repository is made here, from a job's name and a run's id that were checked; none is ever taken
/// from a manifest or a listing.
package struct SnapshotLocation: Hashable, Sendable {
    package let job: JobName
    package let run: RunID

    package init(job: JobName, run: RunID) throws {
        guard job.text != RepositoryMarker.fileName else {
            throw BackupError(.invalidName, "cannot use job name '\(job)': a repository has a file of that name")
        }
        self.job = job
        self.run = run
    }

    /// Reads a snapshot's id, `JOB-RUN`.
    package init(id: String) throws {
        let bytes = Array(id.utf8)
        guard bytes.count > Self.runLength + 1, bytes[bytes.count - Self.runLength - 1] == UInt8(ascii: "-"),
            let run = RunID(String(decoding: bytes.suffix(Self.runLength), as: UTF8.self)),
            let job = try? JobName(String(decoding: bytes.dropLast(Self.runLength + 1), as: UTF8.self))
        else {
            throw BackupError(.invalidName, "cannot use snapshot id '\(id.escapedForDisplay)': not of the form JOB-RUN")
        }
        try self.init(job: job, run: run)
    }

    /// `20260114T020000Z-k3f9`
    private static let runLength = 21
    static let archiveSuffix = ".archive.gz"
    static let manifestSuffix = ".manifest.json"

    package var id: String { "\(job)-\(run)" }
    package var year: String { String(run.text.prefix(4)) }
    package var archiveName: String { id + Self.archiveSuffix }
    package var manifestName: String { id + Self.manifestSuffix }

    /// The archive, relative to the root.
    package var archivePath: String { "\(job)/\(year)/\(archiveName)" }
    package var manifestPath: String { "\(job)/\(year)/\(manifestName)" }
}
