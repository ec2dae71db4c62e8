/// A job's name: `[a-z0-9][a-z0-9._-]{0,63}`, so that it is safe in file names, URLs and logs.
package struct JobName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws {
        guard Self.isValid(text) else {
            throw BackupError(
                .invalidName,
                "cannot use job name '\(text.escapedForDisplay)': not of the form [a-z0-9][a-z0-9._-]{0,63}",
                hint: "use up to 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first.")
        }
        self.text = text
    }

    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 64, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    package var description: String { text }

    package static func < (left: JobName, right: JobName) -> Bool { left.text < right.text }
}

extension JobName: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension String {
    /// The text with control characters, bidirectional overrides and the like written as `\u{...}`: what came from
    /// outside must not steer the terminal that it is shown on, nor make two lines of one.
    package var escapedForDisplay: String {
        // Nearly every text is printable ASCII.
        if utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
        guard unicodeScalars.contains(where: \.isUnsafeForDisplay) else { return self }
        return unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.isUnsafeForDisplay {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isUnsafeForDisplay: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // Joiners are format characters that emoji need; the others of that category can reorder or hide text.
        case .format: value != 0x200D && value != 0x200C
        default: false
        }
    }
}
