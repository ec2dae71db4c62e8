import BackupModel
import BackupOperations
import Foundation
import Synchronization

/// Shows how a run goes on: a bar on a terminal, a line every ten seconds elsewhere, nothing with `--quiet`.
final class ProgressDisplay: Sendable {
    private struct State {
        var isOpen = true
        var hasBar = false
    }

    private let isQuiet: Bool
    private let isTerminal: Bool
    private let state = Mutex(State())

    init(quiet: Bool) {
        isQuiet = quiet
        isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    func watch(_ progress: RunProgress, title: String) {
        guard !isQuiet else { return }
        let started = DispatchTime.now().uptimeNanoseconds
        let interval = isTerminal ? 0.2 : 10.0
        let thread = Thread { [self] in
            var next = interval
            while state.withLock({ $0.isOpen }) {
                Thread.sleep(forTimeInterval: 0.05)
                let elapsed = Double(DispatchTime.now().uptimeNanoseconds &- started) / 1e9
                guard elapsed >= next else { continue }
                next += interval
                show(ProgressLine(state: progress.current, elapsed: elapsed, title: title))
            }
        }
        thread.name = "backupctl-progress"
        thread.start()
    }

    /// Takes the bar off the terminal; nothing is drawn afterwards.
    func close() {
        state.withLock { state in
            if state.hasBar { Report.write("\r\u{1B}[K") }
            state = State(isOpen: false, hasBar: false)
        }
    }

    private func show(_ line: ProgressLine) {
        state.withLock { state in
            guard state.isOpen else { return }
            if isTerminal {
                Report.write("\r" + line.bar(width: Self.terminalWidth()) + "\u{1B}[K")
                state.hasBar = true
            } else {
                Report.write(line.plain + "\n")
            }
        }
    }

    private static func terminalWidth() -> Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }
}
