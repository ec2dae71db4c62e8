import BackupModel
import Glibc

/// Renders results: the only place that decides between tables for people and JSON for scripts.
struct Output {
    let json: Bool
    let quiet: Bool
    let verbose: Bool
    /// Where it goes: standard output, but in tests.
    var put: @Sendable (String) throws -> Void = Output.print

    /// Prints one result: `json` for scripts, `text` for people.
    func render(_ value: @autoclosure () -> JSONValue, text: @autoclosure () -> String) throws {
        try write(json ? value().encoded() : text())
    }

    /// Prints a line that is JSON already, one of many.
    func render(verbatim line: String) throws { try write(line) }

    /// Prints a part of a result that is too long to be held as one value. `json` is JSON's own text, of which all parts
    /// together make one value.
    func render(part json: @autoclosure () -> String, text: @autoclosure () -> String) throws {
        try write(self.json ? json() : text())
    }

    /// Says that something was done: nothing for people with `--quiet`.
    func confirm(_ value: @autoclosure () -> JSONValue, text: @autoclosure () -> String) throws {
        if json || !quiet { try render(value(), text: text()) }
    }

    /// Prints lines as they are: for what is too long to be held as one value.
    func write(_ text: String) throws {
        guard !text.isEmpty else { return }
        try put(text.hasSuffix("\n") ? text : text + "\n")
    }

    @Sendable private static func print(_ text: String) throws {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EINTR {
                let reason = String(cString: strerror(errno)).lowercased()
                throw BackupError(.failed, "cannot write to standard output: \(reason)")
            }
        }
    }
}
