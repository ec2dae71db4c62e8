/// Reads a gzip file member by member, by the sizes that members state, and no further than is asked for.
///
/// For those who want the beginning of many ranges, where `StoredRangesSource` would inflate all of each, ahead of its
/// reader. A member is checked whole before a byte of it comes out; the last one is kept, since small ranges share members.
/// Reads the members themselves, and their headers once more. One thread at a time.
package final class MemberReader {
    private let file: any StoredFile
    private var last: Member?

    struct Member {
        let offset: UInt64
        /// Where the next one begins.
        let end: UInt64
        let bytes: [UInt8]
    }

    package init(_ file: any StoredFile) {
        self.file = file
    }

    /// The uncompressed bytes of the pieces, in their order. Throws when a piece contradicts itself.
    package func source(_ pieces: [StoredRangesSource.Piece]) throws -> any ByteSource {
        try MemberSource(self, pieces)
    }

    /// The member that begins at this byte of the file.
    func member(at offset: UInt64) throws -> Member {
        if let last, last.offset == offset { return last }
        let header = try size(of: offset)
        let end = offset + UInt64(GzipFormat.sizedHeaderLength) + UInt64(header) + UInt64(GzipFormat.trailerLength)
        guard end <= file.size else {
            throw StoredRangesMismatch(offset: offset, reason: "the file ends before it does")
        }
        let source = try GunzipSource(file.source(offset..<end), workers: 1)
        let member = Member(
            offset: offset, end: end, bytes: try source.collect(limit: GunzipSource.largestSizedMember))
        last = member
        return member
    }

    /// The length of the deflate data of a member that is written as ours are.
    private func size(of offset: UInt64) throws -> UInt32 {
        let length = UInt64(GzipFormat.sizedHeaderLength)
        guard file.size >= length, offset <= file.size - length else {
            throw StoredRangesMismatch(offset: offset, reason: "the file ends before it does")
        }
        var bytes = [UInt8](repeating: 0, count: GzipFormat.sizedHeaderLength)
        let count = try bytes.withUnsafeMutableBytes { try file.source(offset..<(offset + length)).readFully(into: $0) }
        let size = bytes.withUnsafeBytes { UInt32(littleEndianIn: $0, at: bytes.count - 4) }
        let expected = GzipFormat.sizedHeader(deflateLength: size)
        // Between them are the time and the like, which say nothing about the data.
        guard count == bytes.count, bytes[..<4] == expected[..<4], bytes[10...] == expected[10...],
            size <= UInt32(GunzipSource.largestSizedMember)
        else { throw StoredRangesMismatch(offset: offset, reason: "no member that states its size begins there") }
        return size
    }
}

/// The bytes of some pieces, from members that are read as they are needed.
private final class MemberSource: ByteSource {
    private let reader: MemberReader
    private var places: ArraySlice<Place>

    /// How far one piece has been read.
    private struct Place {
        var position: UInt64
        let end: UInt64
        /// The member that is next to be looked at: where it begins in the stream, and in the file.
        var memberStart: UInt64
        var memberOffset: UInt64
        let storedEnd: UInt64

        init(_ piece: StoredRangesSource.Piece) throws {
            let (end, overflow) = piece.offset.addingReportingOverflow(piece.length)
            let (storedEnd, storedOverflow) = piece.stored.offset.addingReportingOverflow(piece.stored.length)
            guard !overflow, !storedOverflow, piece.stored.uncompressedOffset <= piece.offset else {
                throw StoredRangesMismatch(offset: piece.offset, reason: "it does not lie within the file")
            }
            (position, self.end, self.storedEnd) = (piece.offset, end, storedEnd)
            (memberStart, memberOffset) = (piece.stored.uncompressedOffset, piece.stored.offset)
        }
    }

    init(_ reader: MemberReader, _ pieces: [StoredRangesSource.Piece]) throws {
        self.reader = reader
        places = try pieces.filter { $0.length > 0 }.map(Place.init)[...]
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !buffer.isEmpty else { return 0 }
        while var place = places.first {
            guard place.memberOffset < place.storedEnd else {
                throw StoredRangesMismatch(
                    offset: place.position, reason: "the members hold less than they should")
            }
            let member = try reader.member(at: place.memberOffset)
            let skipped = place.position - place.memberStart
            guard skipped < UInt64(member.bytes.count) else {
                place.memberStart += UInt64(member.bytes.count)
                place.memberOffset = member.end
                places[places.startIndex] = place
                continue
            }
            let rest = member.bytes[Int(skipped)...]
            let count = Int(min(UInt64(min(rest.count, buffer.count)), place.end - place.position))
            buffer.copyBytes(from: rest.prefix(count))
            place.position += UInt64(count)
            places[places.startIndex] = place
            if place.position == place.end { places.removeFirst() }
            return count
        }
        return 0
    }
}
