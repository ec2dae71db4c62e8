/// A decoded BSON value.
///
/// Equality is that of the encoded bytes: 1 and 1.0 differ, -0.0 and 0.0 differ, a NaN equals itself, and strings are
/// compared by their bytes. Decoding replaces what is not UTF-8 in strings; who must keep such bytes keeps the document.
package indirect enum BSONValue: Sendable {
    case double(Double)
    case string(String)
    case document(BSONDocument)
    case array(BSONDocument)
    case binary(subtype: UInt8, [UInt8])
    case undefined
    /// Twelve bytes.
    case objectID([UInt8])
    case bool(Bool)
    /// Milliseconds since 1970.
    case dateTime(Int64)
    case null
    case regex(pattern: String, options: String)
    case dbPointer(String, [UInt8])
    case code(String)
    case symbol(String)
    case codeWithScope(String, BSONDocument)
    case int32(Int32)
    /// Seconds in the upper 32 bits, the counter in the lower.
    case timestamp(UInt64)
    case int64(Int64)
    /// Sixteen bytes, little endian.
    case decimal128([UInt8])
    case minKey
    case maxKey
}

extension BSONValue {
    /// Decodes an element whose place was checked.
    init(_ element: RawElement, in bytes: UnsafeRawBufferPointer) {
        let value = UnsafeRawBufferPointer(rebasing: bytes[element.value])
        switch element.type {
        case 0x01: self = .double(Double(bitPattern: Self.read(value, as: UInt64.self)))
        case 0x02: self = .string(Self.text(value, from: 4))
        case 0x03: self = .document(BSONDocument(trusted: Array(value)))
        case 0x04: self = .array(BSONDocument(trusted: Array(value)))
        case 0x05: self = .binary(subtype: value[4], Array(value[5...]))
        case 0x06: self = .undefined
        case 0x07: self = .objectID(Array(value))
        case 0x08: self = .bool(value[0] != 0)
        case 0x09: self = .dateTime(Self.read(value, as: Int64.self))
        case 0x0B:
            let parts = value.split(separator: 0, omittingEmptySubsequences: false)
            let texts = parts.map { String(decoding: $0, as: UTF8.self) }
            self = .regex(pattern: texts.first ?? "", options: texts.dropFirst().first ?? "")
        case 0x0C: self = .dbPointer(Self.text(value, from: 4, droppingLast: 13), Array(value.suffix(12)))
        case 0x0D: self = .code(Self.text(value, from: 4))
        case 0x0E: self = .symbol(Self.text(value, from: 4))
        case 0x0F:
            let scope = element.scope ?? element.value
            let code = value.count - scope.count
            self = .codeWithScope(
                Self.text(UnsafeRawBufferPointer(rebasing: value[..<code]), from: 8),
                BSONDocument(trusted: Array(bytes[scope])))
        case 0x10: self = .int32(Self.read(value, as: Int32.self))
        case 0x11: self = .timestamp(Self.read(value, as: UInt64.self))
        case 0x12: self = .int64(Self.read(value, as: Int64.self))
        case 0x13: self = .decimal128(Array(value))
        case 0x7F: self = .maxKey
        case 0xFF: self = .minKey
        default: self = .null
        }
    }

    private static func read<Number: FixedWidthInteger>(_ value: UnsafeRawBufferPointer, as: Number.Type) -> Number {
        Number(littleEndian: value.loadUnaligned(as: Number.self))
    }

    private static func text(_ value: UnsafeRawBufferPointer, from start: Int, droppingLast tail: Int = 1) -> String {
        String(decoding: value.dropFirst(start).dropLast(tail), as: UTF8.self)
    }
}

extension BSONValue {
    /// The type's number in BSON.
    package var type: UInt8 {
        switch self {
        case .double: 0x01
        case .string: 0x02
        case .document: 0x03
        case .array: 0x04
        case .binary: 0x05
        case .undefined: 0x06
        case .objectID: 0x07
        case .bool: 0x08
        case .dateTime: 0x09
        case .null: 0x0A
        case .regex: 0x0B
        case .dbPointer: 0x0C
        case .code: 0x0D
        case .symbol: 0x0E
        case .codeWithScope: 0x0F
        case .int32: 0x10
        case .timestamp: 0x11
        case .int64: 0x12
        case .decimal128: 0x13
        case .maxKey: 0x7F
        case .minKey: 0xFF
        }
    }
}

extension BSONValue: Hashable {
    package static func == (left: BSONValue, right: BSONValue) -> Bool {
        left.type == right.type && left.encoded == right.encoded
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(encoded)
    }

    private var encoded: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }
}
