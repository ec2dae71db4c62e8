import BackupModel
import MongoArchive

/// Writes down what a reader says, so that it does not depend on the chunks: the documents of a block are one event.
struct Recorder: ArchiveHandler {
    enum Event: Equatable {
        case header(ArchiveHeader)
        case collection(ArchiveCollection)
        case preludeEnded(UInt64)
        case block(Namespace, storedAs: Namespace, UInt64)
        case documents([UInt8], Int)
        case blockEnded(UInt64)
        case ended(Namespace, crc: UInt64, documents: Int64, bytes: Int64, UInt64)
    }

    var events: [Event] = []

    mutating func header(_ header: ArchiveHeader) { events.append(.header(header)) }
    mutating func collection(_ collection: ArchiveCollection) { events.append(.collection(collection)) }
    mutating func preludeEnded(offset: UInt64) { events.append(.preludeEnded(offset)) }
    mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) {
        events.append(.block(namespace, storedAs: storedAs, offset))
    }
    mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) {
        if case .documents(let before, let number)? = events.last {
            events[events.count - 1] = .documents(before + bytes, number + count)
        } else {
            events.append(.documents(Array(bytes), count))
        }
    }
    mutating func blockEnded(offset: UInt64) { events.append(.blockEnded(offset)) }
    mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) {
        events.append(.ended(namespace, crc: crc, documents: documents, bytes: bytes, offset))
    }
}

extension Recorder {
    var collections: [ArchiveCollection] {
        events.compactMap { if case .collection(let collection) = $0 { collection } else { nil } }
    }

    var header: ArchiveHeader? {
        events.lazy.compactMap { if case .header(let header) = $0 { header } else { nil } }.first
    }

    /// The documents of each namespace, by its name in the prelude.
    var contents: [Namespace: [UInt8]] {
        var contents: [Namespace: [UInt8]] = [:]
        var current: Namespace?
        for event in events {
            switch event {
            case .block(let namespace, _, _):
                current = namespace
                contents[namespace, default: []] += []
            case .documents(let bytes, _):
                if let current { contents[current, default: []] += bytes }
            default: break
            }
        }
        return contents
    }

    /// What a restore would see; the way it is cut into blocks left out.
    var meaning: Meaning { Meaning(header: header, collections: collections, contents: contents) }

    struct Meaning: Equatable {
        var header: ArchiveHeader?
        var collections: [ArchiveCollection]
        var contents: [Namespace: [UInt8]]
    }
}

/// Reads a whole archive in chunks whose sizes `chunk` gives.
@discardableResult
func read<Handler: ArchiveHandler>(
    _ bytes: [UInt8], into handler: Handler, options: ArchiveReaderOptions = ArchiveReaderOptions(),
    chunk: () -> Int = { 1 << 20 }
) throws -> Handler {
    let reader = ArchiveReader(handler: handler, options: options)
    try bytes.withUnsafeBytes { bytes in
        var position = 0
        while position < bytes.count {
            let end = min(position + max(1, chunk()), bytes.count)
            try reader.feed(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            position = end
        }
    }
    try reader.finish()
    return reader.handler
}

func index(_ bytes: [UInt8]) throws -> ArchiveIndex {
    try read(bytes, into: ArchiveIndexer()).index
}

/// Cuts documents that lie one after the other.
func documents(in bytes: [UInt8]) -> [[UInt8]] {
    var documents: [[UInt8]] = []
    var position = 0
    while position + 4 <= bytes.count {
        let length = (0..<4).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
        guard length >= 5, position + length <= bytes.count else { break }
        documents.append(Array(bytes[position..<(position + length)]))
        position += length
    }
    return documents
}

/// Reproducible.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
