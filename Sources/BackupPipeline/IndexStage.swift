package import MongoArchive

/// Reads the archive that passes, and makes its index.
///
/// Bytes go on only after they were read without an error; `finish` throws, and the receiver is not finished, when the
/// archive did not end as it must: every namespace of its prelude complete, with the right checksum.
package final class IndexStage: ByteSink {
    private let sink: (any ByteSink)?
    private let reader: ArchiveReader<ArchiveIndexer>

    /// Without a receiver it only reads.
    package init(into sink: (any ByteSink)? = nil, options: ArchiveReaderOptions = ArchiveReaderOptions()) {
        self.sink = sink
        reader = ArchiveReader(handler: ArchiveIndexer(), options: options)
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        try reader.feed(bytes)
        try sink?.write(bytes)
    }

    package func finish() throws {
        try reader.finish()
        try sink?.finish()
    }

    /// What the archive holds; complete after `finish`.
    package var index: ArchiveIndex { reader.handler.index }
    /// Uncompressed bytes so far.
    package var count: UInt64 { reader.offset }
}
