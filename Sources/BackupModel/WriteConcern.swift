/// A write concern as `mongorestore` takes it: a word such as `majority`, a number of members, or a document.
package struct WriteConcern: Sendable, Equatable {
    /// Who has to answer.
    package private(set) var members = Members.none
    /// Whether it must be in the journal; nil for the server's default.
    package private(set) var journal: Bool?
    package private(set) var timeoutMilliseconds: Int?

    package enum Members: Sendable, Equatable {
        case word(String)
        case number(Int)
        /// A document without `w`: the server's default, which waits.
        case none

        fileprivate var isAcknowledged: Bool {
            if case .number(let number) = self { return (1...50).contains(number) }
            return true
        }
    }

    /// Refuses one that does not wait for an answer, and whatever is not understood: the tool might read it as one.
    package init(_ text: String) throws {
        let shown = text.escapedForDisplay
        guard let read = Self.read(text) else {
            throw BackupError(
                .usage, "cannot use write concern '\(shown)': it is none",
                hint: "give 'majority', a number from 1 to 50, or a document like '{\"w\": 2, \"wtimeout\": 5000}'.")
        }
        guard read.members.isAcknowledged else {
            throw BackupError(.usage, "refusing write concern '\(shown)': nothing would say what was restored")
        }
        self = read
    }

    private init() {}

    private static func read(_ text: String) -> WriteConcern? {
        var found = WriteConcern()
        let text = trimmed(text[...])
        guard text.first == "{" else {
            guard let members = value(text, isQuoted: false) else { return nil }
            found.members = members
            return found
        }
        guard text.last == "}", text.utf8.count > 1 else { return nil }
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
                found.members = value
            } else if name.text == "wtimeout" {
                guard !content.isQuoted, let number = number(content.text) else { return nil }
                found.timeoutMilliseconds = number
            } else {
                guard !content.isQuoted, ["true", "false"].contains(content.text) else { return nil }
                if content.text == "true" || found.journal == nil { found.journal = content.text == "true" }
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
        return .word(String(text))
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
