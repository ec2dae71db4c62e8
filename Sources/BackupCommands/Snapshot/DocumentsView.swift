import BackupModel
import BackupOperations
import Foundation
import MongoArchive

/// Prints documents as they are found: a heading and a line for each for people, one object for scripts.
struct DocumentsView {
    let output: Output
    /// As Extended JSON that names every type.
    let isCanonical: Bool
    private var hasBegun = false

    init(output: Output, isCanonical: Bool) {
        self.output = output
        self.isCanonical = isCanonical
    }

    /// Whether all was printed as it is: a text that is not UTF-8 is shown with replacement characters.
    private(set) var isExact = true

    mutating func add(_ sample: FirstDocuments.Sample, of source: FirstDocuments) throws {
        if !hasBegun {
            let members = JSONValue.object([
                "id": JSONValue(source.snapshot), "file": .string(source.file), "namespaces": .null,
            ])
            // What the last member holds is yet to come.
            try output.render(part: members.line().dropLast("null}".count) + "[", text: "")
        }
        let head = JSONValue.object([
            "count": JSONValue(sample.count), "namespace": .string(sample.namespace.description),
            "type": .string(sample.type),
        ])
        try output.render(
            part: "\(hasBegun ? "," : "")\(head.line().dropLast()),\"documents\":[", text: heading(sample))
        hasBegun = true
        for (number, document) in sample.documents.enumerated() {
            let shown = ExtendedJSON.shown(document, isCanonical: isCanonical)
            if !shown.isExact { isExact = false }
            let line = shown.text.escapedInJSON
            try output.render(part: "\(number > 0 ? "," : "")\(line)", text: line)
        }
        try output.render(part: "]}", text: "")
    }

    func end() throws { try output.render(part: "]}", text: "") }

    private func heading(_ sample: FirstDocuments.Sample) -> String {
        let shown = Format.count(Int64(sample.documents.count))
        let name = sample.namespace.description.escapedForDisplay
        let all = sample.count.map { "\(shown) of \(Format.count($0)) documents" } ?? "the first \(shown) documents"
        return "\(hasBegun ? "\n" : "")\(name): \(all)"
    }
}

extension String {
    /// JSON in which nothing can steer a terminal: such characters can only be inside its strings, where they may be escaped.
    var escapedInJSON: String {
        guard unicodeScalars.contains(where: \.steersTerminals) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard scalar.steersTerminals else {
                text.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var steersTerminals: Bool {
        guard !isASCII else { return value < 0x20 || value == 0x7F }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: return true
        default: return false
        }
    }
}
