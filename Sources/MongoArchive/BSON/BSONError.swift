/// Bytes that are not a BSON document, and where that shows.
package struct BSONError: Error, Sendable, Equatable {
    package var message: String
    /// Counted from the first byte of the outermost document.
    package var offset: Int

    package init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }
}

extension BSONError: CustomStringConvertible {
    package var description: String { "\(message) at byte \(offset)" }
}
