extension BSONValue {
    /// Appends the value as it stands in a document, without type and name.
    func encode(into bytes: inout [UInt8]) {
        switch self {
        case .double(let number): bytes.appendLittleEndian(number.bitPattern)
        case .string(let text), .code(let text), .symbol(let text): bytes.appendBSONString(text)
        case .document(let document), .array(let document): bytes += document.bytes
        case .binary(let subtype, let data):
            bytes.appendLittleEndian(Int32(clamping: data.count))
            bytes.append(subtype)
            bytes += data
        case .undefined, .null, .minKey, .maxKey: break
        case .objectID(let id): bytes.append(id, exactly: 12)
        case .bool(let flag): bytes.append(flag ? 1 : 0)
        case .dateTime(let number), .int64(let number): bytes.appendLittleEndian(number)
        case .regex(let pattern, let options):
            bytes.appendCString(pattern)
            bytes.appendCString(options)
        case .dbPointer(let text, let id):
            bytes.appendBSONString(text)
            bytes.append(id, exactly: 12)
        case .codeWithScope(let code, let scope):
            bytes.appendLittleEndian(Int32(clamping: 4 + 4 + code.utf8.count + 1 + scope.bytes.count))
            bytes.appendBSONString(code)
            bytes += scope.bytes
        case .int32(let number): bytes.appendLittleEndian(number)
        case .timestamp(let number): bytes.appendLittleEndian(number)
        case .decimal128(let data): bytes.append(data, exactly: 16)
        }
    }
}

extension [UInt8] {
    mutating func appendLittleEndian(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    mutating func appendBSONString(_ text: String) {
        appendLittleEndian(Int32(clamping: text.utf8.count + 1))
        append(contentsOf: text.utf8)
        append(0)
    }

    /// A zero in the text would end it early for every reader, so it ends here.
    mutating func appendCString(_ text: String) {
        append(contentsOf: text.utf8.prefix { $0 != 0 })
        append(0)
    }

    // Keeps the framing right whatever a caller puts into a value of fixed size.
    fileprivate mutating func append(_ data: [UInt8], exactly count: Int) {
        append(contentsOf: data.prefix(count))
        append(contentsOf: repeatElement(0, count: Swift.max(0, count - data.count)))
    }
}
