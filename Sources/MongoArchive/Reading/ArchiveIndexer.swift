package import BackupModel

/// Makes the index of an archive while it passes.
///
/// `index` is what has been seen so far; it is the archive's once the reader's `finish` has returned.
package struct ArchiveIndexer: ArchiveHandler {
    /// An archive in crumbs of many namespaces is refused, not held: `mongodump` needs a range per 16 MiB.
    package static let maximumRanges = 1_000_000

    private var header = ArchiveHeader(
        concurrentCollections: nil, version: nil, serverVersion: nil, toolVersion: nil)
    private var collections: [ArchiveCollection] = []
    private var entries: [NamespaceIndex] = []
    private var progress: [Progress] = []
    private var places: [Namespace: Int] = [:]
    private var preludeLength: UInt64 = 0
    private var length: UInt64 = 0
    private var open = 0
    private var maximumOpen = 0
    private var rangeCount = 0
    private var current = 0
    private var blockStart: UInt64 = 0

    private enum Progress { case announced, open, ended }

    package init() {}

    package var index: ArchiveIndex {
        ArchiveIndex(
            header: header, collections: collections, preludeLength: preludeLength,
            namespaces: zip(entries, progress).filter { $0.1 == .ended }.map(\.0), length: length,
            maximumOpen: maximumOpen)
    }

    package mutating func header(_ header: ArchiveHeader) {
        self.header = header
    }

    package mutating func collection(_ collection: ArchiveCollection) throws {
        places[collection.namespace] = entries.count
        collections.append(collection)
        progress.append(.announced)
        entries.append(
            NamespaceIndex(
                namespace: collection.namespace, dataNamespace: collection.namespace,
                kind: try collection.effectiveKind(), indexes: try collection.metadata()?.indexes.count ?? 0))
    }

    package mutating func preludeEnded(offset: UInt64) {
        preludeLength = offset
        length = offset
    }

    package mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) {
        if entries.indices.contains(current), entries[current].namespace != namespace || progress[current] != .open {
            current = places[namespace] ?? current
        }
        blockStart = offset
        guard progress[current] == .announced else { return }
        progress[current] = .open
        entries[current].dataNamespace = storedAs
        open += 1
        maximumOpen = max(maximumOpen, open)
    }

    package mutating func blockEnded(offset: UInt64) throws {
        length = offset
        if let last = entries[current].ranges.last, last.upperBound == blockStart {
            entries[current].ranges[entries[current].ranges.count - 1] = last.lowerBound..<offset
            return
        }
        rangeCount += 1
        guard rangeCount <= Self.maximumRanges else {
            throw ArchiveError(
                .tooLarge, "more than \(Self.maximumRanges) changes from one namespace to another", offset: offset,
                namespace: entries[current].namespace)
        }
        entries[current].ranges.append(blockStart..<offset)
    }

    package mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) {
        progress[current] = .ended
        open -= 1
        entries[current].documents = documents
        entries[current].bytes = bytes
        entries[current].crc64 = crc
    }
}
