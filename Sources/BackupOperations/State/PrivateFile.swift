import BackupModel
import Foundation

/// Files and directories that only their owner may read, whatever the umask says.
enum PrivateFile {
    /// Makes a directory with mode 0700 and its parents, or checks the one that is there.
    static func makeDirectory(_ path: String) throws {
        if let failure = makeWithParents(path) {
            throw BackupError(
                storageCode(failure), "cannot make directory '\(path)': \(failure)",
                hint: "give another place with --state-dir DIR.")
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw BackupError(.storageFailed, "cannot use '\(path)': it is not a directory")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0, status.st_mode & 0o022 == 0 else {
            throw BackupError(
                .refused, "refusing to use directory '\(path)': others can write to it",
                hint: "run 'chmod 700 \(path)', and 'chown' if it belongs to another user.")
        }
        guard status.st_mode & 0o077 != 0 else { return }
        // Only what is ours is tightened: a directory that somebody named by mistake keeps its mode.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? ["?"]
        guard names.isEmpty || names.contains("catalog.sqlite"), chmod(path, 0o700) == 0 else {
            throw BackupError(
                .refused, "refusing to use directory '\(path)': others can read it, and it holds other things",
                hint: "name a directory of its own, or run 'chmod 700 \(path)'.")
        }
    }

    private static func makeWithParents(_ path: String) -> POSIXFailure? {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return nil }
        let failure = POSIXFailure(errno)
        guard failure.number == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            return failure
        }
        if let above = makeWithParents(String(path[..<slash])) { return above }
        return mkdir(path, 0o700) == 0 || errno == EEXIST ? nil : POSIXFailure(errno)
    }

    /// Writes a small file of mode 0600 so that it is there whole or not at all.
    static func write(_ text: String, to path: String) throws {
        let temporary = "\(path).\(getpid()).new"
        do {
            unlink(temporary)
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw POSIXFailure(errno) }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try handle.write(contentsOf: Data(text.utf8))
            guard fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else { throw POSIXFailure(errno) }
            guard rename(temporary, path) == 0 else { throw POSIXFailure(errno) }
            try syncDirectory(of: path)
        } catch {
            unlink(temporary)
            throw BackupError(storageCode(error), "cannot write '\(path)': \(reason(error))")
        }
    }

    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw BackupError(
                storageCode(POSIXFailure(errno)), "cannot remove '\(path)': \(reason(POSIXFailure(errno)))")
        }
    }

    private static func syncDirectory(of path: String) throws {
        let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let descriptor = open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw POSIXFailure(errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw POSIXFailure(errno) }
    }

    static func storageCode(_ error: any Error) -> BackupError.Code {
        switch POSIXFailure(error)?.number {
        case ENOSPC, EDQUOT: .storageFull
        case EROFS, EACCES, EPERM: .storageReadOnly
        default: .storageFailed
        }
    }

    static func reason(_ error: any Error) -> String {
        guard let failure = POSIXFailure(error) else { return error.localizedDescription }
        return failure.description
    }
}

/// An `errno` as an error.
struct POSIXFailure: Error, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    /// The `errno` in an error of ours or of Foundation's.
    init?(_ error: any Error) {
        if let own = error as? POSIXFailure {
            self = own
            return
        }
        let error = error as NSError
        let posix = error.domain == NSPOSIXErrorDomain ? error : error.userInfo[NSUnderlyingErrorKey] as? NSError
        guard let posix, posix.domain == NSPOSIXErrorDomain else { return nil }
        number = Int32(posix.code)
    }

    var description: String {
        let text = String(cString: strerror(number))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
