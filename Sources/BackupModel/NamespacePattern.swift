/// A pattern over whole namespaces (`database.collection`), in the language of mongorestore's `--nsFrom`/`--nsInclude`.
///
/// Wildcard form (no `$` in it): `*` takes the fewest bytes that let the rest match, dots and nothing included; `\*` and
/// `\\` are the characters themselves, any other `\` is dropped. Variable form (a `$` in it): `$name$` is a wildcard with
/// a name and everything else is literal. Matching is by bytes, case-sensitive, and takes time proportional to
/// the pattern's length times the name's length.
package struct NamespacePattern: Hashable, Sendable {
    package let text: String
    /// The literals around the wildcards: one more than there are wildcards.
    let literals: [[UInt8]]
    /// The wildcards' names in order: those of the variable form, or their numbers from the left in the wildcard form.
    let names: [String]

    /// A pattern for `--nsFrom`: either form.
    package init(source text: String) throws {
        self = text.utf8.contains(UInt8(ascii: "$")) ? try Self(variables: text) : Self(wildcards: text)
    }

    /// A pattern that selects (`--include`, `--exclude`, `--ns-include`, `--ns-exclude`): the wildcard form only.
    package init(selecting text: String) throws {
        guard !text.isEmpty else {
            throw BackupError(.invalidPattern, "cannot use an empty pattern")
        }
        guard !text.utf8.contains(UInt8(ascii: "$")) else {
            throw BackupError(
                .invalidPattern, "cannot use pattern '\(text)': '$' is not allowed where namespaces are selected",
                hint: "use '*' for any part of a name.")
        }
        self.init(wildcards: text)
    }

    init(wildcards text: String) {
        self.text = text
        var literals: [[UInt8]] = [[]]
        var escaped = false
        for byte in text.utf8 {
            switch (escaped, byte) {
            case (true, UInt8(ascii: "*")), (true, UInt8(ascii: "\\")): literals[literals.count - 1].append(byte)
            case (false, UInt8(ascii: "\\")):
                escaped = true
                continue
            case (false, UInt8(ascii: "*")): literals.append([])
            default: literals[literals.count - 1].append(byte)
            }
            escaped = false
        }
        self.literals = literals
        names = (0..<(literals.count - 1)).map { String($0 + 1) }
    }

    private init(variables text: String) throws {
        self.text = text
        (literals, names) = try Self.splitVariables(text)
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw BackupError(
                .invalidPattern, "cannot use pattern '\(text)': variable '\(name)' is used more than once")
        }
    }

    /// Splits `a$x$b` into literals and names.
    static func splitVariables(_ text: String) throws -> (literals: [[UInt8]], names: [String]) {
        let parts = text.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
        guard !parts.count.isMultiple(of: 2) else {
            throw BackupError(.invalidPattern, "cannot use pattern '\(text)': odd number of '$'")
        }
        let literals = stride(from: 0, to: parts.count, by: 2).map { Array(parts[$0]) }
        let names = stride(from: 1, to: parts.count, by: 2).map { String(decoding: Array(parts[$0]), as: UTF8.self) }
        return (literals, names)
    }
}

extension NamespacePattern {
    package func matches(_ namespace: Namespace) -> Bool { captures(in: Array(namespace.description.utf8)) != nil }

    /// What each wildcard took, in order; nil when the name does not match.
    ///
    /// Taking the first place where the next literal occurs gives every wildcard the fewest bytes possible and leaves
    /// the most to the rest, so no other choice can succeed where this one fails: no backtracking is needed.
    func captures(in name: [UInt8]) -> [ArraySlice<UInt8>]? {
        guard let first = literals.first, let last = literals.last else { return nil }
        guard literals.count > 1 else { return name == first ? [] : nil }
        guard name.starts(with: first), name.count >= first.count + last.count else { return nil }
        var position = first.count
        let end = name.count - last.count
        guard name[end...].elementsEqual(last) else { return nil }
        var captures: [ArraySlice<UInt8>] = []
        for literal in literals[1..<(literals.count - 1)] {
            guard let found = Self.find(literal, in: name[position..<end]) else { return nil }
            captures.append(name[position..<found])
            position = found + literal.count
        }
        captures.append(name[position..<end])
        return captures
    }

    private static func find(_ literal: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = literal.first else { return bytes.startIndex }
        guard bytes.count >= literal.count else { return nil }
        for start in bytes.startIndex...(bytes.endIndex - literal.count)
        where bytes[start] == first && bytes[start..<(start + literal.count)].elementsEqual(literal) {
            return start
        }
        return nil
    }
}

extension NamespacePattern: CustomStringConvertible {
    package var description: String { text }
}

extension NamespacePattern: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(selecting: decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
