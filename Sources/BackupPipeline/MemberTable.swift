/// Where the gzip members of a file begin, in the file and in the uncompressed stream: two numbers a member.
package struct MemberTable: Sendable, Equatable {
    package struct Start: Sendable, Equatable {
        package var uncompressed: UInt64
        package var stored: UInt64
    }

    package private(set) var starts: [Start] = []
    package private(set) var uncompressedBytes: UInt64 = 0
    package private(set) var storedBytes: UInt64 = 0

    package init() {}

    package mutating func append(uncompressed: Int, stored: Int) {
        starts.append(Start(uncompressed: uncompressedBytes, stored: storedBytes))
        uncompressedBytes += UInt64(uncompressed)
        storedBytes += UInt64(stored)
    }

    /// The whole members that hold the uncompressed range; nil when the range is not within the stream.
    package func stored(for range: Range<UInt64>) -> StoredRange? {
        guard range.upperBound <= uncompressedBytes else { return nil }
        guard !range.isEmpty, let first = lastMember(at: range.lowerBound),
            let last = lastMember(at: range.upperBound - 1)
        else { return StoredRange(offset: 0, length: 0, uncompressedOffset: 0) }
        let end = last + 1 < starts.count ? starts[last + 1].stored : storedBytes
        return StoredRange(
            offset: starts[first].stored, length: end - starts[first].stored,
            uncompressedOffset: starts[first].uncompressed)
    }

    /// The last member that begins at or before the uncompressed offset.
    private func lastMember(at offset: UInt64) -> Int? {
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle].uncompressed <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}

/// A run of whole gzip members of a file, and the uncompressed offset at which the first of them begins.
package struct StoredRange: Sendable, Hashable, Codable {
    package var offset: UInt64
    package var length: UInt64
    package var uncompressedOffset: UInt64

    package init(offset: UInt64, length: UInt64, uncompressedOffset: UInt64) {
        self.offset = offset
        self.length = length
        self.uncompressedOffset = uncompressedOffset
    }
}
