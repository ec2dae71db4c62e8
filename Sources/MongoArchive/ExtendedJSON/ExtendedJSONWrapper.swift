/// The objects that stand for a value, as in `{"$oid": ".."}`.
enum ExtendedJSONWrapper {
    /// An object that begins with one of these is a wrapper or an error; `$type` alone is a query operator too.
    static let names: Set<String> = [
        "$oid", "$symbol", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary", "$type",
        "$uuid", "$code", "$scope", "$timestamp", "$regularExpression", "$dbPointer", "$date", "$minKey", "$maxKey",
        "$undefined",
    ]

    /// What `document`, whose first name is `name`, stands for; nil when it stands for itself.
    static func value(_ document: BSONDocument, _ name: String) throws(ExtendedJSONError) -> BSONValue? {
        let fields = Array(document.elements.prefix(3))
        let result: BSONValue?
        switch (fields.count, fields.first?.value, name) {
        case (2, let first?, "$binary"), (2, let first?, "$type"):
            result = pair(first, fields[1], name)
            if result == nil, name == "$type" { return nil }
        case (_, _, "$type"): return nil
        case (2, let first?, "$code"), (2, let first?, "$scope"): result = pair(first, fields[1], name)
        case (1, let value?, _): result = single(value, name)
        default: result = nil
        }
        guard let result else { throw ExtendedJSONError("a wrong '\(name)'") }
        return result
    }

    private static func pair(
        _ first: BSONValue, _ second: (key: String, value: BSONValue), _ name: String
    ) -> BSONValue? {
        switch (name, first, second.key, second.value) {
        case ("$code", .string(let code), "$scope", .document(let scope)): .codeWithScope(code, scope)
        case ("$scope", .document(let scope), "$code", .string(let code)): .codeWithScope(code, scope)
        case ("$binary", .string(let data), "$type", .string(let subtype)): binary(data, subtype)
        case ("$type", .string(let subtype), "$binary", .string(let data)): binary(data, subtype)
        default: nil
        }
    }

    private static func single(_ value: BSONValue, _ name: String) -> BSONValue? {
        switch (name, value) {
        case ("$oid", .string(let text)):
            Hexadecimal.decode(text).flatMap { $0.count == 12 ? .objectID($0) : nil }
        case ("$symbol", .string(let text)): .symbol(text)
        case ("$code", .string(let text)): .code(text)
        case ("$numberInt", .string(let text)): Int32(text).map { .int32($0) }
        case ("$numberLong", .string(let text)): Int64(text).map { .int64($0) }
        case ("$numberDouble", .string(let text)): NumberText.double(text).map { .double($0) }
        case ("$numberDecimal", .string(let text)): Decimal128(text).map { .decimal128($0.bytes) }
        case ("$uuid", .string(let text)): uuid(text)
        case ("$date", .string(let text)): DateText.milliseconds(text).map { .dateTime($0) }
        case ("$date", .int64(let number)): .dateTime(number)
        case ("$date", .int32(let number)): .dateTime(Int64(number))
        case ("$minKey", .int32(1)): .minKey
        case ("$maxKey", .int32(1)): .maxKey
        case ("$undefined", .bool(true)): .undefined
        case (_, .document(let inner)): nested(inner, name)
        default: nil
        }
    }

    private static func nested(_ inner: BSONDocument, _ name: String) -> BSONValue? {
        guard inner.keys.count == 2 else { return nil }
        switch name {
        case "$binary":
            guard let data = inner["base64"]?.stringValue, let subtype = inner["subType"]?.stringValue else {
                return nil
            }
            return binary(data, subtype)
        case "$timestamp":
            guard let seconds = unsigned(inner["t"]), let counter = unsigned(inner["i"]) else { return nil }
            return .timestamp(UInt64(seconds) << 32 | UInt64(counter))
        case "$regularExpression":
            guard let pattern = inner["pattern"]?.stringValue, let options = inner["options"]?.stringValue,
                !pattern.utf8.contains(0), !options.utf8.contains(0)
            else { return nil }
            return .regex(pattern: pattern, options: options)
        case "$dbPointer":
            guard let reference = inner["$ref"]?.stringValue, case .objectID(let id)? = inner["$id"] else { return nil }
            return .dbPointer(reference, id)
        default: return nil
        }
    }

    private static func unsigned(_ value: BSONValue?) -> UInt32? {
        switch value {
        case .int32(let number)?: UInt32(exactly: number)
        case .int64(let number)?: UInt32(exactly: number)
        default: nil
        }
    }

    /// The subtype has one or two hexadecimal digits. In subtype 2 the length is repeated, which the text leaves out.
    private static func binary(_ text: String, _ subtype: String) -> BSONValue? {
        let padded = subtype.utf8.count == 1 ? "0" + subtype : subtype
        guard let type = Hexadecimal.decode(padded), type.count == 1, let data = Base64.decode(text) else { return nil }
        guard type[0] == 2 else { return .binary(subtype: type[0], data) }
        var content: [UInt8] = []
        content.appendLittleEndian(Int32(clamping: data.count))
        return .binary(subtype: 2, content + data)
    }

    private static func uuid(_ text: String) -> BSONValue? {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        return Hexadecimal.decode(groups.joined()).map { .binary(subtype: 4, $0) }
    }
}
