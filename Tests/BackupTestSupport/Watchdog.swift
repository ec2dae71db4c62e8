import Foundation
import Synchronization

/// Cleans up after this process if it dies without doing so itself, even by SIGKILL: a shell that waits for the end of
/// a pipe whose other end only this process holds.
package final class Watchdog: Sendable {
    private let pipe: Mutex<Int32>

    /// `script` runs when the process is gone and has not said `stand down` before.
    package init(script: String, _ arguments: [String]) throws {
        let ends = try ChildProcess.makePipe()
        defer { close(ends.reading) }
        _ = try ChildProcess(
            "/bin/sh", ["-c", "if read -r line; then exit 0; fi; \(script)", "watchdog"] + arguments,
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], files: .init(input: ends.reading))
        pipe = Mutex(ends.writing)
    }

    /// Everything is clean: the shell ends without doing anything.
    package func standDown() {
        pipe.withLock { pipe in
            guard pipe >= 0 else { return }
            _ = "\n".withCString { write(pipe, $0, 1) }
            close(pipe)
            pipe = -1
        }
    }
}
