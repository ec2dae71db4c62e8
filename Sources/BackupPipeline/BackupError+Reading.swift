package import BackupModel
import MongoArchive

extension BackupError {
    /// What went wrong while the named archive or snapshot was read, under a stable code. Errors that have one already
    /// keep it; what the streams of this module and the archive's reader throw becomes `damaged`.
    package init(reading name: String, _ error: any Error, damaged: Code = .archiveDamaged) {
        switch error {
        case let error as BackupError:
            self = error
        case let error as GzipError where error.kind == .notGzip:
            self.init(.notAnArchive, "cannot read '\(name)': \(error)")
        case let error as ArchiveError where error.kind == .notAnArchive:
            self.init(.notAnArchive, "cannot read '\(name)': \(error)")
        case is GzipError, is ArchiveError, is StoredRangesMismatch, is StreamTooLong:
            self.init(damaged, "cannot read '\(name)': \(error)")
        default:
            self.init(.failed, "cannot read '\(name)': \(error)")
        }
    }
}
