import MongoArchive
import Testing

struct ExtendedJSONTests {
    private static let object: [UInt8] = [0x5F, 0x1A, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

    /// Canonical text and the value; both ways.
    private static let canonical: [(String, BSONValue)] = [
        ("null", .null), ("true", true), ("false", false), (#""text""#, "text"), (#""""#, ""),
        (#"{"$numberInt":"-2147483648"}"#, .int32(.min)), (#"{"$numberLong":"-1"}"#, .int64(-1)),
        (#"{"$numberLong":"9223372036854775807"}"#, .int64(.max)), (#"{"$numberDouble":"1.0"}"#, 1.0),
        (#"{"$numberDouble":"-0.0"}"#, .double(-0.0)), (#"{"$numberDouble":"0.0"}"#, .double(0)),
        (#"{"$numberDouble":"NaN"}"#, .double(.nan)), (#"{"$numberDouble":"Infinity"}"#, .double(.infinity)),
        (#"{"$numberDouble":"-Infinity"}"#, .double(-.infinity)), (#"{"$numberDouble":"0.1"}"#, 0.1),
        (#"{"$numberDouble":"1E+06"}"#, 1_000_000.0), (#"{"$numberDouble":"999999.0"}"#, 999_999.0),
        (#"{"$numberDouble":"0.0001"}"#, 0.0001), (#"{"$numberDouble":"1E-05"}"#, 0.00001),
        (#"{"$numberDouble":"-1.2345678901234567E+07"}"#, -12_345_678.901234567),
        (#"{"$numberDouble":"1.7976931348623157E+308"}"#, .double(.greatestFiniteMagnitude)),
        (#"{"$numberDouble":"5E-324"}"#, .double(.leastNonzeroMagnitude)), (#"{"$numberDouble":"200.0"}"#, 200.0),
        (#"{"$oid":"5f1a00010203040506070809"}"#, .objectID(object)),
        (#"{"$binary":{"base64":"AQID","subType":"05"}}"#, .binary(subtype: 5, [1, 2, 3])),
        (#"{"$binary":{"base64":"","subType":"00"}}"#, .binary(subtype: 0, [])),
        (#"{"$binary":{"base64":"/+8=","subType":"80"}}"#, .binary(subtype: 0x80, [0xFF, 0xEF])),
        (#"{"$binary":{"base64":"CQ==","subType":"02"}}"#, .binary(subtype: 2, [1, 0, 0, 0, 9])),
        (#"{"$date":{"$numberLong":"-62135596800000"}}"#, .dateTime(-62_135_596_800_000)),
        (#"{"$timestamp":{"t":4294967295,"i":7}}"#, .timestamp(UInt64(UInt32.max) << 32 | 7)),
        (#"{"$regularExpression":{"pattern":"^a\\d\"","options":"im"}}"#, .regex(pattern: #"^a\d""#, options: "im")),
        (#"{"$code":"f()"}"#, .code("f()")),
        (#"{"$code":"f()","$scope":{"x":{"$numberInt":"1"}}}"#, .codeWithScope("f()", ["x": 1])),
        (#"{"$symbol":"s"}"#, .symbol("s")), (#"{"$undefined":true}"#, .undefined), (#"{"$minKey":1}"#, .minKey),
        (#"{"$maxKey":1}"#, .maxKey),
        (#"{"$dbPointer":{"$ref":"d.c","$id":{"$oid":"5f1a00010203040506070809"}}}"#, .dbPointer("d.c", object)),
        (#"[{"$numberInt":"1"},[],{}]"#, [1, [], [:]]),
        // Documents that only look like values.
        (#"{"$regex":"^a","$options":"i"}"#, ["$regex": "^a", "$options": "i"]),
        (#"{"$regex":"^a"}"#, ["$regex": "^a"]), (#"{"$type":"string"}"#, ["$type": "string"]),
        (#"{"$type":[{"$numberInt":"2"}]}"#, ["$type": [2]]),
        (#"{"$ref":"c","$id":{"$numberInt":"1"}}"#, ["$ref": "c", "$id": 1]),
        (#"{"$gt":{"$numberInt":"25"},"$oid":"x"}"#, ["$gt": 25, "$oid": "x"]),
    ]

    @Test(arguments: canonical)
    func canonicalTextReadsAndWrites(_ text: String, _ value: BSONValue) throws {
        let document: BSONDocument = ["v": value]
        #expect(try ExtendedJSON.parse(#"{"v":\#(text)}"#).bytes == document.bytes)
        #expect(try ExtendedJSON.canonical(document) == #"{"v":\#(text)}"#)
        #expect(try ExtendedJSON.reversible(document) == #"{"v":\#(text)}"#)
    }

    /// What people are shown: plain numbers and dates; everything else as it is.
    private static let relaxed: [(String, BSONValue)] = [
        ("-2147483648", .int32(.min)), ("9223372036854775807", .int64(.max)), ("1.0", 1.0), ("-0.0", .double(-0.0)),
        ("1E+06", 1_000_000.0), (#"{"$numberDouble":"NaN"}"#, .double(.nan)),
        (#"{"$date":"1970-01-01T00:00:00Z"}"#, .dateTime(0)),
        (#"{"$date":"2026-01-14T02:00:00.125Z"}"#, .dateTime(1_768_356_000_125)),
        (#"{"$date":"2024-02-29T23:59:59.999Z"}"#, .dateTime(1_709_251_199_999)),
        (#"{"$date":"9999-12-31T23:59:59.999Z"}"#, .dateTime(253_402_300_799_999)),
        (#"{"$date":{"$numberLong":"253402300800000"}}"#, .dateTime(253_402_300_800_000)),
        (#"{"$date":{"$numberLong":"-1"}}"#, .dateTime(-1)),
        (#"{"$oid":"5f1a00010203040506070809"}"#, .objectID(object)), (#"[1,{"a":2.5}]"#, [1, ["a": 2.5]]),
    ]

    @Test(arguments: relaxed) func whatIsShownIsRelaxed(_ text: String, _ value: BSONValue) throws {
        let shown = ExtendedJSON.shown(["v": value], isCanonical: false)
        #expect(shown.text == #"{"v":\#(text)}"# && shown.isExact)
        let canonical = ExtendedJSON.shown(["v": value], isCanonical: true)
        #expect(try canonical.text == ExtendedJSON.canonical(["v": value]))
    }

    @Test func everyDayOfFourHundredYearsIsWrittenAsItIsRead() {
        for day in 0..<(146_097 + 10) {
            let milliseconds = Int64(day) * 86_400_000 + Int64(day % 86_400) * 1_000
            let shown = ExtendedJSON.shown(["v": .dateTime(milliseconds)], isCanonical: false).text
            #expect((try? ExtendedJSON.parse(shown))?["v"] == .dateTime(milliseconds))
        }
    }

    @Test func whatIsNotUTF8IsShownAndSaid() throws {
        // {"a": "\xFF", "\xFE": 1}
        let bytes: [UInt8] =
            [23, 0, 0, 0, 2, 0x61, 0, 2, 0, 0, 0, 0xFF, 0, 0x10, 0xFE, 0, 1, 0, 0, 0, 8, 0x62, 0, 1, 0]
        var document = bytes
        document[0] = UInt8(bytes.count)
        let shown = ExtendedJSON.shown(try BSONDocument(validating: document), isCanonical: false)
        #expect(shown.text == "{\"a\":\"\u{FFFD}\",\"\u{FFFD}\":1,\"b\":true}" && !shown.isExact)
    }

    /// Relaxed and legacy spellings.
    @Test(
        arguments: [
            ("1", 1), ("-0", 0), ("1.0", 1.0), ("-0.0", .double(-0.0)), ("1e3", 1000.0), ("1E-2", 0.01),
            ("2147483648", .int64(2_147_483_648)), ("-9223372036854775808", .int64(.min)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("100000000000000000000", .double(1e20)),
            ("NaN", .double(.nan)), ("-Infinity", .double(-.infinity)), ("Infinity", .double(.infinity)),
            (#"{"$date":"1970-01-01T00:00:00Z"}"#, .dateTime(0)),
            (#"{"$date":"2026-01-14T02:00:00.125Z"}"#, .dateTime(1_768_356_000_125)),
            (#"{"$date":"2026-01-14T03:30:00.1254+0130"}"#, .dateTime(1_768_356_000_125)),
            (#"{"$date":"2026-01-13T21:00:00-05:00"}"#, .dateTime(1_768_356_000_000)),
            (#"{"$date":"1969-12-31T23:59:59.999Z"}"#, .dateTime(-1)),
            (#"{"$date":"0000-03-01T00:00:00Z"}"#, .dateTime(-62_162_035_200_000)),
            (#"{"$date":"2024-02-29T00:00:00Z"}"#, .dateTime(1_709_164_800_000)), (#"{"$date":5}"#, .dateTime(5)),
            (#"{"$date":-2147483649}"#, .dateTime(-2_147_483_649)),
            (#"{"$binary":"AQID","$type":"5"}"#, .binary(subtype: 5, [1, 2, 3])),
            (#"{"$type":"00","$binary":"AQID"}"#, .binary(subtype: 0, [1, 2, 3])),
            (#"{"$uuid":"00010203-0405-0607-0809-0a0b0c0d0e0f"}"#, .binary(subtype: 4, Array(0...15))),
            (#"{"$scope":{},"$code":"x"}"#, .codeWithScope("x", [:])),
            (#"{"$timestamp":{"i":2,"t":1}}"#, .timestamp(1 << 32 | 2)),
            (#"{ "$numberLong" : "5" }"#, .int64(5)), (#"{"$numberDouble":"5"}"#, 5.0),
            (#""\u0041\u00e9\ud83d\ude00\/\b\f\n\r\t""#, "Aé😀/\u{8}\u{C}\n\r\t"),
            // A lone half of a pair cannot be UTF-8.
            (#""\ud83d!""#, "\u{FFFD}!"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
            (#""a\u0000b""#, "a\0b"),
        ] as [(String, BSONValue)])
    func olderFormsAreRead(_ text: String, _ value: BSONValue) throws {
        #expect(try ExtendedJSON.parse("\n{\t\"v\" : \(text) } ")["v"] == value)
    }

    @Test(arguments: [
        "", " ", "1", "[]", "null", "{", "}", "{]", "{}{}", "{} x", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,}"#,
        #"{"a":1 "b":2}"#, #"{a:1}"#, #"{'a':1}"#, #"{"a":[1,]}"#, #"{"a":[1 2]}"#, #"{"a":[}"#, #"{"a":01}"#,
        #"{"a":+1}"#, #"{"a":.5}"#, #"{"a":1.}"#, #"{"a":1e}"#, #"{"a":-}"#, #"{"a":1e999}"#, #"{"a":0x1}"#,
        #"{"a":9223372036854775809}"#, #"{"a":tru}"#, #"{"a":truex}"#, #"{"a":"x}"#, #"{"a":"\x"}"#, #"{"a":"\u12"}"#,
        #"{"a":"\u12G4"}"#, "{\"a\":\"\n\"}", #"{"a\u0000":1}"#, #"{"$oid":"5f1a00010203040506070809"}"#,
        #"{"v":{"$oid":"5f1a"}}"#, #"{"v":{"$oid":"zz1a00010203040506070809"}}"#, #"{"v":{"$oid":1}}"#,
        #"{"v":{"$numberInt":1}}"#, #"{"v":{"$numberInt":"2147483648"}}"#, #"{"v":{"$numberInt":"1","x":1}}"#,
        #"{"v":{"$numberLong":"1.0"}}"#, #"{"v":{"$numberDouble":"0x10"}}"#, #"{"v":{"$numberDouble":"1e999"}}"#,
        #"{"v":{"$numberDouble":"inf"}}"#, #"{"v":{"$numberDecimal":"x"}}"#, #"{"v":{"$binary":{"base64":"AQ"}}}"#,
        #"{"v":{"$binary":{"base64":"AQI","subType":"00"}}}"#, #"{"v":{"$binary":{"base64":"A===","subType":"00"}}}"#,
        #"{"v":{"$binary":{"base64":"AQID","subType":"000"}}}"#, #"{"v":{"$date":"yesterday"}}"#,
        #"{"v":{"$date":"2026-02-29T00:00:00Z"}}"#, #"{"v":{"$date":"2026-01-14T24:00:00Z"}}"#,
        #"{"v":{"$date":"2026-01-14T02:00:00"}}"#, #"{"v":{"$date":{}}}"#, #"{"v":{"$timestamp":{"t":1}}}"#,
        #"{"v":{"$timestamp":{"t":-1,"i":0}}}"#, #"{"v":{"$timestamp":{"t":4294967296,"i":0}}}"#,
        #"{"v":{"$regularExpression":{"pattern":"a"}}}"#, #"{"v":{"$minKey":2}}"#, #"{"v":{"$undefined":false}}"#,
        #"{"v":{"$regularExpression":{"pattern":"a\u0000","options":""}}}"#, #"{"v":{"$scope":{}}}"#,
        #"{"v":{"$code":"x","$scope":1}}"#, #"{"v":{"$uuid":"00010203"}}"#,
        #"{"v":{"$dbPointer":{"$ref":"c","$id":1}}}"#,
    ])
    func otherTextIsAnError(_ text: String) {
        #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.parse(text) }
    }

    @Test func depthIsCapped() throws {
        func nested(_ depth: Int) -> String {
            #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try ExtendedJSON.parse(nested(199)).bytes.count > 199 * 7)
        #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.parse(nested(200)) }
        #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.parse(nested(1_000_000)) }
    }

    /// As `mongodump` refuses them: "marshal is not reversible".
    @Test(
        arguments: [
            ["v": ["$oid": "5f1a00010203040506070809"]], ["v": ["$oid": "x"]], ["v": ["$numberInt": "1"]],
            ["v": ["$date": "2026-01-14T02:00:00Z"]], ["v": ["$undefined": true]],
            ["v": ["$numberLong": ["$numberInt": "1"]]],
            ["v": ["$uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f"]],
            ["v": ["$binary": ["base64": "", "subType": "00"]]],
            ["v": .double(Double(bitPattern: 0x7FF8_0000_0000_0001))], ["v": .array(["1": 1])], ["$minKey": 1],
        ] as [BSONDocument])
    func whatWouldNotReadBackIsRefused(_ document: BSONDocument) {
        #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.reversible(document) }
        #expect(throws: ExtendedJSONError.self) { try CollectionMetadata(options: document).json() }
    }

    @Test func textThatIsNotUTF8IsRefused() throws {
        let name = try BSONDocument(validating: [8, 0, 0, 0, 10, 0xFF, 0, 0])
        let value = try BSONDocument(validating: [13, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0xFF, 0, 0])
        for document in [name, value] {
            #expect(throws: ExtendedJSONError.self) { try ExtendedJSON.canonical(document) }
        }
    }

    @Test func controlCharactersAreEscaped() throws {
        let text = "\u{1}\u{1F}\"\\\u{2028}\u{7F}é"
        let json = try ExtendedJSON.reversible(["v": .string(text)])
        #expect(json == #"{"v":"\u0001\u001f\"\\\u2028"# + "\u{7F}é\"}")
    }

    @Test func doublesReadBackTheSame() throws {
        var dice = Dice(3)
        for _ in 0..<5_000 {
            let number = Double(bitPattern: dice.next())
            guard number.isFinite else { continue }
            let document: BSONDocument = ["v": .double(number)]
            #expect(throws: Never.self) { try ExtendedJSON.reversible(document) }
        }
    }

    @Test(.timeLimit(.minutes(10))) func mutatedTextIsSurvived() throws {
        let texts = try index(try Golden(name: "03-features.archive.gz").archive()).collections.map(\.metadataJSON)
        let originals = (texts + Self.canonical.map { #"{"v":\#($0.0)}"# }).map { Array($0.utf8) }
        var dice = Dice(5)
        for round in 0..<10_000 {
            var bytes = originals[round % originals.count]
            for _ in 0..<Int.random(in: 1...3, using: &dice) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &dice)
                switch Int.random(in: 0..<3, using: &dice) {
                case 0: bytes[place] = Array(#"{}[]",:\u$09-.eE"#.utf8).randomElement(using: &dice) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0..<0x80, using: &dice), at: place)
                }
            }
            guard let document = try? ExtendedJSON.parse(String(decoding: bytes, as: UTF8.self)) else { continue }
            #expect(throws: Never.self) { try BSONDocument(validating: document.bytes) }
        }
    }
}
