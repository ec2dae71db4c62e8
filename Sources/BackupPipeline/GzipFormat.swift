import CIgzip

/// Constants of the gzip format (RFC 1952) and of the size field in it (MiGz), used by writer and reader.
enum GzipFormat {
    static let magic: [UInt8] = [0x1F, 0x8B]
    static let deflate: UInt8 = 8

    static let flagHeaderChecksum: UInt8 = 0x02
    static let flagExtra: UInt8 = 0x04
    static let flagName: UInt8 = 0x08
    static let flagComment: UInt8 = 0x10
    static let reservedFlags: UInt8 = 0xE0

    static let trailerLength = 8
    /// What `MemberWriter` puts before the deflate data: fixed header, length of the extra field, one subfield.
    static let sizedHeaderLength = 20
    /// SI1, SI2 of the subfield whose four bytes are the length of the deflate data.
    static let sizeFieldID: (UInt8, UInt8) = (UInt8(ascii: "M"), UInt8(ascii: "Z"))

    /// The header of a member whose deflate data is `length` bytes long. Time, XFL and OS are fixed, so that the same
    /// data gives the same file.
    static func sizedHeader(deflateLength length: UInt32) -> [UInt8] {
        let size = length.littleEndianBytes
        return [
            magic[0], magic[1], deflate, flagExtra, 0, 0, 0, 0, 0, 255,
            8, 0, sizeFieldID.0, sizeFieldID.1, 4, 0, size[0], size[1], size[2], size[3],
        ]
    }

    /// CRC-32, for what is written.
    static func checksum(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return previous }
        return cigzip_crc32(previous, base, bytes.count)
    }
}

extension UInt32 {
    var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }

    /// Reads four bytes of `bytes`, which must be there.
    init(littleEndianIn bytes: UnsafeRawBufferPointer, at offset: Int) {
        self = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
