import BackupModel
import Foundation

/// Asks a person before something is lost. Where there is no terminal, `--yes` must say it.
struct Confirmation {
    let yes: Bool
    /// Ends the waiting for an answer.
    var cancellation = Cancellation()

    func ask(_ question: String) throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
            throw BackupError(
                .refused, "refusing to go on without confirmation: there is no terminal to ask on",
                hint: "give --yes if this is meant: \(question)")
        }
        Report.write("\(question.escapedForDisplay) [y/N] ")
        let answer = try readAnswer()
        guard ["y", "yes"].contains(answer) else { throw BackupError(.cancelled, "cancelled: nothing was changed") }
    }

    // Signals are taken by a thread of their own, so a blocking read would not hear of them.
    private func readAnswer() throws -> String {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        while poll(&input, 1, 100) == 0 { try cancellation.check() }
        return readLine()?.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
    }
}
