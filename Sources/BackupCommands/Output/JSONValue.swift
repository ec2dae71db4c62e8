import BackupModel
import BackupOperations
import Foundation

/// A JSON value with explicit nulls, so that a key that scripts rely on is always there.
enum JSONValue: Sendable, ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByBooleanLiteral {
    case null
    case bool(Bool)
    case int(Int64)
    case string(String)
    case array([JSONValue])
    case object(JSONMembers)

    init(stringLiteral value: String) { self = .string(value) }
    init(nilLiteral: ()) { self = .null }
    init(booleanLiteral value: Bool) { self = .bool(value) }

    init(_ value: String?) { self = value.map(JSONValue.string) ?? .null }
    init(_ value: Int64?) { self = value.map(JSONValue.int) ?? .null }
    init(_ value: Int?) { self = value.map { .int(Int64($0)) } ?? .null }
    init(_ value: Bool) { self = .bool(value) }
    init(_ value: Date?) { self = value.map { .string(Timestamp.rfc3339($0)) } ?? .null }
    init(_ values: [String]) { self = .array(values.map(JSONValue.string)) }

}

/// The members of an object, a key once each. Not a dictionary: they are made and written, never looked up.
struct JSONMembers: Sendable, ExpressibleByDictionaryLiteral {
    var pairs: [(key: String, value: JSONValue)]

    init(_ members: [String: JSONValue]) { pairs = Array(members) }
    init(dictionaryLiteral pairs: (String, JSONValue)...) { self.pairs = pairs.map { (key: $0.0, value: $0.1) } }
}

extension JSONValue {
    /// All of it in one line.
    func line() -> String { text(in: JSONWriter(isPretty: false)) }

    /// As `JSONEncoder` prints it, keys in order: with Foundation a listing of 10,000 jobs would spend most of its time here.
    func encoded() -> String { text(in: JSONWriter(isPretty: true)) }

    /// What `encoded` gives for these as elements of an array, without the brackets around them.
    static func elements(_ values: [JSONValue]) -> String {
        var writer = JSONWriter(isPretty: true)
        writer.writeElements(values)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func text(in writer: JSONWriter) -> String {
        var writer = writer
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

private struct JSONWriter {
    private let isPretty: Bool
    private(set) var bytes: [UInt8] = []
    private var depth = 0

    init(isPretty: Bool) {
        self.isPretty = isPretty
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: add("null")
        case .bool(let value): add(value ? "true" : "false")
        case .int(let value): add(String(value))
        case .string(let text): write(text)
        case .array(let values) where values.count > Self.many: writeAtOnce(values)
        case .array(let values): enclose("[", "]", values) { $0.write($1) }
        case .object(let members):
            let sorted = members.pairs.sorted { $0.key < $1.key }
            enclose("{", "}", sorted) { writer, member in
                writer.write(member.key)
                writer.add(writer.isPretty ? " : " : ":")
                writer.write(member.value)
            }
        }
    }

    /// From so many elements on, parts of an array are written on all cores.
    private static let many = 1000

    mutating func writeElements(_ values: [JSONValue]) {
        depth += 1
        for (index, value) in values.enumerated() {
            if index > 0 { add(",") }
            breakLine()
            write(value)
        }
        depth -= 1
    }

    private mutating func writeAtOnce(_ values: [JSONValue]) {
        let parts = stride(from: 0, to: values.count, by: 250).map { values[$0..<min($0 + 250, values.count)] }
        var template = JSONWriter(isPretty: isPretty)
        template.depth = depth + 1
        let written = onAllCores(parts) { [template] part in
            var writer = template
            for (index, value) in part.enumerated() {
                if index > 0 { writer.add(",") }
                writer.breakLine()
                writer.write(value)
            }
            return writer.bytes
        }
        add("[")
        for (index, part) in written.enumerated() {
            if index > 0 { add(",") }
            bytes += part
        }
        breakLine()
        add("]")
    }

    private mutating func enclose<Element>(
        _ open: String, _ close: String, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
    ) {
        add(open)
        depth += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { add(",") }
            breakLine()
            body(&self, element)
        }
        depth -= 1
        if isPretty && elements.isEmpty { add("\n") }
        breakLine()
        add(close)
    }

    private mutating func breakLine() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<depth { add("  ") }
    }

    private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// A string of RFC 8259: quotes, backslashes and control characters are escaped, everything else is as it is.
    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): add("\\\"")
            case UInt8(ascii: "\\"): add("\\\\")
            case 0x08: add("\\b")
            case 0x09: add("\\t")
            case 0x0A: add("\\n")
            case 0x0C: add("\\f")
            case 0x0D: add("\\r")
            case 0..<0x20: add("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
