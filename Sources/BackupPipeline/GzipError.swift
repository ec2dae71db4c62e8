/// What is wrong with a gzip stream, and where: `offset` counts stored bytes from its beginning.
package struct GzipError: Error, Equatable, Sendable {
    package enum Kind: Sendable {
        /// It does not begin as gzip does.
        case notGzip
        case damaged
        /// It ends inside a member.
        case truncated
        /// After the last member comes something that is not a member.
        case trailingData
        /// It holds more than the reader was told to accept.
        case tooLong
    }

    package var kind: Kind
    package var offset: UInt64
    package var reason: String

    package init(_ kind: Kind, at offset: UInt64, _ reason: String) {
        self.kind = kind
        self.offset = offset
        self.reason = reason
    }
}

extension GzipError: CustomStringConvertible {
    package var description: String { "gzip data at byte \(offset): \(reason)" }
}
