/// One line that `mongodump` or `mongorestore` prints on its standard error (`ARCHIVE-FORMAT.md`, B3 and B5).
enum ToolLine: Equatable {
    /// `writing ...` and `restoring ...`: it has begun with this namespace.
    case began(String)
    case dumped(String, documents: Int64)
    /// `[####....]  shop.orders  1674/6000  (27.9%)`.
    case dumpProgress(String, done: Int64, total: Int64)
    case restored(String, documents: Int64, failures: Int64)
    case restoreProgress(String)
    /// The last line of a restore.
    case restoredInAll(documents: Int64, failures: Int64)
    case oplogDumped(entries: Int64)
    case oplogApplied(entries: Int64)
    /// A document that could not be inserted; the tool goes on.
    case goesOn(String)
    case warning(String)
    case failed(String)
    case empty
    case other(String)

    init(_ line: String) {
        let text = Self.withoutTime(line)
        self =
            Self.dumped(text) ?? Self.restored(text) ?? Self.total(text) ?? Self.progress(text) ?? Self.began(text)
            ?? Self.oplog(text) ?? Self.trouble(text) ?? (text.isEmpty ? .empty : .other(String(text)))
    }

    /// False for a line that is certain to be empty or `other`: cheap enough for any number of lines.
    static func maySayMore(_ line: UnsafeRawBufferPointer) -> Bool {
        var start = line.count > 28 && line[28] == UInt8(ascii: "\t") ? 29 : 0
        while start < line.count, line[start] == UInt8(ascii: "\t") || line[start] == UInt8(ascii: " ") { start += 1 }
        guard start < line.count else { return false }
        let rest = line[start...]
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[start]) { return rest.count < 200 }
        return prefixes.contains { rest.starts(with: $0) }
    }

    private static let prefixes: [[UInt8]] = [
        "done dumping ", "finished restoring ", "[", "writing ", "restoring ", "dumped ", "applied ",
        "continuing through", "Failed: ", "WARNING: ", "warning: ", "Warning: ", "error ",
    ].map { Array($0.utf8) }

    /// `2026-11-22T20:40:31.575+0000<TAB>text`.
    static func withoutTime(_ line: String) -> Substring {
        guard let tab = line.utf8.firstIndex(of: UInt8(ascii: "\t")), line[..<tab].utf8.count == 28 else {
            return line[...].trimmed
        }
        return line[line.utf8.index(after: tab)...].trimmed
    }

    private static func dumped(_ text: Substring) -> ToolLine? {
        guard let (name, rest) = text.name(after: "done dumping "),
            let words = rest.inParentheses?.split(separator: " "),
            words.count == 2, words[1].hasPrefix("document"), let count = Int64(words[0])
        else { return nil }
        return .dumped(name, documents: count)
    }

    private static func restored(_ text: Substring) -> ToolLine? {
        guard let (name, rest) = text.name(after: "finished restoring "), let inner = rest.inParentheses else {
            return nil
        }
        let words = inner.split(whereSeparator: { $0 == " " || $0 == "," })
        // Tools before 4.2 do not say how many failed.
        guard words.count == 2 || words.count == 4, let count = Int64(words[0]), words[1].hasPrefix("document") else {
            return nil
        }
        guard words.count == 4 else { return .restored(name, documents: count, failures: 0) }
        return Int64(words[2]).map { .restored(name, documents: count, failures: $0) }
    }

    private static func total(_ text: Substring) -> ToolLine? {
        let words = text.split(separator: " ")
        guard words.count == 9, words[1] == "document(s)", words[2] == "restored", words[5] == "document(s)",
            let count = Int64(words[0]), let failures = Int64(words[4])
        else { return nil }
        return .restoredInAll(documents: count, failures: failures)
    }

    private static func progress(_ text: Substring) -> ToolLine? {
        guard text.hasPrefix("["), let end = text.firstIndex(of: "]") else { return nil }
        let words = text[text.index(after: end)...].split(separator: " ")
        guard words.count >= 2 else { return nil }
        // The name may hold spaces; the two words after it do not.
        let parts = (words.last?.hasPrefix("(") == true ? words.dropLast() : words[...])
        guard let counts = parts.last?.split(separator: "/"), counts.count == 2 else {
            return .restoreProgress(String(words[0]))
        }
        let name = parts.dropLast().joined(separator: " ")
        guard let done = Int64(counts[0]), let total = Int64(counts[1]) else { return .restoreProgress(name) }
        return .dumpProgress(name, done: done, total: total)
    }

    private static func began(_ text: Substring) -> ToolLine? {
        if let (name, rest) = text.name(after: "writing "), rest.hasPrefix(" to "), name != "captured oplog" {
            return .began(name)
        }
        if let (name, rest) = text.name(after: "restoring "), rest.hasPrefix(" from "),
            !name.hasPrefix("indexes for collection ")
        {
            return .began(name)
        }
        return nil
    }

    private static func oplog(_ text: Substring) -> ToolLine? {
        let words = text.split(separator: " ")
        guard words.count == 4, words[2] == "oplog", words[3].hasPrefix("entr"), let count = Int64(words[1]) else {
            return nil
        }
        return words[0] == "dumped"
            ? .oplogDumped(entries: count) : words[0] == "applied" ? .oplogApplied(entries: count) : nil
    }

    private static func trouble(_ text: Substring) -> ToolLine? {
        for (start, make) in starts where text.hasPrefix(start) {
            return make(String(text.dropFirst(start.count).trimmed))
        }
        return text.hasPrefix("error ") ? .failed(String(text)) : nil
    }

    private static let starts: [(String, @Sendable (String) -> ToolLine)] = [
        ("continuing through error: ", { .goesOn($0) }), ("Failed: ", { .failed($0) }), ("WARNING: ", { .warning($0) }),
        ("warning: ", { .warning($0) }), ("Warning: ", { .warning($0) }),
    ]
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    /// `(5 documents)` at the end, without the parentheses.
    fileprivate var inParentheses: Substring? {
        guard hasSuffix(")"), let start = lastIndex(of: "(") else { return nil }
        return self[index(after: start)...].dropLast()
    }

    /// A namespace as the tools quote it, and what follows: in backquotes, in double quotes with Go's escapes, or, before
    /// 100.16, as it is.
    fileprivate func name(after start: String) -> (name: String, rest: Substring)? {
        guard hasPrefix(start) else { return nil }
        let text = dropFirst(start.count)
        switch text.first {
        case "`":
            let inner = text.dropFirst()
            guard let end = inner.firstIndex(of: "`") else { return nil }
            return (String(inner[..<end]), inner[inner.index(after: end)...])
        case "\"": return GoString.read(text).map { ($0.text, $0.rest) }
        default:
            // The parts that may follow a plain name; a name that holds one of them is not told apart.
            for end in [" to ", " from ", " ("] {
                if let range = text.firstRange(of: end) {
                    return (String(text[..<range.lowerBound]), text[range.lowerBound...])
                }
            }
            return nil
        }
    }
}

/// A string as Go quotes it.
enum GoString {
    /// Reads the string that `text` begins with, its quotes included; nil when there is none.
    static func read(_ text: Substring) -> (text: String, rest: Substring)? {
        var rest = text.utf8.dropFirst()
        guard text.utf8.first == UInt8(ascii: "\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return (String(decoding: bytes, as: UTF8.self), Substring(rest))
            case UInt8(ascii: "\\"):
                guard let escaped = escape(&rest) else { return nil }
                bytes += escaped
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private static let letters: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13,
        UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 92, UInt8(ascii: "\""): 34,
    ]

    private static func escape(_ rest: inout Substring.UTF8View) -> [UInt8]? {
        guard let letter = rest.popFirst() else { return nil }
        if let byte = letters[letter] { return [byte] }
        let lengths: [UInt8: Int] = [UInt8(ascii: "x"): 2, UInt8(ascii: "u"): 4, UInt8(ascii: "U"): 8]
        guard let length = lengths[letter], let digits = String(rest.prefix(length)), digits.utf8.count == length,
            let value = UInt32(digits, radix: 16)
        else { return nil }
        rest = rest.dropFirst(length)
        guard letter != UInt8(ascii: "x") else { return [UInt8(truncatingIfNeeded: value)] }
        return Unicode.Scalar(value).map { Array(String($0).utf8) }
    }
}
