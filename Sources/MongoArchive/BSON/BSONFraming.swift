/// The lengths of BSON: what every reader of untrusted bytes asks before it looks at a value.
///
/// Works on bytes in place, without recursion and without allocation per element. Text is not checked: MongoDB
/// stores strings that are not UTF-8, and a backup keeps them.
package enum BSONFraming {
    package static let minimumLength = 5
    /// The largest document in an archive (`ARCHIVE-FORMAT.md` A1); the server's own limit for stored documents.
    package static let maximumLength = 16_777_216
    /// The server allows 100 levels to users and 200 to itself.
    package static let maximumDepth = 200

    /// Checks that `bytes` are exactly one document, down to the innermost length. Linear in the number of bytes.
    package static func validate(_ bytes: UnsafeRawBufferPointer) throws(BSONError) {
        try checkDocument(bytes, at: 0, limit: bytes.count)
        guard Int(readLength(bytes, at: 0)) == bytes.count else {
            throw BSONError("document is shorter than its bytes", offset: 0)
        }
        // Offsets of the terminating zero of every document that is open.
        var terminators = [bytes.count - 1]
        var position = 4
        while let terminator = terminators.last {
            if position == terminator {
                guard bytes[position] == 0 else { throw BSONError("document has no terminator", offset: position) }
                terminators.removeLast()
                position += 1
                continue
            }
            let element = try RawElement(bytes, at: position, terminator: terminator)
            guard let inner = element.innerDocument else {
                position = element.end
                continue
            }
            guard terminators.count < maximumDepth else {
                throw BSONError("document is nested deeper than \(maximumDepth) levels", offset: inner.lowerBound)
            }
            terminators.append(inner.upperBound - 1)
            position = inner.lowerBound + 4
        }
    }

    /// Checks the length of a document that starts at `offset` and must end at or before `limit`.
    static func checkDocument(_ bytes: UnsafeRawBufferPointer, at offset: Int, limit: Int) throws(BSONError) {
        guard limit - offset >= minimumLength else { throw BSONError("document is cut off", offset: offset) }
        let length = Int(readLength(bytes, at: offset))
        guard length >= minimumLength, length <= limit - offset else {
            throw BSONError("document has the impossible length \(length)", offset: offset)
        }
    }

    /// The caller has checked that four bytes are there.
    static func readLength(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    }
}

/// Where one element of a document lies: its type, its name and its value, all checked against the document's end.
struct RawElement {
    let type: UInt8
    let start: Int
    /// Without the terminating zero.
    let key: Range<Int>
    let value: Range<Int>

    var end: Int { value.upperBound }

    /// `terminator` is the offset of the zero that ends the document.
    init(_ bytes: UnsafeRawBufferPointer, at start: Int, terminator: Int) throws(BSONError) {
        type = bytes[start]
        self.start = start
        guard type != 0 else { throw BSONError("document ends before its length", offset: start) }
        let keyEnd = try Self.endOfCString(bytes, at: start + 1, limit: terminator)
        key = (start + 1)..<keyEnd
        let length = try Self.valueLength(bytes, type: type, at: keyEnd + 1, limit: terminator)
        guard length <= terminator - (keyEnd + 1) else {
            throw BSONError("value reaches beyond its document", offset: keyEnd + 1)
        }
        value = (keyEnd + 1)..<(keyEnd + 1 + length)
        try check(bytes)
    }

    /// The document inside the value, for the types that have one.
    var innerDocument: Range<Int>? {
        switch type {
        case 0x03, 0x04: value
        case 0x0F: scope
        default: nil
        }
    }

    // Set only for code with scope, whose scope follows a string of any length.
    private(set) var scope: Range<Int>?
}

extension RawElement {
    static func endOfCString(_ bytes: UnsafeRawBufferPointer, at start: Int, limit: Int) throws(BSONError) -> Int {
        var position = start
        while position < limit {
            if bytes[position] == 0 { return position }
            position += 1
        }
        throw BSONError("name or pattern has no end", offset: start)
    }

    private static func valueLength(
        _ bytes: UnsafeRawBufferPointer, type: UInt8, at start: Int, limit: Int
    ) throws(BSONError) -> Int {
        switch type {
        case 0x06, 0x0A, 0x7F, 0xFF: return 0
        case 0x08: return 1
        case 0x10: return 4
        case 0x01, 0x09, 0x11, 0x12: return 8
        case 0x07: return 12
        case 0x13: return 16
        case 0x0B:
            let patternEnd = try endOfCString(bytes, at: start, limit: limit)
            return try endOfCString(bytes, at: patternEnd + 1, limit: limit) + 1 - start
        case 0x02, 0x0D, 0x0E: return 4 + (try prefix(bytes, at: start, limit: limit, minimum: 1))
        case 0x05: return 5 + (try prefix(bytes, at: start, limit: limit, minimum: 0))
        case 0x0C: return 4 + 12 + (try prefix(bytes, at: start, limit: limit, minimum: 1))
        case 0x03, 0x04: return try prefix(bytes, at: start, limit: limit, minimum: 5)
        // Length, a string of at least five bytes, a document of at least five.
        case 0x0F: return try prefix(bytes, at: start, limit: limit, minimum: 14)
        default: throw BSONError("value has the unknown type \(type)", offset: start)
        }
    }

    /// A length of at least `minimum`; as 32 bits it cannot overflow what is added to it.
    private static func prefix(
        _ bytes: UnsafeRawBufferPointer, at start: Int, limit: Int, minimum: Int
    ) throws(BSONError) -> Int {
        guard limit - start >= 4 else { throw BSONError("value is cut off", offset: start) }
        let length = Int(BSONFraming.readLength(bytes, at: start))
        guard length >= minimum else { throw BSONError("value has the impossible length \(length)", offset: start) }
        return length
    }

    /// What the length of the whole value does not say.
    private mutating func check(_ bytes: UnsafeRawBufferPointer) throws(BSONError) {
        switch type {
        case 0x08:
            guard bytes[value.lowerBound] <= 1 else {
                throw BSONError("boolean is neither true nor false", offset: value.lowerBound)
            }
        case 0x02, 0x0D, 0x0E:
            try checkZero(bytes, at: value.upperBound - 1)
        case 0x0C:
            try checkZero(bytes, at: value.upperBound - 13)
        case 0x05:
            try checkOldBinary(bytes)
        case 0x0F:
            let string = value.lowerBound + 4
            let length = try Self.prefix(bytes, at: string, limit: value.upperBound, minimum: 1)
            guard length <= value.upperBound - string - 4 - BSONFraming.minimumLength else {
                throw BSONError("code reaches beyond its value", offset: string)
            }
            let document = string + 4 + length
            try checkZero(bytes, at: document - 1)
            guard Int(BSONFraming.readLength(bytes, at: document)) == value.upperBound - document else {
                throw BSONError("scope does not end with its value", offset: document)
            }
            scope = document..<value.upperBound
        default: break
        }
    }

    // Subtype 2 repeats the length inside.
    private func checkOldBinary(_ bytes: UnsafeRawBufferPointer) throws(BSONError) {
        guard bytes[value.lowerBound + 4] == 2 else { return }
        guard value.count >= 9, Int(BSONFraming.readLength(bytes, at: value.lowerBound + 5)) == value.count - 9 else {
            throw BSONError("binary of subtype 2 has two lengths that differ", offset: value.lowerBound)
        }
    }

    private func checkZero(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(BSONError) {
        guard bytes[offset] == 0 else { throw BSONError("string has no terminator", offset: offset) }
    }
}
