import BackupModel
package import Foundation
import Synchronization

/// The daemon's log on stderr, a line for each thing that an operator's day is made of: text, or JSON.
package final class DaemonLog: Sendable {
    package enum Format: String, Sendable, CaseIterable { case text, json }
    package enum Level: String, Sendable { case info, warning, error }

    private let format: Format
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void
    private let lock = Mutex(())

    package init(
        format: Format, now: @escaping @Sendable () -> Date,
        write: @escaping @Sendable (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
    ) {
        self.format = format
        self.now = now
        self.write = write
    }

    package func info(_ message: String, _ data: [String: String] = [:]) { log(.info, message, data) }
    package func warning(_ message: String, _ data: [String: String] = [:]) { log(.warning, message, data) }
    package func error(_ message: String, _ data: [String: String] = [:]) { log(.error, message, data) }

    private func log(_ level: Level, _ message: String, _ data: [String: String]) {
        let line = format == .json ? json(level, message, data) : text(level, message, data)
        lock.withLock { _ in write(line + "\n") }
    }

    private func json(_ level: Level, _ message: String, _ data: [String: String]) -> String {
        var object = data
        object["time"] = Timestamp.rfc3339(now())
        object["level"] = level.rawValue
        object["message"] = message
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private func text(_ level: Level, _ message: String, _ data: [String: String]) -> String {
        let details = data.sorted { $0.key < $1.key }.map { " \($0.key)='\($0.value.escapedForDisplay)'" }
        return "\(Timestamp.rfc3339(now())) \(level.rawValue) \(message)\(details.joined())"
    }
}
