package import BackupModel

/// Writes jobs as a configuration that `Configuration.read` reads back to the same. No secret is in it: where one is kept it
/// says `uri: stored`, with the redacted form beside it.
package enum ExportConfiguration {
    package static func yaml(_ jobs: [BackupModel.Job]) -> String {
        guard !jobs.isEmpty else { return "version: 1\njobs: {}\n" }
        return (["version: 1", "jobs:"] + jobs.flatMap(lines)).joined(separator: "\n") + "\n"
    }

    private static func lines(_ job: BackupModel.Job) -> [String] {
        var lines = ["  \(YAMLText.scalar(job.name.text)):"]
        var group: Substring?
        for field in job.fields {
            let parts = field.path.split(separator: ".", maxSplits: 1)
            guard let first = parts.first, let last = parts.last else { continue }
            let isNested = parts.count == 2
            if isNested, group != first { lines.append("    \(first):") }
            group = isNested ? first : nil
            lines.append("\(isNested ? "      " : "    ")\(last): \(value(field, of: job))")
        }
        return lines
    }

    private static func value(_ field: JobField, of job: BackupModel.Job) -> String {
        if field.path == "source.uri", case .stored(let redacted) = job.source.connection {
            return "stored  # \(redacted.escapedForDisplay)"
        }
        switch field.value {
        case .text(let text): return YAMLText.scalar(text)
        case .number(let number): return "\(number)"
        case .flag(let flag): return "\(flag)"
        case .list(let items): return "[\(items.map(YAMLText.quoted).joined(separator: ", "))]"
        }
    }
}

/// Text as YAML that every reader takes for the same text.
enum YAMLText {
    /// Without quotes where nobody could take it for something else.
    static func scalar(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-/".utf8.contains(byte)
        }
        guard isPlain, let first = text.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "."),
            text != "stored", YAMLScalarKind(plain: text) == .text
        else { return quoted(text) }
        return text
    }

    static func quoted(_ text: String) -> String {
        let body = text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where mustBeEscaped(scalar): result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return "\"\(body)\""
    }

    /// What YAML does not take as it is, and what could steer a terminal.
    private static func mustBeEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let width = scalar.value > 0xFFFF ? 8 : 4
        return (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
