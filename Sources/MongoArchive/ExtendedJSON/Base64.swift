/// The standard alphabet, with padding, strictly.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (index, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(index) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let padded = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                let value = Int(padded >> UInt32(18 - 6 * place)) & 63
                text.append(place <= part.count ? alphabet[value] : padding)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let all = Array(text.utf8)
        let count = all.lastIndex { $0 != padding }.map { $0 + 1 } ?? 0
        guard all.count.isMultiple(of: 4), all.count - count <= 2 else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var width = 0
        for byte in all[..<count] {
            guard let value = values[Int(byte)] else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            width += 6
            if width >= 8 {
                width -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(width)))
            }
        }
        return width < 6 ? bytes : nil
    }
}
