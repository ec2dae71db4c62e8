package import BackupPipeline
package import MongoArchive

/// What the stages of a backup found out about its archive: the part of a manifest that can be proved.
package struct SnapshotContent: Hashable, Sendable {
    package var storedBytes: Int64
    package var uncompressedBytes: Int64
    package var prelude: SnapshotManifest.Extent
    package var namespaces: [SnapshotManifest.NamespaceEntry]

    /// More ranges than this are not listed: the manifest would be slower to read than the archive.
    package static let maximumRanges = 100_000

    /// `members` is nil for a file that is not in members whose places are known; then nothing but the whole can be read.
    package init(index: ArchiveIndex, members: MemberTable?, storedBytes: UInt64) {
        self.storedBytes = Int64(clamping: storedBytes)
        uncompressedBytes = Int64(clamping: index.length)
        prelude = SnapshotManifest.Extent(0..<index.preludeLength, in: members)
        let rangeCount = index.namespaces.reduce(0) { $0 + $1.ranges.count }
        namespaces = index.namespaces.map { entry in
            SnapshotManifest.NamespaceEntry(
                entry, ranges: rangeCount > Self.maximumRanges ? nil : entry.ranges.map { .init($0, in: members) })
        }
    }
}

extension SnapshotManifest.Extent {
    init(_ range: Range<UInt64>, in members: MemberTable?) {
        self.init(
            offset: range.lowerBound, length: range.upperBound - range.lowerBound, stored: members?.stored(for: range))
    }

    /// As the source of stored ranges takes it; nil where the members' places are not known.
    package var piece: StoredRangesSource.Piece? {
        stored.map { StoredRangesSource.Piece(offset: offset, length: length, stored: $0) }
    }
}

extension SnapshotManifest.NamespaceEntry {
    init(_ entry: NamespaceIndex, ranges: [SnapshotManifest.Extent]?) {
        self.init(
            namespace: entry.namespace, dataNamespace: entry.dataNamespace, type: entry.kind.rawValue,
            documents: entry.documents, bytes: entry.bytes, crc64: entry.crc64, indexes: entry.indexes, ranges: ranges)
    }
}
