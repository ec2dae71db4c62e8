package import BackupModel

/// Writes an archive that `mongorestore` of every version reads.
///
/// The prelude first; then for each namespace its documents in any number of calls, and its end. Documents are gathered
/// into blocks; with a header that announces more than one concurrent collection, namespaces may take turns, each
/// with a buffer of its own of `blockBytes`. Refuses what would make a reader fail or hang: more namespaces open than
/// announced, users and roles after ordinary namespaces, anything after the oplog, a document that is none.
package struct ArchiveWriter {
    package static let maximumBlockBytes = 16 << 20

    private let sink: (UnsafeRawBufferPointer) throws -> Void
    private let blockBytes: Int
    private var entries: [Entry] = []
    private var places: [Namespace: Int] = [:]
    private var limit = 0
    private var open = 0
    /// How many have not ended, of all and of users and roles.
    private var left = 0
    private var usersLeft = 0
    private var hasPrelude = false
    /// The entry whose block is being passed through; its header is written, its terminator not.
    private var passing: Int?
    /// How many bytes have been written.
    package private(set) var offset: UInt64 = 0

    private struct Entry {
        let namespace: Namespace
        var storedAs: Namespace
        var state = State.announced
        var hasBlock = false
        var crc = CRC64()
        var buffer: [UInt8] = []
    }

    private enum State { case announced, open, ended }

    package init(
        blockBytes: Int = ArchiveWriter.maximumBlockBytes, sink: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.blockBytes = min(max(blockBytes, 1), Self.maximumBlockBytes)
        self.sink = sink
    }
}

extension ArchiveWriter {
    /// Users and roles go first and the oplog last, whatever the order given.
    package mutating func prelude(_ header: ArchiveHeader, _ collections: [ArchiveCollection]) throws {
        guard !hasPrelude else { throw error("the prelude is written already") }
        guard header.hasServerVersionForMongorestore else {
            throw error("'\(header.serverVersion ?? "")' is no server version that mongorestore takes")
        }
        limit = Int(header.concurrentCollections ?? 4)
        guard limit >= 1 else { throw error("\(limit) concurrent collections") }
        let ordered =
            collections.filter(\.namespace.isUsersOrRoles)
            + collections.filter { !$0.namespace.isUsersOrRoles && $0.namespace != .oplog }
            + collections.filter { $0.namespace == .oplog }
        for collection in ordered { try announce(collection, storesUnderOwnName: header.storesTimeSeriesUnderOwnName) }
        hasPrelude = true
        try write([0x6D, 0xE2, 0x99, 0x81])
        for document in [header.document] + ordered.map(\.document) {
            guard document.bytes.count <= BSONFraming.maximumLength else { throw error("metadata larger than 16 MiB") }
            try write(document.bytes)
        }
        try write(Self.terminator)
    }

    private mutating func announce(_ collection: ArchiveCollection, storesUnderOwnName: Bool) throws {
        let namespace = collection.namespace
        if let problem = namespace.problemInArchive { throw error("a namespace \(problem)", namespace) }
        let isBucketed = collection.kind == .timeseries && !storesUnderOwnName
        for name in isBucketed ? [namespace, namespace.buckets] : [namespace] {
            guard places.updateValue(entries.count, forKey: name) == nil else { throw error("named twice", name) }
        }
        left += 1
        usersLeft += namespace.isUsersOrRoles ? 1 : 0
        entries.append(Entry(namespace: namespace, storedAs: isBucketed ? namespace.buckets : namespace))
    }

    /// Appends whole documents, one after the other in `documents`. A time series goes by its own name or its buckets'.
    package mutating func append(_ documents: UnsafeRawBufferPointer, to namespace: Namespace) throws {
        let index = try begin(namespace)
        entries[index].crc.update(documents)
        var start = 0
        var position = 0
        while position < documents.count {
            let length = try documentLength(documents, at: position, namespace)
            let gathered = entries[index].buffer.count + position - start
            if gathered > 0, gathered + length > blockBytes {
                try flush(index, and: UnsafeRawBufferPointer(rebasing: documents[start..<position]))
                start = position
            }
            position += length
        }
        entries[index].buffer.append(contentsOf: documents[start...])
    }

    /// Writes whole documents as a block of their own, without gathering them first and without looking into them.
    package mutating func appendBlock(_ documents: UnsafeRawBufferPointer, to namespace: Namespace) throws {
        let index = try begin(namespace)
        guard !documents.isEmpty else { return }
        guard documents.count <= Self.maximumBlockBytes else { throw error("not a block of 16 MiB", namespace) }
        entries[index].crc.update(documents)
        try flush(index, and: documents)
    }

    /// Writes what is left and the block that ends the namespace, with its checksum.
    package mutating func end(_ namespace: Namespace) throws {
        try end(try begin(namespace), crc: nil)
    }

    package mutating func finish() throws {
        guard hasPrelude else { throw error("nothing was written") }
        if let first = entries.first(where: { $0.state != .ended }) { throw error("never ended", first.namespace) }
    }
}

// Passing on blocks of another archive as they are.
extension ArchiveWriter {
    /// Must be called before the first block of the namespace, and decides on the name in its blocks.
    mutating func store(_ namespace: Namespace, as storedAs: Namespace) throws {
        entries[try place(namespace)].storedAs = storedAs
    }

    mutating func pass(_ documents: UnsafeRawBufferPointer, to namespace: Namespace) throws {
        if passing == nil {
            let index = try begin(namespace)
            passing = index
            entries[index].hasBlock = true
            try write(BlockHeader.document(entries[index].storedAs, end: nil).bytes)
        }
        try write(documents)
    }

    mutating func endPassing() throws {
        guard passing != nil else { return }
        passing = nil
        try write(Self.terminator)
    }

    /// Takes over a checksum that was found right.
    mutating func end(_ namespace: Namespace, crc: UInt64) throws {
        try end(try begin(namespace), crc: crc)
    }
}

extension ArchiveWriter {
    private static var terminator: [UInt8] { [0xFF, 0xFF, 0xFF, 0xFF] }

    private mutating func begin(_ namespace: Namespace) throws -> Int {
        let index = try place(namespace)
        switch entries[index].state {
        case .open: return index
        case .ended: throw error("ended already", namespace)
        case .announced: break
        }
        guard open < limit else { throw error("more than the announced \(limit) are open", namespace) }
        try checkOrder(entries[index].namespace)
        entries[index].state = .open
        open += 1
        return index
    }

    /// `mongorestore` needs the users before the data and loses what follows the oplog (`ARCHIVE-FORMAT.md` A6).
    private func checkOrder(_ namespace: Namespace) throws {
        guard !namespace.isUsersOrRoles else { return }
        guard usersLeft == 0 else { throw error("must come after users and roles", namespace) }
        guard namespace != .oplog || left == 1 else { throw error("must come last", namespace) }
    }

    private func place(_ namespace: Namespace) throws -> Int {
        guard let index = places[namespace] else { throw error("not in the prelude", namespace) }
        return index
    }

    private func documentLength(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ namespace: Namespace
    ) throws -> Int {
        guard bytes.count - offset >= BSONFraming.minimumLength else { throw error("not whole documents", namespace) }
        let length = Int(BSONFraming.readLength(bytes, at: offset))
        guard length >= BSONFraming.minimumLength, length <= BSONFraming.maximumLength, length <= bytes.count - offset,
            bytes[offset + length - 1] == 0
        else { throw error("not a document of at most 16 MiB", namespace) }
        return length
    }

    /// Writes a block of what is buffered and of `more`, which is not copied.
    private mutating func flush(_ index: Int, and more: UnsafeRawBufferPointer) throws {
        entries[index].hasBlock = true
        try write(BlockHeader.document(entries[index].storedAs, end: nil).bytes)
        if !entries[index].buffer.isEmpty { try write(entries[index].buffer) }
        if !more.isEmpty { try write(more) }
        try write(Self.terminator)
        entries[index].buffer.removeAll(keepingCapacity: true)
    }

    private mutating func end(_ index: Int, crc: UInt64?) throws {
        // An empty collection has an empty block too: it is what makes old tools create a view.
        if !entries[index].hasBlock || !entries[index].buffer.isEmpty {
            try flush(index, and: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let checksum = crc ?? entries[index].crc.value
        try write(BlockHeader.document(entries[index].storedAs, end: checksum).bytes + Self.terminator)
        entries[index].state = .ended
        entries[index].buffer = []
        open -= 1
        left -= 1
        usersLeft -= entries[index].namespace.isUsersOrRoles ? 1 : 0
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try sink($0) }
        offset += UInt64(bytes.count)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        try sink(bytes)
        offset += UInt64(bytes.count)
    }

    private func error(_ message: String, _ namespace: Namespace? = nil) -> ArchiveError {
        ArchiveError(.unwritable, message, offset: offset, namespace: namespace)
    }
}

extension ArchiveHeader {
    /// Servers since 8.3 have no bucket collections; `mongorestore` looks at this version too.
    fileprivate var storesTimeSeriesUnderOwnName: Bool {
        let parts = (serverVersion ?? "").split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        guard parts.count == 2 else { return false }
        return parts[0] > 8 || parts[0] == 8 && parts[1] >= 3
    }
}
