/// One BSON document. Its bytes are the truth: names, order, duplicates and strings that are not UTF-8 stay as they are.
///
/// Every nested length was checked when it was made, so that reading an element cannot fail.
package struct BSONDocument: Hashable, Sendable {
    package let bytes: [UInt8]

    package static let empty = BSONDocument(trusted: [5, 0, 0, 0, 0])

    package init(validating bytes: [UInt8]) throws(BSONError) {
        try Self.validate(bytes)
        self.bytes = bytes
    }

    package init(validating bytes: UnsafeRawBufferPointer) throws(BSONError) {
        try BSONFraming.validate(bytes)
        self.bytes = Array(bytes)
    }

    // `withUnsafeBytes` loses the type of what its closure throws.
    private static func validate(_ bytes: [UInt8]) throws(BSONError) {
        let result: Result<Void, BSONError> = bytes.withUnsafeBytes { bytes in
            do throws(BSONError) {
                return .success(try BSONFraming.validate(bytes))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// For bytes that were part of a checked document or come from `BSONBuilder`.
    init(trusted bytes: [UInt8]) {
        self.bytes = bytes
    }
}

extension BSONDocument {
    package var isEmpty: Bool { bytes.count <= BSONFraming.minimumLength }

    /// The value of the first element with this name.
    package subscript(key: String) -> BSONValue? {
        let wanted = Array(key.utf8)
        for element in rawElements where bytes[element.key].elementsEqual(wanted) { return value(of: element) }
        return nil
    }

    /// Without the elements of these names; the others are copied as they are.
    package func removing(_ keys: Set<String>) -> BSONDocument {
        var builder = BSONBuilder()
        for element in rawElements where !keys.contains(name(of: element)) { builder.append(element, of: self) }
        return builder.build()
    }

    package var elements: Elements { Elements(document: self) }

    package var keys: [String] { rawElements.map { name(of: $0) } }

    /// The elements in order, each decoded when it is reached.
    package struct Elements: Sequence, IteratorProtocol {
        private let document: BSONDocument
        private var raw: RawElements

        init(document: BSONDocument) {
            self.document = document
            raw = document.rawElements
        }

        package mutating func next() -> (key: String, value: BSONValue)? {
            guard let element = raw.next() else { return nil }
            return (document.name(of: element), document.value(of: element))
        }
    }
}

extension BSONDocument {
    /// Where the elements lie, for those who copy them without decoding.
    struct RawElements: Sequence, IteratorProtocol {
        private let bytes: [UInt8]
        private var position = 4

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        mutating func next() -> RawElement? {
            guard position < bytes.count - 1 else { return nil }
            let found = bytes.withUnsafeBytes { try? RawElement($0, at: position, terminator: $0.count - 1) }
            position = found?.end ?? bytes.count
            return found
        }
    }

    var rawElements: RawElements { RawElements(bytes: bytes) }

    /// A name that is not UTF-8 is shown with replacement characters.
    func name(of element: RawElement) -> String { String(decoding: bytes[element.key], as: UTF8.self) }

    func value(of element: RawElement) -> BSONValue {
        bytes.withUnsafeBytes { BSONValue(element, in: $0) }
    }
}

extension BSONDocument: ExpressibleByDictionaryLiteral {
    /// The order of the pairs is the order in the document.
    package init(dictionaryLiteral pairs: (String, BSONValue)...) {
        self.init(pairs)
    }

    package init(_ pairs: KeyValuePairs<String, BSONValue>) {
        self.init(pairs.map { ($0.key, $0.value) })
    }

    package init(_ pairs: [(String, BSONValue)]) {
        var builder = BSONBuilder()
        for (key, value) in pairs { builder.append(key, value) }
        self = builder.build()
    }

    /// An array's document: the names are "0", "1", ...
    package init(array values: [BSONValue]) {
        var builder = BSONBuilder()
        for (index, value) in values.enumerated() { builder.append(String(index), value) }
        self = builder.build()
    }
}

extension BSONDocument: CustomStringConvertible {
    /// Extended JSON, or the number of bytes of a document that has none.
    package var description: String { (try? ExtendedJSON.canonical(self)) ?? "(\(bytes.count) bytes of BSON)" }
}
