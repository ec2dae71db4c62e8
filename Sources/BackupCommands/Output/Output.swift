import BackupModel
import Foundation

/// Renders results: the only place that decides between tables for people and JSON for scripts.
struct Output {
    let json: Bool
    let quiet: Bool
    let verbose: Bool

    /// Prints one result: `json` for scripts, `text` for people.
    func render(_ value: @autoclosure () -> JSONValue, text: @autoclosure () -> String) throws {
        try write(json ? value().encoded() : text())
    }

    private func write(_ text: String) throws {
        guard !text.isEmpty else { return }
        let line = text.hasSuffix("\n") ? text : text + "\n"
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        } catch {
            throw BackupError(.failed, "cannot write to standard output: \(error.localizedDescription)")
        }
    }
}
