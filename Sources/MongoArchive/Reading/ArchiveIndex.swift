package import BackupModel

/// What an archive holds and where it lies in the uncompressed stream.
package struct ArchiveIndex: Sendable, Equatable {
    package var header: ArchiveHeader
    package var collections: [ArchiveCollection]
    /// Magic, header, collections and terminator.
    package var preludeLength: UInt64
    /// Those that have ended, in the prelude's order.
    package var namespaces: [NamespaceIndex]
    package var length: UInt64
    /// The largest number of namespaces that were begun and not ended at one time. `mongorestore` hangs on an archive
    /// where it exceeds the announced number (and 4, and its own `-j`).
    package var maximumOpen: Int

    package init(
        header: ArchiveHeader, collections: [ArchiveCollection], preludeLength: UInt64, namespaces: [NamespaceIndex],
        length: UInt64, maximumOpen: Int
    ) {
        self.header = header
        self.collections = collections
        self.preludeLength = preludeLength
        self.namespaces = namespaces
        self.length = length
        self.maximumOpen = maximumOpen
    }

    /// Whether `mongorestore` with its defaults would wait forever for a free reader.
    package var hangsMongorestore: Bool { maximumOpen > max(4, Int(header.concurrentCollections ?? 4)) }
}

package struct NamespaceIndex: Sendable, Equatable {
    /// As in the prelude.
    package var namespace: Namespace
    /// As in the body: `system.buckets.X` for a time series of a server before 8.3.
    package var dataNamespace: Namespace
    package var kind: CollectionKind
    package var documents: Int64
    package var bytes: Int64
    package var crc64: UInt64
    /// The number of indexes in the metadata, the one on `_id` included.
    package var indexes: Int
    /// Its blocks, from header to terminator, the one that ends it included; adjacent ones merged, in order.
    package var ranges: [Range<UInt64>]

    package init(
        namespace: Namespace, dataNamespace: Namespace, kind: CollectionKind, documents: Int64 = 0, bytes: Int64 = 0,
        crc64: UInt64 = 0, indexes: Int = 0, ranges: [Range<UInt64>] = []
    ) {
        self.namespace = namespace
        self.dataNamespace = dataNamespace
        self.kind = kind
        self.documents = documents
        self.bytes = bytes
        self.crc64 = crc64
        self.indexes = indexes
        self.ranges = ranges
    }
}
