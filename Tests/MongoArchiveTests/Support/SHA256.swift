/// For the digests in the golden files' descriptions.
struct SHA256 {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    static func hex(_ message: [UInt8]) -> String {
        var hash = SHA256()
        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
        for shift in stride(from: 56, through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: (UInt64(message.count) * 8) >> UInt64(shift)))
        }
        padded.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: 64) { hash.block(bytes, start) }
        }
        return hash.state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private mutating func block(_ bytes: UnsafeRawBufferPointer, _ start: Int) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
            for index in 0..<16 {
                let word = bytes.loadUnaligned(fromByteOffset: start + index * 4, as: UInt32.self)
                words[index] = UInt32(bigEndian: word)
            }
            for index in 16..<64 {
                let first = words[index - 15]
                let second = words[index - 2]
                let small0 = rotate(first, 7) ^ rotate(first, 18) ^ first >> 3
                let small1 = rotate(second, 17) ^ rotate(second, 19) ^ second >> 10
                words[index] = words[index - 16] &+ small0 &+ words[index - 7] &+ small1
            }
            mix(words)
        }
    }

    private mutating func mix(_ words: UnsafeMutableBufferPointer<UInt32>) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let sum = h &+ big1 &+ (e & f ^ ~e & g) &+ Self.constants[index] &+ words[index]
            let big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let other = big0 &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ sum, c, b, a, sum &+ other)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] = state[index] &+ word }
    }

    private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    /// The fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = (2...311).filter { number in
        (2..<number).allSatisfy { number % $0 != 0 }
    }.map { prime in
        var root: UInt128 = 0
        for bit in stride(from: 34, through: 0, by: -1) {
            let next = root | 1 << UInt128(bit)
            if next * next * next <= UInt128(prime) << 96 { root = next }
        }
        return UInt32(truncatingIfNeeded: root)
    }
}
