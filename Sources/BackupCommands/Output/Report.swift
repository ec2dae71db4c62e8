import BackupModel
import Foundation

/// What goes to stderr: errors, hints, warnings, notes.
enum Report {
    static func error(_ error: BackupError) {
        var text = "error: \(error.message.escapedForDisplay)\n"
        if let hint = error.hint { text += "hint: \(hint.escapedForDisplay)\n" }
        write(text)
    }

    static func warning(_ message: String) {
        write("warning: \(message.escapedForDisplay)\n")
    }

    @Sendable static func note(_ message: String) {
        write("\(message.escapedForDisplay)\n")
    }

    /// A failure to write here has nowhere to be reported.
    static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
