import BackupModel
import BackupPipeline
import Glibc

/// A held directory: everything in it is reached from its descriptor, by a plain name, following no link.
///
/// Whoever replaces a directory on the way with a link after it was opened changes nothing for us.
final class Folder {
    let path: String
    let descriptor: Int32
    let calls: any FileCalls

    /// Opens what the user named: here, and nowhere below, a link is followed.
    init(root path: String, calls: any FileCalls) throws {
        self.path = path
        self.calls = calls
        descriptor = try calls.openDirectory(path: path)
    }

    private init(path: String, descriptor: Int32, calls: any FileCalls) {
        self.path = path
        self.descriptor = descriptor
        self.calls = calls
    }

    deinit { calls.close(descriptor) }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// The folder of that name, or nil when there is none.
    func existingFolder(_ name: String) throws -> Folder? {
        do {
            let descriptor = try calls.open(name, in: descriptor, flags: O_RDONLY | O_DIRECTORY, mode: 0)
            let folder = Folder(path: path(of: name), descriptor: descriptor, calls: calls)
            try folder.checkOwner()
            return folder
        } catch let error as CallFailed where error.code == ENOENT {
            return nil
        } catch {
            throw BackupError.storage("open", path(of: name), error)
        }
    }

    /// The folder of that name, made with mode 0700 when there is none.
    func folder(_ name: String) throws -> (folder: Folder, isNew: Bool) {
        if let folder = try existingFolder(name) { return (folder, false) }
        do { try calls.makeFolder(name, in: descriptor) } catch let error as CallFailed where error.code == EEXIST {}
        guard let folder = try existingFolder(name) else { throw CallFailed(ENOENT) }
        return (folder, true)
    }

    /// Makes a file that was not there, readable by its owner only whatever the umask is; its descriptor.
    func createFile(_ name: String) throws -> Int32 {
        let file = try calls.open(name, in: descriptor, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do {
            try calls.setMode(0o600, of: file)
        } catch {
            calls.close(file)
            throw error
        }
        return file
    }

    /// Opens a regular file for reading, or gives nil when nothing has that name.
    ///
    /// `toLock`: open for writing too, without which file systems on a network give no exclusive lock (`flock(2)`).
    func existingFile(_ name: String, toLock: Bool = false) throws -> DiskFile? {
        do {
            // O_NONBLOCK: a FIFO planted under the name must not hold the open up.
            let descriptor = try calls.open(
                name, in: descriptor, flags: (toLock ? O_RDWR : O_RDONLY) | O_NONBLOCK, mode: 0)
            return try DiskFile(descriptor: descriptor, name: path(of: name))
        } catch let error as CallFailed where error.code == ENOENT {
            return nil
        } catch {
            throw BackupError.storage("open", path(of: name), error)
        }
    }

    /// The size of the regular file of that name; nil when nothing has it. Anything else of that name is refused.
    func fileSize(_ name: String) throws -> UInt64? {
        do {
            let status = try calls.status(name, in: descriptor)
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw BackupError(.storageFailed, "cannot use '\(path(of: name))': not a regular file")
            }
            return UInt64(clamping: status.st_size)
        } catch let error as CallFailed where error.code == ENOENT {
            return nil
        } catch {
            throw BackupError.storage("look at", path(of: name), error)
        }
    }

    /// Writes a small file and brings it to the disk.
    func writeFile(_ name: String, _ bytes: [UInt8]) throws {
        let file = try createFile(name)
        defer { calls.close(file) }
        try bytes.withUnsafeBytes { try calls.writeAll($0, to: file) }
        try calls.sync(file)
    }

    /// Removes the name; whether it was there.
    @discardableResult
    func remove(_ name: String) throws -> Bool {
        do {
            try calls.remove(name, in: descriptor)
            return true
        } catch let error as CallFailed where error.code == ENOENT {
            return false
        }
    }

    /// Removes the name if it still leads to the file that was looked at, or to nothing as it did then.
    func remove(_ name: String, ifStill file: DiskFile?) throws {
        guard let file else {
            if try fileSize(name) == nil { return }
            throw exchanged(name)
        }
        let held = try calls.status(of: file.descriptor)
        let named = try calls.status(name, in: descriptor)
        guard held.st_dev == named.st_dev, held.st_ino == named.st_ino else { throw exchanged(name) }
        try remove(name)
    }

    private func exchanged(_ name: String) -> BackupError {
        BackupError(.storageFailed, "refusing to remove '\(path(of: name))': it is another file than a moment ago")
    }

    func names() throws -> [String] {
        do { return try calls.names(in: descriptor).sorted() } catch { throw BackupError.storage("list", path, error) }
    }

    func sync() throws { try calls.sync(descriptor) }

    /// Refuses a directory in which others could exchange files under our hands.
    func checkOwner() throws {
        let status = try calls.status(of: descriptor)
        guard status.st_uid == geteuid() else {
            throw BackupError(
                .refused, "refusing to use '\(path)': it belongs to user \(status.st_uid), not to user \(geteuid())",
                hint: "run backupctl as the owner of the repository, or change the owner of all of it.")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw BackupError(
                .refused, "refusing to use '\(path)': users other than its owner can write to it",
                hint: "run 'chmod go-w \(path)' after a look at what is in it.")
        }
    }
}

extension FileCalls {
    /// Writes all of the bytes, in as many calls as it takes.
    func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = try write(rest, to: descriptor)
            guard count > 0 else { throw CallFailed(EIO) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }
}
