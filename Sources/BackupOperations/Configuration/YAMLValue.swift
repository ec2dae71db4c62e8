import BackupModel
import Foundation
import Yams

/// A document of YAML with the line of everything in it; the only place that knows the parser.
///
/// What makes YAML surprising is refused: anchors and aliases, tags, several documents, keys that are there twice.
struct YAMLValue {
    indirect enum Content {
        case scalar(String, isPlain: Bool)
        case list([YAMLValue])
        case map([Entry])
    }

    struct Entry {
        var key: YAMLValue
        var value: YAMLValue
    }

    var content: Content
    var line: Int
}

/// What is wrong with a configuration, and in which line of it.
struct ConfigurationProblem: Error {
    var line: Int
    var error: BackupError

    init(line: Int, _ message: String, hint: String? = nil) {
        self.init(line: line, error: BackupError(.usage, message, hint: hint))
    }

    init(line: Int, error: BackupError) {
        self.line = line
        self.error = error
    }
}

extension YAMLValue {
    init(parsing text: String) throws {
        try Self.refuseAliases(text)
        // The parser owns the anchors of its nodes, and must be there for as long as these are looked at.
        var parser: Parser?
        defer { withExtendedLifetime(parser) {} }
        do {
            let reading = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            parser = reading
            guard let root = try reading.singleRoot() else {
                throw ConfigurationProblem(line: 1, "there is nothing in it", hint: Self.beginning)
            }
            self = try YAMLValue(root)
        } catch let error as YamlError {
            throw Self.problem(error, text)
        }
    }

    static let beginning =
        "begin with 'version: 1' and 'jobs:'; 'backupctl export' writes one of the jobs that there are."

    private init(_ node: Node) throws {
        line = node.mark?.line ?? 1
        guard node.anchor == nil else { throw Self.aliases(line) }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            try Self.requireNoTag(node, Tag.Name.str, line)
            content = .scalar(scalar.string, isPlain: isPlain)
        case .sequence(let sequence):
            try Self.requireNoTag(node, Tag.Name.seq, line)
            content = .list(try sequence.map { try YAMLValue($0) })
        case .mapping(let mapping):
            try Self.requireNoTag(node, Tag.Name.map, line)
            content = .map(
                try mapping.map { Entry(key: try YAMLValue($0.key), value: try YAMLValue($0.value)) })
        case .alias:
            throw Self.aliases(line)
        }
    }

    private static func requireNoTag(_ node: Node, _ usual: Tag.Name, _ line: Int) throws {
        guard node.tag == Tag(usual) else {
            throw ConfigurationProblem(line: line, "tags such as '!!str' are not taken", hint: "put text in quotes.")
        }
    }

    private static func aliases(_ line: Int) -> ConfigurationProblem {
        ConfigurationProblem(
            line: line, "anchors and aliases ('&' and '*' before a name) are not taken",
            hint: "write it out; text with both ' &name' and ' *name' in it is not taken either, not even in quotes.")
    }

    private static func problem(_ error: YamlError, _ text: String) -> ConfigurationProblem {
        let hint = "put text with special characters, such as '*.sessions' or '@daily', in quotes."
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            let isSecondDocument = problem.contains("another document")
            return ConfigurationProblem(
                line: mark.line, isSecondDocument ? "there is another document" : "not YAML: \(problem)",
                hint: isSecondDocument ? "write one document, without '---' between parts." : hint)
        case .reader(let problem, let offset, _, _):
            let before = text.utf8.prefix(offset ?? 0)
            return ConfigurationProblem(
                line: 1 + before.count { $0 == UInt8(ascii: "\n") }, "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            return ConfigurationProblem(
                line: context.mark.line, "key '\(shown(keys.first ?? ""))' is there more than once")
        default:
            return ConfigurationProblem(line: 1, "not YAML")
        }
    }

    /// Text of a file as an error may show it: short, and no connection string.
    static func shown(_ text: String) -> String {
        if text.contains("://") { return "***" }
        return text.count > 60 ? text.prefix(60) + "..." : text
    }
}

extension YAMLValue {
    /// Aliases that name aliases can make a document of a few lines larger than any memory, and the parser compares keys
    /// before anybody can look at what it made. So a text that may have both an anchor and an alias is not parsed at all.
    /// In doubt, within quotes, that refuses a text with both ` &name` and ` *name` in it.
    private static func refuseAliases(_ text: String) throws {
        var anchor: Int?
        var hasAlias = false
        var mayBeQuoted = false
        let lines = text.replacing("\r\n", with: "\n").unicodeScalars
            .split(omittingEmptySubsequences: false, whereSeparator: lineBreaks.contains)
        for (index, scalars) in lines.enumerated() {
            let line = Substring(scalars).utf8
            let hasQuote = line.contains { "\"'".utf8.contains($0) }
            // A line of a text in quotes may begin so, too, end the text, and go on with anything.
            if line.first(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) == UInt8(ascii: "#") {
                guard mayBeQuoted, hasQuote else { continue }
            }
            mayBeQuoted = mayBeQuoted || hasQuote
            if anchor == nil, holds(UInt8(ascii: "&"), line) { anchor = index + 1 }
            hasAlias = hasAlias || holds(UInt8(ascii: "*"), line)
        }
        if let anchor, hasAlias { throw aliases(anchor) }
    }

    /// Whatever ends a line for the parser, and with it a comment: in YAML 1.1 also NEL, LS and PS.
    private static let lineBreaks: Set<Unicode.Scalar> = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]

    /// Whether this sign stands where a value may begin, with a name behind it.
    private static func holds(_ sign: UInt8, _ line: Substring.UTF8View) -> Bool {
        var before = UInt8(ascii: " ")
        var isSign = false
        for byte in line {
            let isName =
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte > 0x7F
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
            if isSign, isName { return true }
            isSign = byte == sign && (before <= 0x20 || ",[]{}:?\"'".utf8.contains(before) || before > 0x7F)
            before = byte
        }
        return false
    }
}
