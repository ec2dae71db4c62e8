/// JSON's numbers and those inside `$numberDouble`.
enum NumberText {
    static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// A whole number without point and exponent is an int32 or, where it does not fit, an int64. Beyond 64 bits it is a
    /// double if that is exactly the number: old tools wrote such doubles without a point.
    static func value(_ text: String) -> BSONValue? {
        guard let parts = Parts(text), !parts.hasPlus, parts.whole.utf8.first != 0x30 || parts.whole.utf8.count == 1
        else { return nil }
        guard parts.isInteger else {
            return double(text).map { .double($0) }
        }
        if let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite, exactDigits(number) == String(parts.whole) else { return nil }
        return .double(number)
    }

    /// A finite number in decimal digits, or one of the three words.
    static func double(_ text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default:
            guard Parts(text) != nil, let number = Double(text), number.isFinite else { return nil }
            return number
        }
    }

    /// The digits of a whole number without its sign.
    private static func exactDigits(_ number: Double) -> String? {
        UInt128(exactly: number.magnitude).map { String($0) }
    }

    /// Sign, digits, point and digits, exponent; each part checked.
    struct Parts {
        var isNegative = false
        var hasPlus = false
        var whole: Substring
        var fraction: Substring = ""
        var exponent: Int?
        var isInteger = true

        init?(_ text: String) {
            guard text.utf8.allSatisfy({ $0 < 0x80 }), text.utf8.count <= 8_192 else { return nil }
            var rest = Substring(text)
            if let sign = rest.utf8.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                isNegative = sign == UInt8(ascii: "-")
                hasPlus = !isNegative
                rest = rest.dropFirst()
            }
            whole = Self.takeDigits(&rest)
            if rest.utf8.first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
                fraction = Self.takeDigits(&rest)
                isInteger = false
                guard !fraction.isEmpty else { return nil }
            }
            guard !whole.isEmpty else { return nil }
            if let mark = rest.utf8.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
                rest = rest.dropFirst()
                isInteger = false
                guard rest.utf8.count <= 12, let number = Int(rest) else { return nil }
                exponent = number
                rest = ""
            }
            guard rest.isEmpty else { return nil }
        }

        private static func takeDigits(_ rest: inout Substring) -> Substring {
            let digits = rest.prefix { $0.isWholeNumber }
            rest = rest[digits.endIndex...]
            return digits
        }
    }
}
