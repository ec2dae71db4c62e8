/// Canonical Extended JSON v2, without white space, in the spelling of the Go driver that mongodump uses.
struct ExtendedJSONWriter {
    private var out: [UInt8] = []
    /// Writes plain numbers and dates where JSON has them: easier to read, and without their types.
    private let isRelaxed: Bool
    /// Writes what is not UTF-8 with replacement characters instead of throwing.
    private let isLenient: Bool
    private(set) var isExact = true

    init(isRelaxed: Bool = false, isLenient: Bool = false) {
        self.isRelaxed = isRelaxed
        self.isLenient = isLenient
    }

    var text: String { String(decoding: out, as: UTF8.self) }

    mutating func write(_ document: BSONDocument) throws {
        try write(document, open: "{", close: "}", withNames: true)
    }

    // The depth is that of a checked document.
    private mutating func write(
        _ document: BSONDocument, open: Unicode.Scalar, close: Unicode.Scalar, withNames: Bool
    ) throws {
        out.append(UInt8(ascii: open))
        var isFirst = true
        for element in document.rawElements {
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
            if withNames {
                let name = String(validating: document.bytes[element.key], as: UTF8.self)
                if name == nil { try replacing("a name") }
                quote(name ?? document.name(of: element))
                out.append(UInt8(ascii: ":"))
            }
            let value = document.value(of: element)
            if value.holdsText {
                var encoded: [UInt8] = []
                value.encode(into: &encoded)
                if !encoded.elementsEqual(document.bytes[element.value]) {
                    try replacing("field '\(document.name(of: element))'")
                }
            }
            try write(value)
        }
        out.append(UInt8(ascii: close))
    }

    /// Throws for what cannot be written as it is, or notes it.
    private mutating func replacing(_ what: String) throws {
        guard isLenient else { throw ExtendedJSONError("\(what) is not UTF-8") }
        isExact = false
    }

    private mutating func writeRelaxed(_ value: BSONValue) -> Bool {
        switch value {
        case .int32(let number): raw(String(number))
        case .int64(let number): raw(String(number))
        case .double(let number) where number.isFinite: raw(number.goDescription)
        case .dateTime(let milliseconds):
            guard let text = DateText.text(milliseconds) else { return false }
            wrap("$date", text)
        default: return false
        }
        return true
    }

    private mutating func write(_ value: BSONValue) throws {
        if isRelaxed, writeRelaxed(value) { return }
        switch value {
        case .double(let number): wrap("$numberDouble", number.goDescription)
        case .string(let text): quote(text)
        case .document(let document): try write(document)
        case .array(let document): try write(document, open: "[", close: "]", withNames: false)
        case .binary(let subtype, let data):
            // Subtype 2 repeats the length, which the text leaves out.
            let content = subtype == 2 ? Array(data.dropFirst(4)) : data
            raw("{\"$binary\":{\"base64\":\"\(Base64.encode(content))\",\"subType\":\"\([subtype].hexadecimal)\"}}")
        case .undefined: raw("{\"$undefined\":true}")
        case .objectID(let id): wrap("$oid", id.hexadecimal)
        case .bool(let flag): raw(flag ? "true" : "false")
        case .dateTime(let milliseconds): raw("{\"$date\":{\"$numberLong\":\"\(milliseconds)\"}}")
        case .null: raw("null")
        case .regex(let pattern, let options):
            raw("{\"$regularExpression\":{\"pattern\":")
            quote(pattern)
            raw(",\"options\":")
            quote(options)
            raw("}}")
        case .dbPointer(let text, let id):
            raw("{\"$dbPointer\":{\"$ref\":")
            quote(text)
            raw(",\"$id\":{\"$oid\":\"\(id.hexadecimal)\"}}}")
        case .code(let code): wrap("$code", code)
        case .symbol(let symbol): wrap("$symbol", symbol)
        case .codeWithScope(let code, let scope):
            raw("{\"$code\":")
            quote(code)
            raw(",\"$scope\":")
            try write(scope)
            raw("}")
        case .int32(let number): wrap("$numberInt", String(number))
        case .timestamp(let number): raw("{\"$timestamp\":{\"t\":\(number >> 32),\"i\":\(number & 0xFFFF_FFFF)}}")
        case .int64(let number): wrap("$numberLong", String(number))
        case .decimal128(let bytes): wrap("$numberDecimal", Decimal128(bytes).description)
        case .minKey: raw("{\"$minKey\":1}")
        case .maxKey: raw("{\"$maxKey\":1}")
        }
    }

    private mutating func wrap(_ key: String, _ text: String) {
        raw("{\"\(key)\":")
        quote(text)
        raw("}")
    }

    private mutating func raw(_ text: String) {
        out.append(contentsOf: text.utf8)
    }

    private mutating func quote(_ text: String) {
        out.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": raw("\\\"")
            case "\\": raw("\\\\")
            case "\u{8}": raw("\\b")
            case "\u{C}": raw("\\f")
            case "\n": raw("\\n")
            case "\r": raw("\\r")
            case "\t": raw("\\t")
            case "\u{0}"..<"\u{20}": raw("\\u00" + [UInt8(truncatingIfNeeded: scalar.value)].hexadecimal)
            // The Go driver escapes these two.
            case "\u{2028}": raw("\\u2028")
            case "\u{2029}": raw("\\u2029")
            default: out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.EncodedScalar())
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}

extension BSONValue {
    fileprivate var holdsText: Bool {
        switch self {
        case .string, .regex, .dbPointer, .code, .symbol, .codeWithScope: true
        default: false
        }
    }
}

extension Double {
    /// The shortest digits that read back the same, spelled like Go's 'G' format: `1.0`, `1E+21`, `-0.0`, `NaN`.
    var goDescription: String {
        guard isFinite else { return isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity" }
        let sign = sign == .minus ? "-" : ""
        let (digits, exponent) = magnitude.shortestDigits
        guard exponent >= -4, exponent < 6 else {
            let size = exponent.magnitude
            let fraction = digits.utf8.count > 1 ? "." + digits.dropFirst() : ""
            return "\(sign)\(digits.prefix(1))\(fraction)E\(exponent < 0 ? "-" : "+")\(size < 10 ? "0" : "")\(size)"
        }
        let missing = exponent < 0 ? -exponent : max(0, exponent + 1 - digits.utf8.count)
        let zeros = String(repeating: "0", count: missing)
        let all = exponent < 0 ? zeros + digits : digits + zeros
        let point = exponent < 0 ? 1 : exponent + 1
        let fraction = all.dropFirst(point)
        return "\(sign)\(all.prefix(point)).\(fraction.isEmpty ? "0" : fraction)"
    }

    /// The digits without leading and trailing zeros ("0" for zero), and the power of ten of the first.
    private var shortestDigits: (String, Int) {
        let parts = description.split(separator: "e")
        let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let all = mantissa.joined()
        let significant = all.drop { $0 == "0" }
        guard !significant.isEmpty else { return ("0", 0) }
        var digits = String(significant)
        while digits.utf8.count > 1, digits.hasSuffix("0") { digits.removeLast() }
        return (digits, written + mantissa[0].utf8.count - 1 - (all.utf8.count - significant.utf8.count))
    }
}
