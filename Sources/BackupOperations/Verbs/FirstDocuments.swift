package import BackupModel
import BackupPipeline
import BackupStorage
package import Foundation
package import MongoArchive

/// The first documents of namespaces of an archive, as a look at what is in it.
///
/// Reads no further than it must: of a snapshot, for each namespace the gzip members in which these documents lie; of a file
/// without a manifest, from its beginning to the last of them. So it proves no more than the members that it read. Users and
/// roles are left out, since their documents hold what passwords are checked with.
package struct FirstDocuments {
    /// What is found of one namespace.
    package struct Sample: Sendable {
        package var namespace: Namespace
        /// As `SnapshotNamespace.type`.
        package var type: String
        /// How many there are in all; nil where the reading stopped before that showed.
        package var count: Int64?
        package var documents: [BSONDocument]
    }

    /// More bytes of documents than these are not held at a time.
    package static let largest = 32 << 20

    private let archive: OpenedArchive
    private let progress: RunProgress
    private let now: () -> Date

    package init(
        of text: String, progress: RunProgress, workspace: () throws -> Workspace,
        now: @escaping () -> Date = { Date.now }
    ) throws {
        self.init(
            try OpenedArchive.open(text, workspace: workspace, progress: progress, at: now()), progress: progress,
            now: now)
    }

    init(_ archive: OpenedArchive, progress: RunProgress, now: @escaping () -> Date = { Date.now }) {
        self.archive = archive
        self.progress = progress
        self.now = now
    }

    /// The snapshot's id; nil for a file.
    package var snapshot: String? {
        if case .described(let source, _) = archive { source.snapshot } else { nil }
    }

    package var file: String {
        switch archive {
        case .described(let source, _): source.file.name
        case .file(_, let path): path
        }
    }

    /// Calls `each` for every namespace that is selected, in the archive's order.
    package func read(_ selection: NamespaceSelection, limit: Int, each: (Sample) throws -> Void) throws {
        try archive.reading(at: now()) {
            progress.enter(.checking)
            switch archive {
            case .described(let source, _): try read(source, selection, limit: limit, each: each)
            case .file(let file, _):
                try read(file, chosen: { try choose(selection, from: $0) }, limit: limit, each: each)
            }
        }
    }

    private func read(
        _ source: RestoreSource, _ selection: NamespaceSelection, limit: Int, each: (Sample) throws -> Void
    ) throws {
        guard case .snapshot(let manifest, let collections) = source.content else { return }
        let chosen = try choose(selection, from: collections.map(\.namespace))
        guard let pieces = pieces(of: chosen, manifest) else {
            return try read(source.file, chosen: { _ in chosen }, limit: limit, each: each)
        }
        let byName = Dictionary(collections.map { ($0.namespace, $0) }) { first, _ in first }
        let members = MemberReader(source.file)
        for entry in manifest.namespaces where chosen.contains(entry.namespace) {
            guard let collection = byName[entry.namespace] else { continue }
            let blocks = try members.source(pieces[entry.namespace] ?? [])
            try each(sample(of: entry, collection, limit: limit, from: blocks))
        }
    }

    private func choose(_ selection: NamespaceSelection, from there: [Namespace]) throws -> Set<Namespace> {
        try selection.choose(from: there.filter { !$0.isUsersOrRoles })
    }

    /// Where these namespaces lie; nil when the manifest does not say it of each.
    private func pieces(
        of chosen: Set<Namespace>, _ manifest: SnapshotManifest
    ) -> [Namespace: [StoredRangesSource.Piece]]? {
        var found: [Namespace: [StoredRangesSource.Piece]] = [:]
        for entry in manifest.namespaces where chosen.contains(entry.namespace) {
            guard let ranges = entry.ranges else { return nil }
            let pieces = ranges.compactMap(\.piece)
            guard pieces.count == ranges.count else { return nil }
            found[entry.namespace] = pieces
        }
        return found
    }

    /// The blocks of one namespace are an archive of it, behind a prelude that names nothing else.
    private func sample(
        of entry: SnapshotManifest.NamespaceEntry, _ collection: ArchiveCollection, limit: Int,
        from blocks: any ByteSource
    ) throws -> Sample {
        guard entry.documents > 0 else {
            return Sample(namespace: entry.namespace, type: entry.type, count: 0, documents: [])
        }
        let reader = ArchiveReader(handler: DocumentTaker(limit: limit) { _ in [entry.namespace] })
        var writer = ArchiveWriter { try reader.feed($0) }
        try writer.prelude(ArchiveHeader(serverVersion: "0.0.0", toolVersion: nil), [collection])
        try read(blocks, with: reader)
        let taken = reader.handler.samples.first?.documents ?? []
        guard Int64(taken.count) == min(Int64(limit), entry.documents) else {
            throw BackupError(
                .snapshotDamaged,
                "cannot trust '\(archive.name)': '\(entry.namespace)' does not have \(entry.documents) documents")
        }
        return Sample(
            namespace: entry.namespace, type: entry.type, count: entry.documents,
            documents: try documents(taken, entry.namespace))
    }

    private func read(
        _ file: any StoredFile, chosen: @escaping ([Namespace]) throws -> Set<Namespace>, limit: Int,
        each: (Sample) throws -> Void
    ) throws {
        let reader = ArchiveReader(handler: DocumentTaker(limit: limit, choose: chosen))
        try read(PlainOrGzipSource.detect(file.source(), name: file.name).archive, with: reader)
        for found in reader.handler.samples {
            try each(
                Sample(
                    namespace: found.collection.namespace, type: found.collection.effectiveKind().rawValue,
                    count: found.count, documents: try documents(found.documents, found.collection.namespace)))
        }
    }

    private func read(_ source: any ByteSource, with reader: ArchiveReader<DocumentTaker>) throws {
        do {
            try source.copy(
                to: CountingStage(into: ReaderSink(reader)) { [progress] count in
                    try progress.cancellation.check()
                    progress.checked(bytes: Int64(count))
                })
            try reader.finish()
        } catch is EnoughRead {}
    }

    private func documents(_ taken: [[UInt8]], _ namespace: Namespace) throws -> [BSONDocument] {
        try taken.enumerated().map { number, bytes in
            do throws(BSONError) {
                return try BSONDocument(validating: bytes)
            } catch {
                throw ArchiveError(
                    .framing, "its document number \(number + 1) is no BSON: \(error.message)", offset: 0,
                    namespace: namespace)
            }
        }
    }
}

/// Keeps the first documents of what `choose` takes of all that a prelude names, and throws `EnoughRead` when it has them.
struct DocumentTaker: ArchiveHandler {
    struct Taken {
        var collection: ArchiveCollection
        var documents: [[UInt8]] = []
        /// Known once the namespace has ended.
        var count: Int64?
        /// Nothing more of it is wanted.
        var isDone = false
    }

    private let limit: Int
    private let choose: ([Namespace]) throws -> Set<Namespace>
    private var collections: [ArchiveCollection] = []
    private var places: [Namespace: Int] = [:]
    private var current: Int?
    private var left = 0
    private var bytes = 0
    private(set) var samples: [Taken] = []

    init(limit: Int, choose: @escaping ([Namespace]) throws -> Set<Namespace>) {
        self.limit = limit
        self.choose = choose
    }

    mutating func collection(_ collection: ArchiveCollection) { collections.append(collection) }

    mutating func preludeEnded() throws {
        let chosen = try choose(collections.map(\.namespace))
        for collection in collections where chosen.contains(collection.namespace) {
            places[collection.namespace] = samples.count
            samples.append(Taken(collection: collection))
        }
        collections = []
        left = samples.count
    }

    mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) {
        current = places[namespace].flatMap { samples[$0].isDone ? nil : $0 }
    }

    mutating func documents(_ all: UnsafeRawBufferPointer, count: Int) throws {
        guard let current else { return }
        var rest = all[...]
        while rest.count >= 4 {
            let length = Int(
                UInt32(littleEndian: all.loadUnaligned(fromByteOffset: rest.startIndex, as: UInt32.self)))
            bytes += length
            guard bytes <= FirstDocuments.largest else {
                throw BackupError(
                    .refused, "refusing to show so much: documents of more than \(FirstDocuments.largest >> 20) MiB",
                    hint: "ask for fewer by --documents, or select less by --ns-include.")
            }
            samples[current].documents.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
            if samples[current].documents.count == limit { return try finish(current) }
        }
    }

    mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) throws {
        guard let place = places[namespace] else { return }
        samples[place].count = documents
        if !samples[place].isDone { try finish(place) }
    }

    private mutating func finish(_ place: Int) throws {
        samples[place].isDone = true
        current = nil
        left -= 1
        if left == 0 { throw EnoughRead() }
    }
}
