import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// A refusal as STYLE.md, section 5, has it: this status, and the error on the first line but for progress.
func expectRefusal(
    _ result: CommandResult, status: Int32, _ parts: String..., hint: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let comment: Comment = "\(result)"
    #expect(result.status == status, comment, sourceLocation: sourceLocation)
    let isSaid = result.error.hasPrefix("error: cannot ") || result.error.hasPrefix("error: refusing ")
    #expect(isSaid, comment, sourceLocation: sourceLocation)
    #expect(!result.error.hasSuffix("."), comment, sourceLocation: sourceLocation)
    for part in parts { #expect(result.error.contains(part), comment, sourceLocation: sourceLocation) }
    if let hint { #expect(result.hint.contains(hint), comment, sourceLocation: sourceLocation) }
    let said = result.errors.split(separator: "\n").filter { $0.firstMatch(of: /^\S+: [a-z]+ing(,|$)/) == nil }
    #expect(said.first?.hasPrefix("error: ") == true, comment, sourceLocation: sourceLocation)
    #expect(!result.errors.contains("Fatal error"), comment, sourceLocation: sourceLocation)
}

/// The JSON types that scripts rely on.
enum JSONType: Sendable {
    case string, int, bool, time, engine, strings, object, array
    indirect case nullable(JSONType)

    func accepts(_ value: JSON) -> Bool {
        switch self {
        case .string: value.string != nil
        case .int: value.int != nil
        case .bool: value.bool != nil
        case .time: value.string?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil
        case .engine:
            value.keys == ["name", "version"] && value["name"].string != nil && value["version"].string != nil
        case .strings: isArray(value) && value.items.count == value.strings.count
        case .object: !value.keys.isEmpty
        case .array: isArray(value)
        case .nullable(let type): value == .null || type.accepts(value)
        }
    }

    private func isArray(_ value: JSON) -> Bool { if case .array = value { true } else { false } }
}

/// Exactly these keys, each with a value of this type.
func expectShape(
    _ value: JSON, _ shape: [String: JSONType], sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(value.keys == Set(shape.keys), sourceLocation: sourceLocation)
    for (key, type) in shape {
        #expect(type.accepts(value[key]), "\(key) is \(value[key]), not \(type)", sourceLocation: sourceLocation)
    }
}

/// Both databases hold the same, collection by collection: options, indexes, and the server's hash of the documents.
func expectEqual(
    _ left: [String: CollectionState], _ right: [String: CollectionState],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(Set(left.keys) == Set(right.keys), sourceLocation: sourceLocation)
    for (name, state) in left {
        guard let other = right[name] else { continue }
        #expect(state.hash == other.hash, "documents of '\(name)'", sourceLocation: sourceLocation)
        #expect(state.options == other.options, "options of '\(name)'", sourceLocation: sourceLocation)
        #expect(state.indexes == other.indexes, "indexes of '\(name)'", sourceLocation: sourceLocation)
        #expect(state.kind == other.kind, "kind of '\(name)'", sourceLocation: sourceLocation)
    }
}
