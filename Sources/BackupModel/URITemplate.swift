/// A connection string in which `${NAME}` stands for an environment variable.
///
/// A value is percent-encoded as it is put in, so that a password may have any characters and cannot become another part of
/// the URI. Among the hosts it is put in as it is, and must look like hosts.
package struct URITemplate: Hashable, Sendable {
    private enum Piece: Hashable, Sendable {
        case text(String)
        case variable(String, isHost: Bool)
    }

    private let pieces: [Piece]

    /// nil when there is no `${` in the text.
    package init?(_ text: String) throws {
        let bytes = Array(text.utf8)
        let hosts = Self.hosts(bytes)
        var pieces: [Piece] = []
        var start = 0
        while let dollar = Self.find("${", in: bytes, from: start) {
            guard let end = bytes[dollar...].firstIndex(of: UInt8(ascii: "}")),
                Self.isName(bytes[(dollar + 2)..<end])
            else {
                throw BackupError(
                    .invalidURI,
                    "cannot use this URI: '${' is not followed by the name of an environment variable and '}'",
                    hint: "write ${NAME} for a variable, or %24{ for the characters themselves.")
            }
            pieces.append(.text(String(decoding: bytes[start..<dollar], as: UTF8.self)))
            let name = String(decoding: bytes[(dollar + 2)..<end], as: UTF8.self)
            pieces.append(.variable(name, isHost: hosts.contains(dollar)))
            start = end + 1
        }
        guard !pieces.isEmpty else { return nil }
        pieces.append(.text(String(decoding: bytes[start...], as: UTF8.self)))
        self.pieces = pieces
    }

    /// The same with something harmless in place of each variable: whether the rest is a connection string shows on it.
    package var example: String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .variable: "1"
            }
        }.joined()
    }

    /// The connection string itself. Throws without saying the value when a variable is not there or is no host.
    package func filled(_ value: (String) -> String?) throws -> String {
        try pieces.map { piece in
            guard case .variable(let name, let isHost) = piece else {
                guard case .text(let text) = piece else { return "" }
                return text
            }
            guard let value = value(name), !value.isEmpty else {
                throw BackupError(
                    .secretUnavailable, "cannot read the URI: environment variable '\(name)' is not set")
            }
            guard isHost else { return value.uriEncoded }
            guard value.utf8.allSatisfy(Self.standsInHosts) else {
                throw BackupError(
                    .secretUnavailable,
                    "cannot use environment variable '\(name)' among the hosts of the URI: "
                        + "it holds other characters than names, numbers and ports of hosts have")
            }
            return value
        }.joined()
    }

    /// Whether a part of a URI is one variable and nothing else: then it is no secret itself.
    package static func isVariable(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count > 3, bytes.starts(with: "${".utf8), bytes.last == UInt8(ascii: "}") else { return false }
        return isName(bytes[2..<(bytes.count - 1)])
    }

    /// What stands between user and path.
    private static func hosts(_ bytes: [UInt8]) -> Range<Int> {
        let begin = find("://", in: bytes, from: 0).map { $0 + 3 } ?? 0
        let end =
            bytes[begin...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? bytes.endIndex
        let at = bytes[begin..<end].lastIndex(of: UInt8(ascii: "@"))
        return (at.map { $0 + 1 } ?? begin)..<end
    }

    private static func find(_ wanted: String, in bytes: [UInt8], from start: Int) -> Int? {
        let wanted = Array(wanted.utf8)
        guard start + wanted.count <= bytes.count else { return nil }
        return (start...(bytes.count - wanted.count)).first { bytes[$0...].starts(with: wanted) }
    }

    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, !isDigit(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
    }

    private static func standsInHosts(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "._-:,[]".utf8.contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
