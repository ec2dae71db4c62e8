/// Puts a document together, element by element, in order.
///
/// A name ends at its first zero byte: BSON cannot hold one in a name, and the document stays well-formed.
package struct BSONBuilder {
    private var bytes: [UInt8] = [0, 0, 0, 0]

    package init() {}

    package mutating func append(_ key: String, _ value: BSONValue) {
        bytes.append(value.type)
        bytes.appendCString(key)
        value.encode(into: &bytes)
    }

    /// Appends a value that is already encoded; `value` must have the right length for `type`.
    package mutating func append(_ key: String, type: UInt8, raw value: some Sequence<UInt8>) {
        bytes.append(type)
        bytes.appendCString(key)
        bytes.append(contentsOf: value)
    }

    /// Copies an element of another document as it lies there: type, name and value.
    mutating func append(_ element: RawElement, of document: BSONDocument) {
        bytes.append(contentsOf: document.bytes[element.start..<element.end])
    }

    package func build() -> BSONDocument {
        var finished = bytes
        finished.append(0)
        let length = Int32(clamping: finished.count)
        withUnsafeBytes(of: length.littleEndian) { finished.replaceSubrange(0..<4, with: $0) }
        return BSONDocument(trusted: finished)
    }
}
