internal import Glibc

/// Finds documents that the server would change on their way in: a `Timestamp(0, 0)` at the top level becomes the
/// server's own time, except in `_id`.
enum ZeroTimestamps {
    /// Whether the bytes of such a value are anywhere in the document: a quick look that spares most of them the walk.
    static func mayBeIn(_ document: UnsafeRawBufferPointer) -> Bool {
        guard let base = document.baseAddress, document.count > 4 else { return false }
        var position = 4
        while let found = memchr(base + position, 0x11, document.count - position) {
            position = base.distance(to: UnsafeRawPointer(found)) + 1
            guard let end = memchr(base + position, 0, document.count - position) else { return false }
            let value = base.distance(to: UnsafeRawPointer(end)) + 1
            guard document.count - value >= 8 else { return false }
            if document.loadUnaligned(fromByteOffset: value, as: UInt64.self) == 0 { return true }
        }
        return false
    }

    /// Where the value of `_id` lies in a document that needs care.
    struct Identifier: Equatable {
        var type: UInt8
        var value: Range<Int>
    }

    /// Nil when the document goes in unchanged. The framing of the top level is checked while it is walked; what is
    /// not well-formed is left to the server to refuse.
    static func find(in document: UnsafeRawBufferPointer) -> (needsRepair: Bool, identifier: Identifier?) {
        var identifier: Identifier?
        var isZero = false
        var position = 4
        while position < document.count - 1 {
            let type = document[position]
            guard let nameEnd = endOfName(document, from: position + 1),
                let length = length(of: type, document, at: nameEnd + 1),
                length <= document.count - nameEnd - 1
            else { break }
            let isIdentifier =
                nameEnd - position == 4 && document[position + 1] == UInt8(ascii: "_")
                && document[position + 2] == UInt8(ascii: "i") && document[position + 3] == UInt8(ascii: "d")
            if isIdentifier {
                if identifier == nil {
                    identifier = Identifier(type: type, value: (nameEnd + 1)..<(nameEnd + 1 + length))
                }
            } else if type == 0x11, document.loadUnaligned(fromByteOffset: nameEnd + 1, as: UInt64.self) == 0 {
                isZero = true
            }
            position = nameEnd + 1 + length
        }
        return (isZero, identifier)
    }

    private static func endOfName(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start
        while position < bytes.count {
            if bytes[position] == 0 { return position }
            position &+= 1
        }
        return nil
    }

    private static func length(of type: UInt8, _ bytes: UnsafeRawBufferPointer, at start: Int) -> Int? {
        switch type {
        case 0x06, 0x0A, 0x7F, 0xFF: 0
        case 0x08: 1
        case 0x10: 4
        case 0x01, 0x09, 0x12: 8
        case 0x11: bytes.count - start >= 8 ? 8 : nil
        case 0x07: 12
        case 0x13: 16
        case 0x0B:
            endOfName(bytes, from: start).flatMap { endOfName(bytes, from: $0 + 1) }.map { $0 + 1 - start }
        case 0x02, 0x0D, 0x0E: prefix(bytes, at: start).map { 4 + $0 }
        case 0x05: prefix(bytes, at: start).map { 5 + $0 }
        case 0x0C: prefix(bytes, at: start).map { 16 + $0 }
        case 0x03, 0x04, 0x0F: prefix(bytes, at: start)
        default: nil
        }
    }

    private static func prefix(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Int? {
        guard bytes.count - start >= 4 else { return nil }
        let length = Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int32.self))
        return length >= 0 ? Int(length) : nil
    }
}
