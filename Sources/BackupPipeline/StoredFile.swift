import BackupModel
import Glibc

/// A finished file that can be read from any place, by several readers at once.
package protocol StoredFile: AnyObject {
    var size: UInt64 { get }
    /// What messages call it: its path, where it has one.
    var name: String { get }
    /// The bytes of the range, which must lie within the file: the end coming earlier is an error, not the end.
    func source(_ range: Range<UInt64>) -> any ByteSource
}

extension StoredFile {
    package func source() -> any ByteSource { source(0..<size) }
}

/// An open regular file of the file system; closed when the last user is gone.
package final class DiskFile: StoredFile {
    package let name: String
    package let size: UInt64
    package let descriptor: Int32

    /// Takes over an open descriptor; closes it also when it is not of a regular file.
    package init(descriptor: Int32, name: String) throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw BackupError.unreadable(name, errno: code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw BackupError(.storageFailed, "cannot read '\(name)': not a regular file")
        }
        self.descriptor = descriptor
        self.name = name
        size = UInt64(clamping: status.st_size)
    }

    /// Opens any file that the user names. Without O_NONBLOCK, a FIFO would hold the open itself up.
    package convenience init(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else { throw BackupError.unreadable(path, errno: errno) }
        try self.init(descriptor: descriptor, name: path)
    }

    deinit { close(descriptor) }

    package func source(_ range: Range<UInt64>) -> any ByteSource { FileSource(self, range) }
}

extension DiskFile {
    /// Some bytes from a place on, 0 of them at the end. `recover`: after EINVAL, whether to try again.
    func read(
        _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, recover: () -> Bool = { false }
    ) throws -> Int {
        guard let position = off_t(exactly: offset) else { return 0 }
        var hasRecovered = false
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, position)
            if count >= 0 { return count }
            let code = errno
            if code == EINVAL, !hasRecovered, recover() {
                hasRecovered = true
            } else if code != EINTR {
                throw BackupError.unreadable(name, errno: code)
            }
        }
    }

    func ends(at offset: UInt64, before end: UInt64) -> BackupError {
        BackupError(.archiveDamaged, "cannot read '\(name)': it ends at byte \(offset), before byte \(end)")
    }
}

/// A range of an open file, in order. Sources of one file do not disturb each other.
package final class FileSource: ByteSource {
    private let file: DiskFile
    private var offset: UInt64
    private let end: UInt64

    package init(_ file: DiskFile, _ range: Range<UInt64>) {
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = Int(min(UInt64(buffer.count), end - offset))
        guard wanted > 0 else { return 0 }
        let count = try file.read(UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset)
        guard count > 0 else { throw file.ends(at: offset, before: end) }
        offset += UInt64(count)
        return count
    }
}

extension BackupError {
    /// A file that the system does not let us open or read.
    static func unreadable(_ path: String, errno code: Int32) -> BackupError {
        BackupError(
            code == ENOENT ? .snapshotNotFound : .storageFailed,
            "cannot read '\(path)': \(String(cString: strerror(code)).lowercased())")
    }
}
