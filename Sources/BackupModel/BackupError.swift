/// The one error that crosses module borders.
///
/// `message` says what could not be done, to which named thing, and why: lower case, no full stop, values in single
/// quotes, never a secret. `hint` is a sentence that says what to do next. `code` is stable: scripts and the exit
/// status depend on it.
package struct BackupError: Error, Sendable, Hashable, Codable {
    package var code: Code
    package var message: String
    package var hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension BackupError {
    package enum Code: String, Sendable, Codable, CaseIterable {
        // What is wrong in the command line itself.
        case usage
        case invalidName = "invalid-name"
        case invalidPattern = "invalid-pattern"
        case invalidURI = "invalid-uri"
        case invalidSchedule = "invalid-schedule"
        case invalidTimeZone = "invalid-time-zone"
        case invalidPolicy = "invalid-policy"
        // What was asked for is not there, or is in the way.
        case jobNotFound = "job-not-found"
        case jobExists = "job-exists"
        case snapshotNotFound = "snapshot-not-found"
        case runNotFound = "run-not-found"
        case noMatch = "no-match"
        case targetExists = "target-exists"
        case refused
        case locked
        // The secret or its file.
        case secretUnavailable = "secret-unavailable"
        // MongoDB.
        case serverUnreachable = "server-unreachable"
        case authenticationFailed = "authentication-failed"
        case notAuthorized = "not-authorized"
        case sourceNotFound = "source-not-found"
        case emptySource = "empty-source"
        case sourceChanged = "source-changed"
        case serverFailed = "server-failed"
        case unsupported
        // The programs that an engine runs.
        case toolNotFound = "tool-not-found"
        case toolRefused = "tool-refused"
        case toolFailed = "tool-failed"
        // Archives and snapshots.
        case notAnArchive = "not-an-archive"
        case archiveDamaged = "archive-damaged"
        case snapshotDamaged = "snapshot-damaged"
        case snapshotMissing = "snapshot-missing"
        /// It is stored and whole, and the catalog could not be told.
        case snapshotUnlisted = "snapshot-unlisted"
        // Where they lie.
        case noRepository = "no-repository"
        case storageFull = "storage-full"
        case storageReadOnly = "storage-read-only"
        case storageFailed = "storage-failed"
        case catalogFailed = "catalog-failed"
        case catalogTooNew = "catalog-too-new"
        /// The system's file for a time zone.
        case timeZoneDamaged = "time-zone-damaged"
        // How a run ended.
        /// The instant passed without a start.
        case missed
        /// The job was busy at the instant.
        case skipped
        case incomplete
        case cancelled
        case interrupted
        case timedOut = "timed-out"
        case failed
    }
}

extension BackupError.Code {
    /// The process's exit status for this code (`DESIGN.md`, section 9).
    package var exitStatus: Int32 {
        switch self {
        case .usage, .invalidName, .invalidPattern, .invalidURI, .invalidSchedule, .invalidTimeZone, .invalidPolicy: 64
        case .incomplete: 3
        case .noRepository: 10
        case .locked: 11
        case .cancelled: 130
        default: 1
        }
    }
}

extension BackupError: CustomStringConvertible {
    package var description: String { message }
}
