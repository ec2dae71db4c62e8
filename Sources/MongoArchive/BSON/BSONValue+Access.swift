extension BSONValue {
    /// Any number that is whole and fits; replies of servers use all three types for the same field.
    package var asInt64: Int64? {
        switch self {
        case .int32(let number): Int64(number)
        case .int64(let number): number
        case .double(let number): Int64(exactly: number)
        default: nil
        }
    }

    package var asDouble: Double? {
        switch self {
        case .int32(let number): Double(number)
        case .int64(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    /// The server's notion of truth, as in `ok: 1`, `ok: 1.0`, `ok: true`.
    package var isTrue: Bool {
        if case .bool(let flag) = self { return flag }
        return asDouble.map { $0 != 0 } ?? false
    }

    package var stringValue: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    package var boolValue: Bool? {
        if case .bool(let flag) = self { return flag }
        return nil
    }

    package var documentValue: BSONDocument? {
        if case .document(let document) = self { return document }
        return nil
    }

    /// The elements of an array in order, whatever they are named.
    package var arrayValues: [BSONValue]? {
        if case .array(let document) = self { return document.elements.map(\.value) }
        return nil
    }

    package var timestampValue: UInt64? {
        if case .timestamp(let number) = self { return number }
        return nil
    }

    package var dateTimeValue: Int64? {
        if case .dateTime(let milliseconds) = self { return milliseconds }
        return nil
    }

    /// Subtype 4, sixteen bytes.
    package var uuidValue: [UInt8]? {
        if case .binary(4, let data) = self, data.count == 16 { return data }
        return nil
    }
}

extension BSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral text: String) { self = .string(text) }

    /// An int32 where it fits, as the shell and the drivers do.
    package init(integerLiteral number: Int64) { self = .integer(number) }

    package init(floatLiteral number: Double) { self = .double(number) }

    package init(booleanLiteral flag: Bool) { self = .bool(flag) }

    package init(arrayLiteral values: BSONValue...) { self = .array(values) }

    package init(dictionaryLiteral pairs: (String, BSONValue)...) { self = .document(BSONDocument(pairs)) }

    package static func integer(_ number: Int64) -> BSONValue {
        Int32(exactly: number).map { .int32($0) } ?? .int64(number)
    }

    package static func array(_ values: [BSONValue]) -> BSONValue { .array(BSONDocument(array: values)) }
}
