/// The JSON in which an archive holds options and indexes: canonical Extended JSON v2 since tools 4.2, relaxed or
/// legacy forms before.
package enum ExtendedJSON {
    static let maximumDepth = BSONFraming.maximumDepth

    /// Reads all forms. Plain `1` is an int32 (an int64 where it does not fit), `1.0` a double.
    ///
    /// `{"$regex": .., "$options": ..}` stays a document: in views and validators it is the operator, and mongodump
    /// writes a regular expression as `$regularExpression`.
    package static func parse(_ text: String) throws -> BSONDocument {
        var parser = ExtendedJSONParser(text)
        return try parser.document()
    }

    /// Writes as mongodump does. Throws for text that is not UTF-8. Other documents may still not read back the same:
    /// `reversible` is the one that checks it.
    package static func canonical(_ document: BSONDocument) throws -> String {
        var writer = ExtendedJSONWriter()
        try writer.write(document)
        return writer.text
    }

    /// For people to look at: relaxed unless it is to be canonical. Never throws: what is not UTF-8 is shown with replacement
    /// characters, and not as exact.
    package static func shown(_ document: BSONDocument, isCanonical: Bool) -> (text: String, isExact: Bool) {
        var writer = ExtendedJSONWriter(isRelaxed: !isCanonical, isLenient: true)
        // A lenient writer has nothing to throw.
        try? writer.write(document)
        return (writer.text, writer.isExact)
    }

    /// Canonical text that was read back and gave the same bytes; throws where it did not, as mongodump does.
    package static func reversible(_ document: BSONDocument) throws -> String {
        let text = try canonical(document)
        let back = try? parse(text)
        guard back?.bytes == document.bytes else {
            throw ExtendedJSONError("document would not read back the same from Extended JSON")
        }
        return text
    }
}
