import MongoArchive
import Testing

/// From the BSON specification's decimal128 cases.
struct Decimal128Tests {
    /// Canonical text and the two halves of the number.
    @Test(
        arguments: [
            ("0", 0x3040_0000_0000_0000, 0), ("-0", 0xB040_0000_0000_0000, 0), ("1", 0x3040_0000_0000_0000, 1),
            ("0.1", 0x303E_0000_0000_0000, 1),
            ("0.1234567890123456789012345678901234", 0x2FFC_3CDE_6FFF_9732, 0xDE82_5CD0_7E96_AFF2),
            ("0.001234", 0x3034_0000_0000_0000, 0x4D2), ("-1.00E-8", 0xB02C_0000_0000_0000, 0x64),
            ("1E+3", 0x3046_0000_0000_0000, 1), ("NaN", 0x7C00_0000_0000_0000, 0),
            ("Infinity", 0x7800_0000_0000_0000, 0),
            ("-Infinity", 0xF800_0000_0000_0000, 0),
            ("9.999999999999999999999999999999999E+6144", 0x5FFF_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF),
            ("1E-6176", 0, 1), ("0E+6111", 0x5FFE_0000_0000_0000, 0),
            ("1.000000000000000000000000000000000E+6144", 0x5FFE_314D_C644_8D93, 0x38C1_5B0A_0000_0000),
        ] as [(String, UInt64, UInt64)])
    func textAndBits(_ text: String, _ high: UInt64, _ low: UInt64) throws {
        let bytes = [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        let document: BSONDocument = ["v": .decimal128(bytes)]
        #expect(try ExtendedJSON.reversible(document) == #"{"v":{"$numberDecimal":"\#(text)"}}"#)
    }

    @Test(arguments: [
        ("1E+6144", "1.000000000000000000000000000000000E+6144"), ("0E+9999", "0E+6111"), ("+1.5", "1.5"),
        ("10E-1", "1.0"), ("inf", "Infinity"),
        ("1.00000000000000000000000000000000000000000", "1.000000000000000000000000000000000"), ("10E-6177", "1E-6176"),
    ])
    func otherSpellingsAreRead(_ text: String, _ canonical: String) throws {
        let document = try ExtendedJSON.parse(#"{"v":{"$numberDecimal":"\#(text)"}}"#)
        #expect(try ExtendedJSON.canonical(document) == #"{"v":{"$numberDecimal":"\#(canonical)"}}"#)
    }

    @Test(arguments: ["", "-", ".", "1e", "1E6145", "12345678901234567890123456789012345", "1E-6177", "e5", "1 2", "١"])
    func whatDoesNotFitIsAnError(_ text: String) {
        #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.parse(#"{"v":{"$numberDecimal":"\#(text)"}}"#) }
    }
}
