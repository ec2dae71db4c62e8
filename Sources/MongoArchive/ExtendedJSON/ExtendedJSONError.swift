/// Text that is not Extended JSON, or a document that Extended JSON cannot say.
package struct ExtendedJSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    /// In the text; nil for a document that cannot be written.
    package var offset: Int?

    package init(_ message: String, offset: Int? = nil) {
        self.message = message
        self.offset = offset
    }

    package var description: String { offset.map { "\(message) at byte \($0) of the text" } ?? message }
}
