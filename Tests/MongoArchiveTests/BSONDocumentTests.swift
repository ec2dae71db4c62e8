import MongoArchive
import Testing

struct BSONDocumentTests {
    private static let everything: BSONDocument = [
        "double": 1.5, "string": "žlutý", "document": ["a": 1], "array": [1, "two", [3]],
        "binary": .binary(subtype: 5, [1, 2, 3]), "old": .binary(subtype: 2, [1, 0, 0, 0, 9]), "undefined": .undefined,
        "id": .objectID(Array(1...12)), "bool": true, "date": .dateTime(-1), "null": .null,
        "regex": .regex(pattern: "^a", options: "im"), "pointer": .dbPointer("d.c", Array(1...12)),
        "code": .code("x()"), "symbol": .symbol("s"), "scoped": .codeWithScope("y", ["z": 1]), "int": 5,
        "stamp": .timestamp(7 << 32 | 9), "long": .int64(-1), "decimal": .decimal128(Array(0..<16)), "min": .minKey,
        "max": .maxKey,
    ]

    @Test func everyTypeReadsBackAsItWasWritten() throws {
        let document = try BSONDocument(validating: Self.everything.bytes)
        #expect(document == Self.everything)
        let again = BSONDocument(document.elements.map { ($0.key, $0.value) })
        #expect(again.bytes == document.bytes)
        #expect(document["scoped"] == .codeWithScope("y", ["z": 1]))
        #expect(document["pointer"] == .dbPointer("d.c", Array(1...12)))
        #expect(document["regex"] == .regex(pattern: "^a", options: "im"))
        #expect(document["missing"] == nil)
        #expect(document.keys.count == 22)
    }

    @Test func bytesAreThoseOfTheSpecification() {
        let hello: BSONDocument = ["hello": "world"]
        #expect(
            hello.bytes == [0x16, 0, 0, 0, 0x02] + Array("hello".utf8) + [0, 6, 0, 0, 0] + Array("world".utf8) + [0, 0])
        #expect(BSONDocument.empty.bytes == [5, 0, 0, 0, 0])
        #expect(BSONDocument.empty.isEmpty)
    }

    @Test func equalityIsThatOfBytes() {
        #expect(BSONValue.double(.nan) == .double(.nan))
        #expect(BSONValue.double(0) != .double(-0.0))
        #expect(BSONValue.int32(1) != .int64(1))
        #expect(BSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(BSONValue.string("a") != .symbol("a"))
        #expect(Set([BSONValue.int32(1), .int32(1), .double(1)]).count == 2)
    }

    @Test func numbersOfAnyTypeAreNumbers() {
        #expect(BSONValue.double(3).asInt64 == 3)
        #expect(BSONValue.double(3.5).asInt64 == nil)
        #expect(BSONValue.double(.infinity).asInt64 == nil)
        #expect(BSONValue.int64(.min).asInt64 == .min)
        #expect(BSONValue.string("3").asInt64 == nil)
        #expect(BSONValue.double(1).isTrue && BSONValue.int32(1).isTrue && BSONValue.bool(true).isTrue)
        #expect(!BSONValue.double(0).isTrue && !BSONValue.null.isTrue)
        #expect(BSONValue.integer(1 << 31) == .int64(1 << 31))
    }

    @Test func theFirstOfTwoNamesCountsAndBothStay() {
        let document: BSONDocument = ["a": 1, "a": 2]
        #expect(document["a"] == 1)
        #expect(document.keys == ["a", "a"])
    }

    @Test func removingCopiesTheRestAsItIs() throws {
        let document = try BSONDocument(
            validating: [21, 0, 0, 0, 2, 0xFF, 0, 2, 0, 0, 0, 0xC0, 0, 16, 97, 0, 1, 0, 0, 0, 0])
        #expect(document.removing(["a"]).bytes == [14, 0, 0, 0, 2, 0xFF, 0, 2, 0, 0, 0, 0xC0, 0, 0])
        #expect(document.removing([]) == document)
    }

    @Test func aNameEndsAtItsFirstZero() throws {
        let document: BSONDocument = ["a\0b": 1]
        #expect(try BSONDocument(validating: document.bytes).keys == ["a"])
    }

    @Test func textThatIsNotUTF8StaysInTheBytes() throws {
        let bytes: [UInt8] = [14, 0, 0, 0, 2, 0xFF, 0, 2, 0, 0, 0, 0xC0, 0, 0]
        let document = try BSONDocument(validating: bytes)
        #expect(document.bytes == bytes)
        #expect(document.elements.map(\.value) == ["\u{FFFD}"])
    }

    private static func nested(_ depth: Int) -> [UInt8] {
        let length = 5 + (depth - 1) * 7
        var bytes: [UInt8] = []
        for level in 0..<depth {
            let size = UInt32(length - level * 7)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: size >> UInt32(8 * $0)) }
            if level < depth - 1 { bytes += [3, 0] }
        }
        return bytes + [UInt8](repeating: 0, count: depth)
    }

    @Test func depthIsCapped() throws {
        // One length, type and empty name a level: 4 + 2 at the front and 1 at the back.
        #expect(try BSONDocument(validating: Self.nested(200)).bytes.count == 5 + 199 * 7)
        for depth in [201, 10_000, 1_000_000] {
            #expect(throws: BSONError.self) { try BSONDocument(validating: Self.nested(depth)) }
        }
    }

    @Test(
        arguments: [
            [], [5], [5, 0, 0, 0], [5, 0, 0, 0, 1], [4, 0, 0, 0, 0], [6, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0],
            [0xFF, 0xFF, 0xFF, 0xFF, 0], [6, 0, 0, 0, 0, 0], [8, 0, 0, 0, 10, 97, 97, 0], [7, 0, 0, 0, 0x14, 0, 0],
            [8, 0, 0, 0, 8, 0, 2, 0], [7, 0, 0, 0, 8, 0, 0], [12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
            [12, 0, 0, 0, 2, 0, 1, 0, 0, 0, 1, 0], [12, 0, 0, 0, 2, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0],
            [12, 0, 0, 0, 5, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0], [12, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0],
            [12, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0], [12, 0, 0, 0, 3, 0, 6, 0, 0, 0, 0, 0],
            [12, 0, 0, 0, 3, 0, 5, 0, 0, 0, 1, 0], [8, 0, 0, 0, 11, 0, 97, 0],
            [16, 0, 0, 0, 5, 0, 4, 0, 0, 0, 2, 9, 9, 9, 9, 0],
            [22, 0, 0, 0, 15, 0, 15, 0, 0, 0, 2, 0, 0, 0, 97, 0, 6, 0, 0, 0, 0, 0],
            [22, 0, 0, 0, 15, 0, 15, 0, 0, 0, 9, 0, 0, 0, 97, 0, 5, 0, 0, 0, 0, 0],
        ] as [[UInt8]])
    func wrongLengthsAreErrors(_ bytes: [UInt8]) {
        #expect(throws: BSONError.self) { try BSONDocument(validating: bytes) }
    }

    /// Each length in a document of every type takes every value at its boundaries.
    @Test func boundaryValuesAtEveryPlaceAreSurvived() {
        let original = Self.everything.bytes
        let values: [Int32] = [.min, -1, 0, 1, 3, 4, 5, 6, 13, 14, 16_777_216, 16_777_217, .max, Int32(original.count)]
        for place in 0...(original.count - 4) {
            for value in values {
                var bytes = original
                for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: value >> Int32(8 * index)) }
                exercise(bytes)
            }
        }
    }

    @Test(.timeLimit(.minutes(10))) func mutatedRealDocumentsAreSurvived() throws {
        let contents = try read(try Golden(name: "01-types.archive.gz").archive(), into: Recorder()).contents
        let originals = contents.sorted { $0.key < $1.key }.flatMap { documents(in: $0.value) }.filter {
            $0.count < 2_000
        }
        var dice = Dice(42)
        for round in 0..<20_000 {
            var bytes = originals[round % originals.count]
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let place = Int.random(in: 0..<bytes.count, using: &dice)
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &dice) ?? 0
                case 2: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: .min ... .max, using: &dice), at: place)
                }
                if bytes.isEmpty { break }
            }
            exercise(bytes)
        }
    }

    /// What is accepted can be read to its innermost value and, in part, written again.
    private func exercise(_ bytes: [UInt8]) {
        guard let document = try? BSONDocument(validating: bytes) else { return }
        #expect(document.bytes == bytes)
        visit(document)
        _ = try? ExtendedJSON.canonical(document)
    }

    private func visit(_ document: BSONDocument) {
        for (_, value) in document.elements {
            switch value {
            case .document(let inner), .array(let inner), .codeWithScope(_, let inner): visit(inner)
            default: break
            }
        }
    }
}
