import BackupModel
import GRDB

/// Turns what SQLite says into what a person can act upon. It branches on codes, never on texts.
enum CatalogFailure {
    static func describe(_ error: any Error, verb: String, path: String) -> BackupError {
        let cannot = "cannot \(verb) catalog '\(path.escapedForDisplay)'"
        switch error {
        case let error as BackupError:
            return error
        case let error as DamagedRow:
            return BackupError(.catalogFailed, "\(cannot): \(error)", hint: damageHint)
        case let error as DatabaseError:
            return describe(error, cannot: cannot)
        default:
            return BackupError(.catalogFailed, "\(cannot): \("\(error)".escapedForDisplay)")
        }
    }

    static let damageHint =
        "put back a copy of the catalog; the archives and manifests in the repository are not affected by this."

    private static func describe(_ error: DatabaseError, cannot: String) -> BackupError {
        let reason = (error.message ?? "SQLite error \(error.extendedResultCode.rawValue)").escapedForDisplay
        switch error.resultCode {
        case .SQLITE_FULL:
            return BackupError(
                .storageFull, "\(cannot): no space is left", hint: "free space on its file system and try again.")
        case .SQLITE_READONLY:
            return BackupError(
                .storageReadOnly, "\(cannot): it cannot be written to",
                hint: "its file, its folder and their file system must be writable for the user who runs backupctl.")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return BackupError(
                .locked, "\(cannot): another process holds it", hint: "try again; no wait there should be that long.")
        case .SQLITE_CANTOPEN, .SQLITE_PERM:
            return BackupError(
                .storageFailed, "\(cannot): \(reason)",
                hint: "the file and its folder must be readable and writable for the user who runs backupctl.")
        case .SQLITE_IOERR:
            return BackupError(.storageFailed, "\(cannot): \(reason)")
        case .SQLITE_CORRUPT:
            return BackupError(.catalogFailed, "\(cannot): the file is damaged: \(reason)", hint: damageHint)
        case .SQLITE_NOTADB:
            return notACatalog(cannot)
        case .SQLITE_CONSTRAINT:
            return BackupError(.catalogFailed, "\(cannot): refusing a wrong history: \(reason)")
        default:
            return BackupError(.catalogFailed, "\(cannot): \(reason)")
        }
    }

    static func notACatalog(_ cannot: String) -> BackupError {
        BackupError(
            .catalogFailed, "\(cannot): the file is not a catalog of backupctl",
            hint: "name another state directory with --state-dir, or move the file away.")
    }
}
