package import BackupModel

/// Receives an archive in stream order. Whatever a method throws ends the reading.
///
/// `header`, `collection`..., `preludeEnded`; then per block `blockStarted`, `documents`..., `blockEnded`. The block that
/// ends a namespace is one without documents, followed by `namespaceEnded`. Namespaces may interleave between blocks.
package protocol ArchiveHandler {
    mutating func header(_ header: ArchiveHeader) throws
    mutating func collection(_ collection: ArchiveCollection) throws
    mutating func preludeEnded() throws
    /// The same with the offset after the prelude's terminator. The reader calls this one; by default it calls the other.
    mutating func preludeEnded(offset: UInt64) throws
    /// `namespace` as the prelude has it; `offset` is that of the block's header in the uncompressed stream.
    mutating func blockStarted(_ namespace: Namespace, offset: UInt64) throws
    /// The same with the name in the block itself, which differs for the buckets of a time series. The reader calls
    /// this one; by default it calls the other.
    mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) throws
    /// Whole documents of the current block, one after the other; valid during the call. Only their outer framing was
    /// checked, and their checksum not yet.
    mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws
    /// `offset` is the one after the block's terminator.
    mutating func blockEnded(offset: UInt64) throws
    /// The namespace is complete and its checksum is right.
    mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) throws
}

extension ArchiveHandler {
    package mutating func header(_ header: ArchiveHeader) throws {}
    package mutating func collection(_ collection: ArchiveCollection) throws {}
    package mutating func preludeEnded() throws {}
    package mutating func preludeEnded(offset: UInt64) throws { try preludeEnded() }
    package mutating func blockStarted(_ namespace: Namespace, offset: UInt64) throws {}
    package mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) throws {
        try blockStarted(namespace, offset: offset)
    }
    package mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws {}
    package mutating func blockEnded(offset: UInt64) throws {}
    package mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) throws {}
}
