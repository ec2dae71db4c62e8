/// Reads JSON into BSON bytes as it goes: no tree in between, and memory in proportion to the text.
///
/// An object whose first name is one of Extended JSON's own becomes the value it stands for once it is complete, or
/// is an error, as in the Go driver.
struct ExtendedJSONParser {
    private let text: [UInt8]
    private var position = 0
    private var out: [UInt8] = []

    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    mutating func document() throws -> BSONDocument {
        skipSpace()
        guard peek == UInt8(ascii: "{") else { throw error("not a JSON object") }
        let type = try value(depth: 0)
        guard type == 0x03 else { throw error("not a JSON object but a value") }
        skipSpace()
        guard position == text.count else { throw error("something follows the JSON object") }
        return BSONDocument(trusted: out)
    }
}

extension ExtendedJSONParser {
    /// Appends the value that begins here and gives its type. The depth is capped, so the recursion is.
    private mutating func value(depth: Int) throws -> UInt8 {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""):
            let start = out.count
            out.appendLittleEndian(Int32(0))
            try string()
            out.append(0)
            patchLength(at: start, Int32(clamping: out.count - start - 4))
            return 0x02
        default: return try scalar()
        }
    }

    private mutating func object(depth: Int) throws -> UInt8 {
        let start = try open(depth)
        var first: String?
        while try member(isFirst: first == nil, closing: UInt8(ascii: "}")) {
            guard peek == UInt8(ascii: "\"") else { throw error("a name is expected") }
            let type = out.count
            out.append(0)
            try string()
            let name = out[(type + 1)...]
            guard !name.contains(0) else { throw error("a name holds a zero character") }
            if first == nil { first = name.first == UInt8(ascii: "$") ? String(decoding: name, as: UTF8.self) : "" }
            out.append(0)
            skipSpace()
            try expect(UInt8(ascii: ":"))
            let valueType = try value(depth: depth)
            out[type] = valueType
        }
        close(start)
        guard let first, ExtendedJSONWrapper.names.contains(first) else { return 0x03 }
        let document = BSONDocument(trusted: Array(out[start...]))
        guard let value = try wrapped(document, first) else { return 0x03 }
        out.removeLast(out.count - start)
        value.encode(into: &out)
        return value.type
    }

    private func wrapped(_ document: BSONDocument, _ name: String) throws -> BSONValue? {
        do {
            return try ExtendedJSONWrapper.value(document, name)
        } catch {
            throw self.error(error.message)
        }
    }

    private mutating func array(depth: Int) throws -> UInt8 {
        let start = try open(depth)
        var index = 0
        while try member(isFirst: index == 0, closing: UInt8(ascii: "]")) {
            let type = out.count
            out.append(0)
            out.appendCString(String(index))
            let valueType = try value(depth: depth)
            out[type] = valueType
            index += 1
        }
        close(start)
        return 0x04
    }

    /// Skips the comma before a member; false, behind the bracket, when there is none.
    private mutating func member(isFirst: Bool, closing: UInt8) throws -> Bool {
        skipSpace()
        if peek == closing {
            position += 1
            return false
        }
        if !isFirst {
            try expect(UInt8(ascii: ","))
            skipSpace()
        }
        return true
    }

    private mutating func open(_ depth: Int) throws -> Int {
        guard depth <= ExtendedJSON.maximumDepth else {
            throw error("nested deeper than \(ExtendedJSON.maximumDepth) levels")
        }
        position += 1
        out.appendLittleEndian(Int32(0))
        return out.count - 4
    }

    private mutating func close(_ start: Int) {
        out.append(0)
        patchLength(at: start, Int32(clamping: out.count - start))
    }

    private mutating func patchLength(at start: Int, _ length: Int32) {
        withUnsafeBytes(of: length.littleEndian) { out.replaceSubrange(start..<(start + 4), with: $0) }
    }
}

// Words and numbers.
extension ExtendedJSONParser {
    private static let words: [(String, BSONValue)] = [
        ("true", .bool(true)), ("false", .bool(false)), ("null", .null),
        // Bare in the JSON of tools 3.x.
        ("NaN", .double(.nan)), ("Infinity", .double(.infinity)), ("-Infinity", .double(-.infinity)),
    ]

    private mutating func scalar() throws -> UInt8 {
        for (word, value) in Self.words where text[position...].starts(with: word.utf8) {
            position += word.utf8.count
            value.encode(into: &out)
            return value.type
        }
        let start = position
        while let byte = peek, NumberText.isPart(byte) { position += 1 }
        guard let value = NumberText.value(String(decoding: text[start..<position], as: UTF8.self)) else {
            position = start
            throw error(start == text.count ? "the text ends too early" : "not a JSON value")
        }
        value.encode(into: &out)
        return value.type
    }
}

// Strings.
extension ExtendedJSONParser {
    /// Appends the content of the string that begins here. A lone surrogate becomes U+FFFD, as in Go.
    private mutating func string() throws {
        position += 1
        while true {
            guard let byte = peek else { throw error("a string has no end") }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw error("a control character in a string")
            default:
                out.append(byte)
                position += 1
            }
        }
    }

    private mutating func escape() throws {
        position += 1
        guard let byte = peek else { throw error("a string has no end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"): appendScalar(try unicodeEscape())
        default: throw error("an unknown escape in a string")
        }
    }

    /// Behind `\u`.
    private mutating func unicodeEscape() throws -> UInt32 {
        let unit = try fourDigits()
        guard (0xD800...0xDBFF).contains(unit), text[position...].starts(with: "\\u".utf8) else { return unit }
        let behindFirst = position
        position += 2
        let second = try fourDigits()
        guard (0xDC00...0xDFFF).contains(second) else {
            position = behindFirst
            return unit
        }
        return 0x10000 + (unit - 0xD800) << 10 + (second - 0xDC00)
    }

    private mutating func fourDigits() throws -> UInt32 {
        var number: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Hexadecimal.digit(byte) else {
                throw error("a wrong escape in a string")
            }
            number = number << 4 | UInt32(digit)
            position += 1
        }
        return number
    }

    private mutating func appendScalar(_ number: UInt32) {
        let scalar = Unicode.Scalar(number) ?? "\u{FFFD}"
        out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
}

extension ExtendedJSONParser {
    private var peek: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws {
        guard peek == byte else { throw error("'\(Unicode.Scalar(byte))' is expected") }
        position += 1
    }

    private func error(_ message: String) -> ExtendedJSONError { ExtendedJSONError(message, offset: position) }
}
