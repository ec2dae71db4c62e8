package import BackupModel

/// What a reader may hold and what it must see.
package struct ArchiveReaderOptions: Sendable {
    /// Which namespaces of the prelude must be complete at the end. Others may be missing, so that a stream of the
    /// prelude and the ranges of some namespaces can be read; one that begins must end in any case.
    package var requires: @Sendable (Namespace) -> Bool
    package var maximumPreludeBytes: UInt64
    package var maximumNamespaces: Int

    package init(
        maximumPreludeBytes: UInt64 = 512 << 20, maximumNamespaces: Int = 1_000_000,
        requires: @escaping @Sendable (Namespace) -> Bool = { _ in true }
    ) {
        self.maximumPreludeBytes = maximumPreludeBytes
        self.maximumNamespaces = maximumNamespaces
        self.requires = requires
    }
}

/// Reads an archive as it arrives, in chunks of any size, and checks everything the format lets it check
/// (`FORMAT.md`). Holds the prelude and at most one document that a chunk has cut in two.
///
/// The verdict is the call of `finish`: before it returns, nothing that was passed on is proven complete. After an
/// error the reader repeats that error. Not for several threads at once.
package final class ArchiveReader<Handler: ArchiveHandler> {
    package var handler: Handler
    /// How many bytes of the stream are behind.
    package private(set) var offset: UInt64 = 0

    private let options: ArchiveReaderOptions
    private var state = State.magic
    private var namespaces = NamespaceTable()
    /// The beginning of an item - magic, terminator or document - whose rest has not arrived.
    private var pending: [UInt8] = []
    private var failure: (any Error)?
    /// Many small blocks of one namespace have the same header; its bytes, and whose they are.
    private var lastHeader: (bytes: [UInt8], index: Int)?

    private enum State {
        case magic, header, prelude, blockHeader
        case documents(Int)
        case endOfNamespace(Int)
        case finished
    }

    package init(handler: Handler, options: ArchiveReaderOptions = ArchiveReaderOptions()) {
        self.handler = handler
        self.options = options
    }

    package func feed(_ chunk: UnsafeRawBufferPointer) throws {
        try failing { try self.consume(chunk) }
    }

    /// To be called once, at the end of the stream.
    package func finish() throws {
        try failing { try self.checkEnd() }
    }

    private func failing(_ work: () throws -> Void) throws {
        if let failure { throw failure }
        do {
            try work()
        } catch {
            failure = error
            throw error
        }
    }
}

// Cutting the stream into items.
extension ArchiveReader {
    private static var terminator: UInt32 { 0xFFFF_FFFF }

    private func consume(_ chunk: UnsafeRawBufferPointer) throws {
        var rest = chunk
        if case .finished = state { throw error(.framing, "bytes after the end") }
        if !pending.isEmpty {
            rest = try fillPending(from: rest)
            guard let length = try itemLength(pending), length == pending.count else { return }
            // Swapped, not copied: a second reference would cost a buffer of this size for every chunk.
            var item: [UInt8] = []
            swap(&item, &pending)
            _ = try item.withUnsafeBytes { try scan($0) }
            item.removeAll(keepingCapacity: true)
            swap(&item, &pending)
        }
        let used = try scan(rest)
        guard used < rest.count else { return }
        let left = UnsafeRawBufferPointer(rebasing: rest[used...])
        if let length = try itemLength(left) { pending.reserveCapacity(length) }
        pending.append(contentsOf: left)
    }

    /// Moves bytes to `pending` until it is one whole item or the chunk is used up; gives what is left of the chunk.
    private func fillPending(from chunk: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
        var rest = chunk
        while !rest.isEmpty {
            let length = try itemLength(pending) ?? 4
            guard pending.count < length else { break }
            let part = min(length - pending.count, rest.count)
            pending.append(contentsOf: rest.prefix(part))
            rest = UnsafeRawBufferPointer(rebasing: rest[part...])
        }
        return rest
    }

    /// Takes all whole items from the start of `bytes`; gives how many bytes they were.
    private func scan(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        var position = 0
        while true {
            if case .documents(let index) = state {
                position += try scanDocuments(UnsafeRawBufferPointer(rebasing: bytes[position...]), of: index)
                if case .documents = state { return position }
                continue
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            guard let length = try itemLength(rest), length <= rest.count else { return position }
            try take(UnsafeRawBufferPointer(rebasing: rest[..<length]))
            position += length
        }
    }

    /// The length of the item that `bytes` begin with; nil when fewer than four bytes are there.
    private func itemLength(_ bytes: some Collection<UInt8>) throws -> Int? {
        guard bytes.count >= 4 else { return nil }
        let word = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if case .magic = state { return 4 }
        if word == Self.terminator { return 4 }
        guard (BSONFraming.minimumLength...BSONFraming.maximumLength).contains(Int(word)) else {
            throw lengthError(word)
        }
        return Int(word)
    }

    private func lengthError(_ word: UInt32) -> ArchiveError {
        error(.framing, "\(Int32(bitPattern: word)) is neither the length of a document nor a terminator")
    }

    /// The documents of the current block that lie whole in `bytes`, and the terminator if it follows. Passes them on
    /// in one piece; gives how many bytes were used.
    private func scanDocuments(_ bytes: UnsafeRawBufferPointer, of index: Int) throws -> Int {
        var position = 0
        var count = 0
        while bytes.count &- position >= 4 {
            let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            if word == Self.terminator {
                try pass(bytes, upTo: position, count: count, of: index)
                offset += 4
                state = .blockHeader
                try handler.blockEnded(offset: offset)
                return position + 4
            }
            // What came before a bad length was passed on whatever the chunks were: errors do not depend on them.
            let length = Int(word)
            guard length >= BSONFraming.minimumLength, length <= BSONFraming.maximumLength else {
                try pass(bytes, upTo: position, count: count, of: index)
                throw lengthError(word)
            }
            guard length <= bytes.count &- position else { break }
            guard bytes[position &+ length &- 1] == 0 else {
                try pass(bytes, upTo: position, count: count, of: index)
                throw error(.framing, "document of \(length) bytes does not end with a zero")
            }
            position &+= length
            count &+= 1
        }
        try pass(bytes, upTo: position, count: count, of: index)
        return position
    }

    private func pass(_ bytes: UnsafeRawBufferPointer, upTo end: Int, count: Int, of index: Int) throws {
        guard count > 0 else { return }
        let span = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        namespaces.add(span, count: count, to: index)
        try handler.documents(span, count: count)
        offset += UInt64(end)
    }
}

// What the items mean.
extension ArchiveReader {
    private func take(_ item: UnsafeRawBufferPointer) throws {
        let isTerminator = item.count == 4
        switch state {
        case .magic:
            guard item.elementsEqual([0x6D, 0xE2, 0x99, 0x81]) else {
                throw error(.notAnArchive, "the input does not begin like a mongodump archive")
            }
            state = .header
        case .header:
            guard !isTerminator else { throw error(.header, "the archive has no header") }
            try takeHeader(item)
            state = .prelude
        case .prelude where isTerminator:
            try failing(as: .duplicateNamespace) { () throws(FieldError) in try namespaces.close() }
            try handler.preludeEnded(offset: offset + 4)
            state = .blockHeader
        case .prelude:
            try takeCollection(item)
        case .blockHeader:
            guard !isTerminator else { throw error(.framing, "a terminator where a block's header is expected") }
            try takeBlockHeader(item)
        case .endOfNamespace(let index):
            guard isTerminator else {
                throw error(.afterEnd, "a document in the block that ends the namespace")
            }
            try endNamespace(index)
        case .documents, .finished:
            throw error(.framing, "bytes where none can be")
        }
        offset += UInt64(item.count)
    }

    private func takeHeader(_ item: UnsafeRawBufferPointer) throws {
        try checkPrelude(item)
        let document = try document(item, as: .header)
        let header = try failing(as: .header) { () throws(FieldError) in try ArchiveHeader(document) }
        try handler.header(header)
    }

    private func takeCollection(_ item: UnsafeRawBufferPointer) throws {
        try checkPrelude(item)
        let document = try document(item, as: .metadata)
        let collection = try failing(as: .metadata) { () throws(FieldError) in try ArchiveCollection(document) }
        do {
            _ = try collection.metadata()
        } catch {
            throw ArchiveError(
                .metadata, "its metadata cannot be read: \(error)", offset: offset, namespace: collection.namespace)
        }
        let isNew = try failing(as: .duplicateNamespace) { () throws(FieldError) in
            try namespaces.announce(collection)
        }
        guard isNew else { return }
        guard namespaces.count <= options.maximumNamespaces else {
            throw error(.tooLarge, "more than \(options.maximumNamespaces) namespaces")
        }
        try handler.collection(collection)
    }

    private func takeBlockHeader(_ item: UnsafeRawBufferPointer) throws {
        if let lastHeader, lastHeader.bytes.elementsEqual(item), namespaces[lastHeader.index].isOpen {
            return try startBlock(lastHeader.index, storedAs: namespaces[lastHeader.index].storedAs)
        }
        let document = try document(item, as: .blockHeader)
        let header = try failing(as: .blockHeader) { () throws(FieldError) in try BlockHeader(document) }
        guard let index = namespaces.find(header.namespace) else {
            throw ArchiveError(
                .unknownNamespace, "a block of a namespace that the prelude does not name", offset: offset,
                namespace: header.namespace)
        }
        guard !namespaces[index].hasEnded else {
            throw ArchiveError(
                .afterEnd, "a block after the end of its namespace", offset: offset, namespace: header.namespace)
        }
        guard header.isEnd else {
            lastHeader = (document.bytes, index)
            return try startBlock(index, storedAs: header.namespace)
        }
        try check(header, of: index)
        try handler.blockStarted(namespaces[index].namespace, storedAs: header.namespace, offset: offset)
        state = .endOfNamespace(index)
    }

    private func startBlock(_ index: Int, storedAs: Namespace) throws {
        namespaces.open(index, storedAs: storedAs)
        try handler.blockStarted(namespaces[index].namespace, storedAs: storedAs, offset: offset)
        state = .documents(index)
    }

    private func check(_ header: BlockHeader, of index: Int) throws {
        let expected = namespaces[index].crc.value
        guard let checksum = header.checksum else {
            throw ArchiveError(
                .checksum, "the block that ends the namespace has no checksum", offset: offset,
                namespace: header.namespace)
        }
        guard UInt64(bitPattern: checksum) == expected else {
            throw ArchiveError(
                .checksum,
                "the checksum \(hex(UInt64(bitPattern: checksum))) is not that of the documents, \(hex(expected))",
                offset: offset, namespace: header.namespace)
        }
    }

    private func endNamespace(_ index: Int) throws {
        namespaces.end(index)
        state = .blockHeader
        let ended = namespaces[index]
        try handler.blockEnded(offset: offset + 4)
        try handler.namespaceEnded(
            ended.namespace, crc: ended.crc.value, documents: ended.documents, bytes: ended.bytes, offset: offset + 4)
    }

    private func checkEnd() throws {
        guard pending.isEmpty, case .blockHeader = state else {
            if case .finished = state { throw error(.framing, "finished twice") }
            if case .magic = state { throw error(.notAnArchive, "the input is too short for an archive") }
            throw error(.truncated, "the archive ends \(placeOfState)")
        }
        let missing = namespaces.incomplete { options.requires($0) }
        if let first = missing.first {
            let more = missing.count > 1 ? " and \(missing.count - 1) more are" : " is"
            throw ArchiveError(
                .missingNamespaces, "the archive ends before '\(first)'\(more) complete", offset: offset,
                namespace: first)
        }
        state = .finished
    }
}

// Errors.
extension ArchiveReader {
    private func checkPrelude(_ item: UnsafeRawBufferPointer) throws {
        guard offset + UInt64(item.count) <= options.maximumPreludeBytes else {
            throw error(.tooLarge, "the prelude is larger than \(options.maximumPreludeBytes) bytes")
        }
    }

    private func document(_ item: UnsafeRawBufferPointer, as kind: ArchiveError.Kind) throws -> BSONDocument {
        do {
            return try BSONDocument(validating: item)
        } catch {
            throw ArchiveError(kind, "not a document: \(error.message)", offset: offset + UInt64(error.offset))
        }
    }

    private func failing<Value>(
        as kind: ArchiveError.Kind, _ work: () throws(FieldError) -> Value
    ) throws(ArchiveError) -> Value {
        do {
            return try work()
        } catch {
            throw self.error(kind, "\(placeOfKind(kind)) \(error.message)")
        }
    }

    private func placeOfKind(_ kind: ArchiveError.Kind) -> String {
        switch kind {
        case .header: "the archive's header"
        case .blockHeader: "a block's header"
        default: "a collection in the prelude"
        }
    }

    private var placeOfState: String {
        switch state {
        case .magic, .header, .prelude: "inside its prelude"
        case .blockHeader: "inside a block's header"
        case .documents, .endOfNamespace, .finished: "inside a block"
        }
    }

    private var currentNamespace: Namespace? {
        switch state {
        case .documents(let index), .endOfNamespace(let index): namespaces[index].namespace
        default: nil
        }
    }

    private func error(_ kind: ArchiveError.Kind, _ message: String) -> ArchiveError {
        ArchiveError(kind, message, offset: offset, namespace: currentNamespace)
    }

    private func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
