internal import BackupModel
internal import Foundation

/// A named pipe that a container is given as a file: the secret passes through it once and lies nowhere.
final class SecretPipe: @unchecked Sendable {
    // Protects `isOver`.
    private let lock = NSLock()
    private var isOver = false
    let path: String
    private let bytes: [UInt8]

    /// Makes the pipe, mode 0600, in a folder that is private already.
    init(_ bytes: [UInt8], in folder: String, name: String) throws {
        self.bytes = bytes
        path = "\(folder)/\(name)"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST, mkfifo(path, 0o600) == 0 else {
            throw BackupError(.storageFailed, "cannot make the pipe '\(path)': \(systemReason(errno))")
        }
    }

    /// Writes to whoever opens the pipe, on a thread of its own; whoever opens it again gets the same.
    func serve() {
        _ = WorkThread("secret") { [self] in
            while !lock.withLock({ isOver }) {
                // Fails while nobody reads.
                let descriptor = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                guard descriptor >= 0 else {
                    usleep(20_000)
                    continue
                }
                _ = write(descriptor, bytes, bytes.count)
                close(descriptor)
                usleep(20_000)
            }
        }
    }

    func end() {
        lock.withLock { isOver = true }
        unlink(path)
    }

    deinit { unlink(path) }
}
