import Foundation

/// A JSON value as a test looks at it: keys, types and values, none of them bent.
package indirect enum JSON: Decodable, Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    package init(_ text: String) throws {
        self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8))
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    /// The member of this name; null when there is none.
    package subscript(key: String) -> JSON {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    package subscript(index: Int) -> JSON {
        let items = items
        return items.indices.contains(index) ? items[index] : .null
    }

    package var items: [JSON] { if case .array(let items) = self { items } else { [] } }
    package var keys: Set<String> { if case .object(let members) = self { Set(members.keys) } else { [] } }
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var int: Int64? { if case .int(let number) = self { number } else { nil } }
    package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    package var strings: [String] { items.compactMap(\.string) }
}
