package import BackupModel

/// Selects and renames namespaces of an archive while it passes; documents and checksums stay as they are.
///
/// A time series goes by its own name, and its buckets follow. Users, roles and the oplog are never renamed and have a
/// selection of their own. What refers to names inside documents, views and pipelines is not touched. The first write
/// happens when the whole prelude is known, after two sources for one target have been refused.
package struct ArchiveRewriter: ArchiveHandler {
    private let select: (Namespace) -> Bool
    private let selectSpecial: (Namespace) -> Bool
    private let rename: (Namespace) -> Namespace
    private let concurrentCollections: Int32?
    private var writer: ArchiveWriter

    private var header = ArchiveHeader(serverVersion: nil, toolVersion: nil)
    private var collections: [ArchiveCollection] = []
    private var targets: [Namespace: Namespace] = [:]
    /// The target of the current block; nil while it is not selected.
    private var current: Namespace?

    /// `concurrentCollections` is what the new header announces; without it the old one's number, within 1...64. More
    /// namespaces open than announced are refused, since `mongorestore` would hang.
    package init(
        select: @escaping (Namespace) -> Bool, selectSpecial: @escaping (Namespace) -> Bool = { _ in false },
        rename: @escaping (Namespace) -> Namespace = { $0 }, concurrentCollections: Int32? = nil, writer: ArchiveWriter
    ) {
        self.select = select
        self.selectSpecial = selectSpecial
        self.rename = rename
        self.concurrentCollections = concurrentCollections
        self.writer = writer
    }

    /// What was selected, and its new name; complete once the prelude has passed.
    package var selection: [(from: Namespace, to: Namespace)] {
        collections.compactMap { collection in targets[collection.namespace].map { (collection.namespace, $0) } }
    }

    /// To be called after the reader's `finish`.
    package mutating func finish() throws {
        try writer.finish()
    }

    package mutating func header(_ header: ArchiveHeader) {
        self.header = header
        self.header.concurrentCollections =
            concurrentCollections ?? min(max(header.concurrentCollections ?? 4, 1), 64)
        // `mongorestore` refuses an archive without a version and only compares it; no server has this one.
        if !header.hasServerVersionForMongorestore { self.header.serverVersion = "0.0.0" }
    }

    package mutating func collection(_ collection: ArchiveCollection) {
        let isSpecial = collection.namespace.isUsersOrRoles || collection.namespace == .oplog
        guard isSpecial ? selectSpecial(collection.namespace) : select(collection.namespace) else { return }
        targets[collection.namespace] = isSpecial ? collection.namespace : rename(collection.namespace)
        collections.append(collection)
    }

    package mutating func preludeEnded() throws {
        var sources: [Namespace: Namespace] = [:]
        var renamed: [ArchiveCollection] = []
        for collection in collections {
            let target = targets[collection.namespace] ?? collection.namespace
            for name in collection.kind == .timeseries ? [target, target.buckets] : [target] {
                guard let other = sources.updateValue(collection.namespace, forKey: name) else { continue }
                throw ArchiveError(
                    .unwritable, "'\(other)' and '\(collection.namespace)' would both become '\(target)'", offset: 0,
                    namespace: target)
            }
            renamed.append(try collection.renamed(to: target))
        }
        try writer.prelude(header, renamed)
    }

    package mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) throws {
        current = targets[namespace]
        guard let current else { return }
        try writer.store(current, as: storedAs == namespace ? current : current.buckets)
    }

    package mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
        guard let current else { return }
        try writer.pass(bytes, to: current)
    }

    package mutating func blockEnded(offset: UInt64) throws {
        try writer.endPassing()
    }

    package mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) throws {
        guard let current else { return }
        try writer.end(current, crc: crc)
    }
}
