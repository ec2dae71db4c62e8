import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A catalog's file as the file system has it: there, regular, and for its owner's eyes only.
///
/// A file that SQLite may have open is never opened here: closing it would drop the locks that SQLite holds on it in
/// this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
struct CatalogFile {
    let path: String

    /// Which file it is, whatever its name.
    struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    /// Nil when there is none.
    func identity() throws -> Identity? {
        try status(of: path).map { Identity(device: UInt64($0.st_dev), inode: UInt64($0.st_ino)) }
    }

    /// Makes an empty file of mode 0600 unless there is one, whatever the umask; SQLite gives the mode of the file to
    /// the two beside it. Refuses a `-wal` whose database is gone: SQLite would take the empty file and drop the rest.
    func prepare() throws {
        let wal = try status(of: path + "-wal")
        guard let file = try status(of: path) else {
            guard wal == nil || wal?.st_size == 0 else { throw walAlone() }
            return try create()
        }
        guard file.st_mode & S_IFMT == S_IFREG else {
            throw BackupError(.catalogFailed, "\(cannotOpen): it is not a regular file")
        }
        guard file.st_size > 0 || wal == nil || wal?.st_size == 0 else { throw walAlone() }
        // SQLite would say "unable to open" and no more.
        for name in [folder, path] {
            guard access(name, R_OK | W_OK) == 0 else { throw failure(errno) }
        }
        try tighten()
    }

    /// Takes all rights from group and others that a careless copy may have given them.
    func tighten() throws {
        for name in [path, path + "-wal", path + "-shm"] {
            guard let file = try status(of: name), file.st_mode & 0o077 != 0 else { continue }
            guard chmod(name, 0o600) == 0 || errno == ENOENT else { throw failure(errno) }
        }
    }

    /// Without opening it, for the reason above. Another process may be faster.
    func create() throws {
        guard mknod(path, S_IFREG | 0o600, 0) == 0 else {
            if errno == EEXIST { return }
            throw failure(errno)
        }
        guard chmod(path, 0o600) == 0 || errno == ENOENT else { throw failure(errno) }
    }

    func remove() throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure(errno) }
    }

    /// For a file that no connection has open.
    func flush() throws {
        try Self.flush(path, failure)
    }

    func rename(to name: String) throws {
        guard Foundation.rename(path, name) == 0 else { throw failure(errno) }
        try Self.flush(folder, failure)
    }

    private static func flush(_ path: String, _ failure: (Int32) -> BackupError) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(errno) }
    }

    private func status(of name: String) throws -> stat? {
        var result = stat()
        if stat(name, &result) == 0 { return result }
        if errno == ENOENT { return nil }
        throw failure(errno)
    }

    private var folder: String { (path as NSString).deletingLastPathComponent }

    private var cannotOpen: String { "cannot open catalog '\(path.escapedForDisplay)'" }

    private func walAlone() -> BackupError {
        BackupError(
            .catalogFailed,
            "\(cannotOpen): it is missing or empty, but what was last written to it is in '-wal' beside it",
            hint: "put the file back, or move the one that ends in '-wal' away to begin with an empty catalog.")
    }

    private func failure(_ code: Int32) -> BackupError {
        let reason = "\(cannotOpen): \(String(cString: strerror(code)).lowercased())"
        switch code {
        case ENOSPC, EDQUOT:
            return BackupError(.storageFull, reason, hint: "free space on its file system and try again.")
        case EROFS:
            return BackupError(.storageReadOnly, reason, hint: "name another state directory with --state-dir.")
        case ENOENT, ENOTDIR:
            return BackupError(.storageFailed, reason, hint: "its folder must be there: see --state-dir.")
        case EACCES, EPERM:
            return BackupError(
                .storageFailed, reason,
                hint: "the file and its folder must be readable and writable for the user who runs backupctl.")
        default:
            return BackupError(.storageFailed, reason)
        }
    }
}
