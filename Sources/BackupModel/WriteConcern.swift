/// A write concern as `mongorestore` takes it: a word such as `majority`, a number of members, or a document.
enum WriteConcern {
    /// Refuses one that does not wait for an answer, and whatever is not understood: the tool might read it as one.
    static func check(_ text: String) throws {
        let shown = text.escapedForDisplay
        guard let members = members(of: text) else {
            throw BackupError(
                .usage, "cannot use write concern '\(shown)': it is none",
                hint: "give 'majority', a number from 1 to 50, or a document like '{\"w\": 2, \"wtimeout\": 5000}'.")
        }
        guard members.isAcknowledged else {
            throw BackupError(.usage, "refusing write concern '\(shown)': nothing would say what was restored")
        }
    }

    private enum Members {
        case word
        case number(Int)
        /// A document without `w`: the server's default, which waits.
        case none

        var isAcknowledged: Bool {
            if case .number(let number) = self { return (1...50).contains(number) }
            return true
        }
    }

    private static func members(of text: String) -> Members? {
        let text = trimmed(text[...])
        guard text.first == "{" else { return value(text, isQuoted: false) }
        guard text.last == "}", text.utf8.count > 1 else { return nil }
        var found = Members.none
        var seen: Set<String> = []
        let fields = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
        for field in fields {
            let parts = field.split(separator: ":", omittingEmptySubsequences: false).map(trimmed)
            guard parts.count == 2 else { return nil }
            let name = unquoted(parts[0])
            guard ["w", "j", "fsync", "wtimeout"].contains(name.text), seen.insert(String(name.text)).inserted else {
                return nil
            }
            let content = unquoted(parts[1])
            if name.text == "w" {
                guard let value = value(content.text, isQuoted: content.isQuoted) else { return nil }
                found = value
            } else if name.text == "wtimeout" {
                guard !content.isQuoted, number(content.text) != nil else { return nil }
            } else {
                guard !content.isQuoted, ["true", "false"].contains(content.text) else { return nil }
            }
        }
        return found
    }

    private static func value(_ text: Substring, isQuoted: Bool) -> Members? {
        if !isQuoted, let number = number(text) { return .number(number) }
        let isWord = text.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        guard let first = text.utf8.first, isLetter(first), isWord else { return nil }
        guard isQuoted || !["true", "false", "null", "undefined"].contains(text.lowercased()) else { return nil }
        return .word
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    private static func unquoted(_ text: Substring) -> (text: Substring, isQuoted: Bool) {
        for quote in ["\"", "'"] as [Character] where text.count > 1 && text.first == quote && text.last == quote {
            return (text.dropFirst().dropLast(), true)
        }
        return (text, false)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
