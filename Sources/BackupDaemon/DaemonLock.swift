import BackupModel
package import BackupOperations
package import Foundation

/// The right to be the daemon of a state directory: a lock on `daemon.lock`, which the kernel takes back when its holder
/// dies, whatever way.
package final class DaemonLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Takes the lock, or says who has it.
    package static func take(in state: StateDirectory, now: Date) throws -> DaemonLock {
        let path = path(in: state)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw BackupError(.storageFailed, "cannot open '\(path)': \(reason(errno))")
        }
        let lock = DaemonLock(descriptor: descriptor)
        var tries = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EINTR || errno == EWOULDBLOCK else {
                throw BackupError(.storageFailed, "cannot lock '\(path)': \(reason(errno))")
            }
            // Who looks whether there is a daemon holds it for a moment.
            tries += 1
            guard tries > 20 else {
                usleep(10_000)
                continue
            }
            let holder = read(descriptor).map { ": \($0)" } ?? ""
            throw BackupError(
                .locked, "cannot start the daemon: another one runs on '\(state.path)'\(holder)",
                hint: "stop it first, or give another --state-dir.")
        }
        let text = Data("process \(getpid()), since \(Timestamp.rfc3339(now))\n".utf8)
        guard ftruncate(descriptor, 0) == 0,
            text.withUnsafeBytes({ pwrite(descriptor, $0.baseAddress, $0.count, 0) }) > 0
        else { throw BackupError(.storageFailed, "cannot write '\(path)': \(reason(errno))") }
        return lock
    }

    /// Who the daemon is, `process 123, since 2026-01-14T02:00:00Z`; nil when there is none.
    package static func holder(in state: StateDirectory) -> String? {
        let descriptor = open(path(in: state), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
        return read(descriptor) ?? "process unknown"
    }

    private static func path(in state: StateDirectory) -> String { state.path + "/daemon.lock" }

    private static func read(_ descriptor: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return text.prefix { $0 != "\n" }.description.escapedForDisplay
    }

    private static func reason(_ number: Int32) -> String { String(cString: strerror(number)).lowercased() }
}
