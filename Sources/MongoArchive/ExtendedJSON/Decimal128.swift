/// IEEE 754-2008 decimal128 in the binary integer encoding, and its text.
struct Decimal128 {
    private static let bias = 6176
    private static let maximumExponent = 6111
    private static let largest = UInt128(9_999_999_999_999_999) * 1_000_000_000_000_000_000 + 999_999_999_999_999_999

    /// Little endian.
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var bits: UInt128 { bytes.prefix(16).reversed().reduce(0) { $0 << 8 | UInt128($1) } }
}

extension Decimal128: CustomStringConvertible {
    var description: String {
        let bits = bits
        let sign = bits >> 127 == 1 ? "-" : ""
        let combination = UInt8(truncatingIfNeeded: bits >> 122) & 0x1F
        if combination == 0x1F { return "NaN" }
        if combination == 0x1E { return sign + "Infinity" }
        // With the two bits set the coefficient would be too large: such numbers are zero.
        let isLarge = combination >> 3 == 3
        let exponent = Int(truncatingIfNeeded: bits >> (isLarge ? 111 : 113)) & 0x3FFF - Self.bias
        let coefficient = isLarge ? 0 : bits & (UInt128(1) << 113 - 1)
        return sign + Self.text(coefficient > Self.largest ? 0 : coefficient, exponent)
    }

    private static func text(_ coefficient: UInt128, _ exponent: Int) -> String {
        let digits = String(coefficient)
        let scientific = digits.utf8.count - 1 + exponent
        if exponent > 0 || scientific < -6 {
            let point = digits.utf8.count > 1 ? "." : ""
            return "\(digits.prefix(1))\(point)\(digits.dropFirst())E\(scientific < 0 ? "" : "+")\(scientific)"
        }
        guard exponent < 0 else { return digits }
        let padded = String(repeating: "0", count: max(0, 1 - exponent - digits.utf8.count)) + digits
        return "\(padded.dropLast(-exponent)).\(padded.suffix(-exponent))"
    }
}

extension Decimal128 {
    /// Nil for what is no decimal number or has more digits than fit: nothing is rounded.
    init?(_ text: String) {
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        switch text.drop(while: { $0 == "-" || $0 == "+" }).lowercased() {
        case "nan": self.init(bits: 0x1F << 122)
        case "inf", "infinity": self.init(bits: (isNegative ? 1 << 127 : 0) | 0x1E << 122)
        default:
            guard let parts = NumberText.Parts(text) else { return nil }
            let digits = (parts.whole + parts.fraction).drop { $0 == "0" }
            let exponent = (parts.exponent ?? 0) - parts.fraction.utf8.count
            self.init(isNegative, digits: String(digits), exponent)
        }
    }

    private init?(_ isNegative: Bool, digits: String, _ exponent: Int) {
        var digits = digits[...]
        var exponent = exponent
        while digits.utf8.count > 34 || exponent < -Self.bias, digits.last == "0" {
            digits = digits.dropLast()
            exponent += 1
        }
        while exponent > Self.maximumExponent, !digits.isEmpty, digits.utf8.count < 34 {
            digits += "0"
            exponent -= 1
        }
        if digits.isEmpty { exponent = min(max(exponent, -Self.bias), Self.maximumExponent) }
        guard digits.utf8.count <= 34, (-Self.bias...Self.maximumExponent).contains(exponent),
            let coefficient = digits.isEmpty ? 0 : UInt128(digits)
        else { return nil }
        self.init(bits: (isNegative ? 1 << 127 : 0) | UInt128(exponent + Self.bias) << 113 | coefficient)
    }

    private init(bits: UInt128) {
        bytes = (0..<16).map { UInt8(truncatingIfNeeded: bits >> UInt128(8 * $0)) }
    }
}
