/// The archive's checksum: CRC-64/XZ (Go's `crc64.ECMA`), over the documents of one namespace in archive order.
///
/// No bytes give 0. Stored in the archive as the same 64 bits in an int64.
package struct CRC64: Sendable, Equatable {
    private var state = UInt64.max

    package init() {}

    package var value: UInt64 { ~state }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        state = Self.tables.withUnsafeBufferPointer { tables in
            guard let tables = tables.baseAddress else { return state }
            let whole = bytes.count & ~15
            let middle = Self.sliced(state, start, whole, tables)
            return Self.bytewise(middle, start + whole, bytes.count - whole, tables)
        }
    }
}

extension CRC64 {
    private static let polynomial: UInt64 = 0xC96C_5795_D787_0F42

    /// Sixteen tables of 256 in a row: table `n` is the effect of a byte with `n` bytes after it.
    private static let tables: [UInt64] = {
        var tables = [UInt64](repeating: 0, count: 16 * 256)
        for byte in 0..<256 {
            var value = UInt64(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<(16 * 256) {
            let shorter = tables[index - 256]
            tables[index] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
        }
        return tables
    }()

    private static func bytewise(
        _ initial: UInt64, _ bytes: UnsafeRawPointer, _ count: Int, _ tables: UnsafePointer<UInt64>
    ) -> UInt64 {
        var state = initial
        for offset in 0..<count {
            let byte = bytes.load(fromByteOffset: offset, as: UInt8.self)
            state = state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)]
        }
        return state
    }

    /// `count` is a multiple of 16. Written out: a loop over the sixteen tables costs a factor of three.
    private static func sliced(
        _ initial: UInt64, _ bytes: UnsafeRawPointer, _ count: Int, _ tables: UnsafePointer<UInt64>
    ) -> UInt64 {
        var state = initial
        var offset = 0
        while offset < count {
            let first = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ state
            let second = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self))
            state = eight(first, tables + 8 * 256) ^ eight(second, tables)
            offset &+= 16
        }
        return state
    }

    @inline(__always)
    private static func eight(_ word: UInt64, _ tables: UnsafePointer<UInt64>) -> UInt64 {
        let low =
            tables[7 &* 256 &+ Int(UInt8(truncatingIfNeeded: word))]
            ^ tables[6 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 8))]
            ^ tables[5 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 16))]
            ^ tables[4 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 24))]
        let high =
            tables[3 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 32))]
            ^ tables[2 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 40))]
            ^ tables[1 &* 256 &+ Int(UInt8(truncatingIfNeeded: word >> 48))]
            ^ tables[Int(UInt8(truncatingIfNeeded: word >> 56))]
        return low ^ high
    }
}
