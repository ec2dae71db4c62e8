package import BackupModel
import CLinux
import Glibc
import Synchronization

/// What shows other processes that the owner of a run lives, whose `/proc` they may not see: a container on the same
/// state directory has process numbers of its own, and so has another node.
///
/// It is a file in `owners/` in the state directory that is named after the owner, with a shared lock (fcntl(2)) that
/// the kernel takes back when the process ends, whatever way. A file without a lock tells that its owner is gone. No file
/// tells nothing: file systems without locks have none. The file is left there at the end, and swept later on.
final class OwnerMark: Sendable {
    private let directory: String
    private let descriptor = Mutex<Int32?>(nil)

    init(in directory: String) {
        self.directory = directory
    }

    deinit { descriptor.withLock { if let descriptor = $0 { close(descriptor) } } }

    /// Shows that this process lives, from now until this object goes. What does not work now may with the next call.
    func show(_ identity: ProcessIdentity) {
        descriptor.withLock { descriptor in
            guard descriptor == nil else { return }
            descriptor = Self.path(of: identity, in: directory).flatMap(Self.lock)
        }
    }

    /// Whether a process holds the mark of that owner. Where that cannot be told, one does: nobody's run is ended on a guess.
    static func isHeld(by owner: ProcessIdentity, in directory: String) -> Bool {
        guard let path = path(of: owner, in: directory) else { return false }
        guard let file = openFile(path) else {
            // Nothing is there, or nothing that is a mark.
            return ![ENOENT, ENOTDIR, ELOOP, EISDIR, ENXIO].contains(errno)
        }
        defer { close(file) }
        return csystem_is_locked_shared(file) != 0
    }

    /// Removes the marks that nobody holds.
    static func sweep(_ directory: String) throws {
        for name in try entries(of: directory) {
            let path = "\(directory)/\(name)"
            guard let file = openFile(path) else { continue }
            defer { close(file) }
            // While this lock is held, nobody takes the file for a new mark (`lock`).
            guard csystem_lock_alone(file) == 0, isNow(file, at: path) else { continue }
            try PrivateFile.remove(path)
        }
    }

    private static func lock(_ path: String) -> Int32? {
        while let file = openFile(path, O_CREAT) {
            let isLocked = csystem_lock_shared(file) == 0
            if !isLocked { unlink(path) }
            // Whoever swept it in between removed the name.
            if isLocked, isNow(file, at: path) { return file }
            close(file)
            if !isLocked { return nil }
        }
        return nil
    }

    /// For writing too: without it, file systems on a network give no exclusive lock.
    private static func openFile(_ path: String, _ flags: Int32 = 0) -> Int32? {
        let file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
        return file >= 0 ? file : nil
    }

    private static func isNow(_ file: Int32, at path: String) -> Bool {
        var held = stat()
        var named = stat()
        return fstat(file, &held) == 0 && lstat(path, &named) == 0 && held.st_ino == named.st_ino
            && held.st_dev == named.st_dev
    }

    /// The boot comes from the catalog: what is not of its form has no mark.
    private static func path(of owner: ProcessIdentity, in directory: String) -> String? {
        let isPlain = owner.bootID.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        guard isPlain, owner.bootID.utf8.count == 36 else { return nil }
        return "\(directory)/\(owner.bootID)-\(owner.processID)-\(owner.startTicks)"
    }

    private static func entries(of directory: String) throws -> [String] {
        guard let stream = opendir(directory) else {
            guard errno != ENOENT else { return [] }
            throw POSIXFailure(errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // Only what has the form of a mark is ours.
            if name.utf8.count > 36, !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

extension Workspace {
    /// This process as the owner of runs. Other processes see that it lives as long as a copy of this workspace is there.
    package func owner() throws -> ProcessIdentity {
        let identity = try ProcessIdentity.current()
        ownerMark.show(identity)
        return identity
    }

    /// Whether a process that owns a run lives: here, or where its number means another one.
    package func isAlive(_ owner: ProcessIdentity) -> Bool {
        owner.isAlive || OwnerMark.isHeld(by: owner, in: state.owners)
    }
}
