/// The header of one gzip member (RFC 1952, section 2.3), read strictly.
///
/// Unknown flags, methods and a wrong header checksum are damage: a reader that lets them pass cannot tell what else
/// they change.
struct GzipHeader {
    /// The stored offset of the member.
    let offset: UInt64
    /// The length of the deflate data, when the member states it.
    let deflateLength: UInt32?
    /// Each byte of it is as `GzipStage` writes it.
    let isOurs: Bool

    /// Longest name or comment that is read over.
    private static let longestText = 1 << 16

    init(reading input: StoredReader, isFirst: Bool) throws {
        offset = input.offset
        var header = Header(input: input)
        guard try header.byte() == GzipFormat.magic[0], try header.byte() == GzipFormat.magic[1] else {
            throw isFirst
                ? GzipError(.notGzip, at: offset, "not gzip data")
                : GzipError(.trailingData, at: offset, "after the last gzip member comes something else")
        }
        guard try header.byte() == GzipFormat.deflate else {
            throw GzipError(.damaged, at: offset, "the compression method is unknown")
        }
        let flags = try header.byte()
        guard flags & GzipFormat.reservedFlags == 0 else {
            throw GzipError(.damaged, at: offset, "the header has reserved flags")
        }
        for _ in 0..<6 { _ = try header.byte() }  // time, XFL, OS: they say nothing about the data
        deflateLength = flags & GzipFormat.flagExtra != 0 ? try header.extraField() : nil
        for flag in [GzipFormat.flagName, GzipFormat.flagComment] where flags & flag != 0 {
            try header.text(limit: Self.longestText, memberOffset: offset)
        }
        if flags & GzipFormat.flagHeaderChecksum != 0 { try header.checksum(memberOffset: offset) }
        isOurs = deflateLength.map { header.start == GzipFormat.sizedHeader(deflateLength: $0) } ?? false
    }
}

/// Collects the header's bytes for its checksum while they are read.
private struct Header {
    let input: StoredReader
    /// Its beginning, as far as that of ours goes, and one byte more.
    private(set) var start: [UInt8] = []
    private var crc: UInt32 = 0

    init(input: StoredReader) { self.input = input }

    mutating func byte() throws -> UInt8 {
        var byte = try input.byte()
        if start.count <= GzipFormat.sizedHeaderLength { start.append(byte) }
        crc = withUnsafeBytes(of: &byte) { GzipFormat.checksum($0, after: crc) }
        return byte
    }

    private mutating func uint16() throws -> Int { Int(try byte()) | Int(try byte()) << 8 }

    /// The size field among the subfields, if it is there; subfields that do not add up have none.
    mutating func extraField() throws -> UInt32? {
        var bytes: [UInt8] = []
        for _ in 0..<(try uint16()) { bytes.append(try byte()) }
        var rest = bytes[...]
        while rest.count >= 4 {
            let field = Array(rest.prefix(4))
            let length = Int(field[2]) | Int(field[3]) << 8
            rest = rest.dropFirst(4)
            guard length <= rest.count else { return nil }
            if (field[0], field[1]) == GzipFormat.sizeFieldID, length == 4 {
                return Array(rest.prefix(4)).withUnsafeBytes { UInt32(littleEndianIn: $0, at: 0) }
            }
            rest = rest.dropFirst(length)
        }
        return nil
    }

    mutating func text(limit: Int, memberOffset: UInt64) throws {
        for _ in 0..<limit where try byte() == 0 { return }
        throw GzipError(.damaged, at: memberOffset, "a name in the header does not end")
    }

    mutating func checksum(memberOffset: UInt64) throws {
        let expected = Int(crc & 0xFFFF)
        guard try uint16() == expected else {
            throw GzipError(.damaged, at: memberOffset, "the header's checksum does not match")
        }
    }
}
