import BackupModel
package import Foundation
import Synchronization

/// What a run said: `logs/<run>.log`, a line each with its time in UTC. It outlives the snapshot, and is written as
/// things happen, so that a run that was killed has one too.
package final class RunLog: Sendable {
    private struct State {
        var handle: FileHandle?
        var bytes = 0
    }

    /// Beyond this a log would endanger the disk that it is to explain.
    private static let limit = 8 << 20

    private let state: Mutex<State>
    private let now: @Sendable () -> Date
    private let echo: (@Sendable (String) -> Void)?

    /// Opens the log for appending. A log that cannot be written must not stop a backup: then it is silent. `echo` gets
    /// every text too.
    package init(path: String, now: @escaping @Sendable () -> Date, echo: (@Sendable (String) -> Void)? = nil) {
        self.now = now
        self.echo = echo
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if descriptor >= 0 { fchmod(descriptor, 0o600) }
        state = Mutex(
            State(handle: descriptor >= 0 ? FileHandle(fileDescriptor: descriptor, closeOnDealloc: true) : nil))
    }

    package func write(_ text: String) {
        echo?(text)
        let line = Data("\(Timestamp.rfc3339(now())) \(text.escapedForDisplay)\n".utf8)
        state.withLock { state in
            guard state.bytes < Self.limit else { return }
            state.bytes += line.count
            let last = state.bytes >= Self.limit ? Data("the log ends here: it has reached its limit\n".utf8) : Data()
            try? state.handle?.write(contentsOf: line + last)
        }
    }
}
