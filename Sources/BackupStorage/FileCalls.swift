import CLinux
package import Glibc

/// The calls to the file system that a repository makes: a protocol, so that tests can make any of them fail, or be
/// the last one. Each throws `CallFailed` with the system's number; none retries but for EINTR.
package protocol FileCalls: Sendable {
    func openDirectory(path: String) throws -> Int32
    func open(_ name: String, in folder: Int32, flags: Int32, mode: mode_t) throws -> Int32
    func close(_ descriptor: Int32)
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws -> Int
    func startWriting(_ descriptor: Int32, from offset: UInt64, count: UInt64)
    func sync(_ descriptor: Int32) throws
    func dropCache(_ descriptor: Int32)
    func setMode(_ mode: mode_t, of descriptor: Int32) throws
    func makeFolder(_ name: String, in folder: Int32) throws
    func renameNew(_ name: String, in folder: Int32, to newName: String, in newFolder: Int32) throws
    func remove(_ name: String, in folder: Int32) throws
    func status(path: String) throws -> stat
    func status(of descriptor: Int32) throws -> stat
    func status(_ name: String, in folder: Int32) throws -> stat
    func names(in folder: Int32) throws -> [String]
    func lock(_ descriptor: Int32, _ operation: Int32) throws
}

/// A call that the system refused.
package struct CallFailed: Error, Equatable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// The system's words, as a part of a sentence.
    package var description: String {
        let text = String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

/// The real file system.
package struct SystemFileCalls: FileCalls {
    package init() {}

    package func openDirectory(path: String) throws -> Int32 {
        try checked { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    }

    package func open(_ name: String, in folder: Int32, flags: Int32, mode: mode_t) throws -> Int32 {
        try checked { openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    }

    package func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    package func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws -> Int {
        try checked { Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    }

    package func startWriting(_ descriptor: Int32, from offset: UInt64, count: UInt64) {
        guard let offset = Int64(exactly: offset), let count = Int64(exactly: count) else { return }
        _ = csystem_start_writing(descriptor, offset, count)
    }

    package func sync(_ descriptor: Int32) throws {
        // Not even after EINTR: once fsync failed, a second one can succeed without the data being on the disk.
        guard fsync(descriptor) == 0 else { throw CallFailed(errno) }
    }

    package func dropCache(_ descriptor: Int32) { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

    package func setMode(_ mode: mode_t, of descriptor: Int32) throws { try checked { fchmod(descriptor, mode) } }

    package func makeFolder(_ name: String, in folder: Int32) throws {
        try checked { mkdirat(folder, name, 0o700) }
        // The process's umask may have taken rights away that are needed to open it.
        try checked { fchmodat(folder, name, 0o700, 0) }
    }

    package func renameNew(_ name: String, in folder: Int32, to newName: String, in newFolder: Int32) throws {
        do {
            try checked { csystem_rename_new(folder, name, newFolder, newName) }
        } catch let error as CallFailed where [EINVAL, ENOSYS].contains(error.code) {
            // File systems without RENAME_NOREPLACE (renameat2(2)), such as NFS: a link does not replace either.
            try checked { linkat(folder, name, newFolder, newName, 0) }
            try remove(name, in: folder)
        }
    }

    package func remove(_ name: String, in folder: Int32) throws { try checked { unlinkat(folder, name, 0) } }

    package func status(path: String) throws -> stat {
        var status = stat()
        try checked { stat(path, &status) }
        return status
    }

    package func status(of descriptor: Int32) throws -> stat {
        var status = stat()
        try checked { fstat(descriptor, &status) }
        return status
    }

    package func status(_ name: String, in folder: Int32) throws -> stat {
        var status = stat()
        try checked { fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) }
        return status
    }

    package func names(in folder: Int32) throws -> [String] {
        // A stream takes its descriptor over and shares the position of a duplicate: it gets an opening of its own.
        let descriptor = try open(".", in: folder, flags: O_RDONLY | O_DIRECTORY, mode: 0)
        guard let stream = fdopendir(descriptor) else {
            let code = errno
            close(descriptor)
            throw CallFailed(code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw CallFailed(errno) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    package func lock(_ descriptor: Int32, _ operation: Int32) throws { try checked { flock(descriptor, operation) } }

    @discardableResult
    private func checked<Number: SignedInteger>(_ call: () -> Number) throws -> Number {
        while true {
            let result = call()
            if result >= 0 { return result }
            guard errno == EINTR else { throw CallFailed(errno) }
        }
    }
}
