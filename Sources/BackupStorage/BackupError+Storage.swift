import BackupModel
import Glibc

extension BackupError {
    /// A refused call, under the code that says what is to be done: make room, give rights, or look at the disk.
    static func storage(_ action: String, _ path: String, _ error: any Error) -> BackupError {
        guard let error = error as? CallFailed else {
            return (error as? BackupError) ?? BackupError(.storageFailed, "cannot \(action) '\(path)': \(error)")
        }
        let message = "cannot \(action) '\(path)': \(error)"
        return switch error.code {
        case ENOSPC, EDQUOT:
            BackupError(.storageFull, message, hint: "free space there, then run the job again.")
        case EROFS, EACCES, EPERM: BackupError(.storageReadOnly, message)
        case ELOOP: BackupError(.storageFailed, message, hint: "a symbolic link is never followed in a repository.")
        default: BackupError(.storageFailed, message)
        }
    }
}
