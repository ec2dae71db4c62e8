/// The uncompressed bytes of some ranges of a gzip file, reading only the members that hold them.
///
/// Ranges come out in the order of their offsets. Those that share members, or lie in members side by side, are
/// inflated once and in one go. Every member that is touched is checked to its end.
package final class StoredRangesSource: ByteSource {
    /// A range of the uncompressed stream and the whole members in which it lies.
    package struct Piece: Sendable, Equatable {
        package var offset: UInt64
        package var length: UInt64
        package var stored: StoredRange

        package init(offset: UInt64, length: UInt64, stored: StoredRange) {
            self.offset = offset
            self.length = length
            self.stored = stored
        }
    }

    private let file: any StoredFile
    private let workers: Int?
    private var groups: ArraySlice<Group>
    private var current: GroupSource?

    /// Throws when the pieces do not fit the file or each other.
    package init(_ file: any StoredFile, _ pieces: [Piece], workers: Int? = nil) throws {
        self.file = file
        self.workers = workers
        groups = try Group.joining(pieces, fileSize: file.size)[...]
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !buffer.isEmpty else { return 0 }
        while true {
            if let current {
                let count = try current.read(into: buffer)
                if count > 0 { return count }
            }
            current = nil
            guard let group = groups.popFirst() else { return 0 }
            let stored = file.source(group.stored)
            current = GroupSource(group, try GunzipSource(stored, workers: workers))
        }
    }
}

/// Thrown when stored ranges contradict each other, the file, or what the file holds.
package struct StoredRangesMismatch: Error, CustomStringConvertible {
    package let offset: UInt64
    package let reason: String
    package var description: String { "stored range of byte \(offset): \(reason)" }
}

/// Pieces whose members lie side by side in the file: offsets within them count from `start`.
private struct Group {
    var stored: Range<UInt64>
    let start: UInt64
    var ranges: [Range<UInt64>]

    static func joining(_ pieces: [StoredRangesSource.Piece], fileSize: UInt64) throws -> [Group] {
        var groups: [Group] = []
        for piece in pieces.sorted(by: { $0.offset < $1.offset }) where piece.length > 0 {
            let (end, overflow) = piece.offset.addingReportingOverflow(piece.length)
            let (storedEnd, storedOverflow) = piece.stored.offset.addingReportingOverflow(piece.stored.length)
            guard !overflow, !storedOverflow, storedEnd <= fileSize, piece.stored.uncompressedOffset <= piece.offset
            else { throw StoredRangesMismatch(offset: piece.offset, reason: "it does not lie within the file") }
            let last = groups.count - 1
            guard last >= 0 else {
                groups.append(Group(piece, storedEnd: storedEnd, end: end))
                continue
            }
            let before = groups[last]
            guard before.ranges.last.map({ $0.upperBound <= piece.offset }) ?? true,
                before.stored.lowerBound <= piece.stored.offset
            else { throw StoredRangesMismatch(offset: piece.offset, reason: "it overlaps the one before") }
            if piece.stored.offset <= before.stored.upperBound {
                groups[last].stored = before.stored.lowerBound..<max(before.stored.upperBound, storedEnd)
                groups[last].ranges.append(piece.offset..<end)
            } else {
                groups.append(Group(piece, storedEnd: storedEnd, end: end))
            }
        }
        return groups
    }

    private init(_ piece: StoredRangesSource.Piece, storedEnd: UInt64, end: UInt64) {
        stored = piece.stored.offset..<storedEnd
        start = piece.stored.uncompressedOffset
        ranges = [piece.offset..<end]
    }
}

/// One group's bytes: inflates its members to the end, and lets pass what lies in a range.
private final class GroupSource {
    private let source: GunzipSource
    private var position: UInt64
    private var ranges: ArraySlice<Range<UInt64>>
    private let scratch = ByteBuffer(capacity: 1 << 16)

    init(_ group: Group, _ source: GunzipSource) {
        self.source = source
        position = group.start
        ranges = group.ranges[...]
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while let range = ranges.first {
            if position < range.lowerBound {
                try skip(range.lowerBound - position)
                continue
            }
            let wanted = min(UInt64(buffer.count), range.upperBound - position)
            let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]))
            guard count > 0 else { throw endsEarly() }
            position += UInt64(count)
            if position == range.upperBound { ranges.removeFirst() }
            return count
        }
        // What follows in the last member is not wanted, but its checksum covers what was.
        while try source.read(into: scratch.memory) > 0 {}
        return 0
    }

    private func skip(_ count: UInt64) throws {
        let piece = Int(min(count, UInt64(scratch.capacity)))
        let skipped = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: scratch.memory[..<piece]))
        guard skipped > 0 else { throw endsEarly() }
        position += UInt64(skipped)
    }

    private func endsEarly() -> StoredRangesMismatch {
        StoredRangesMismatch(offset: position, reason: "the members hold less than they should")
    }
}
