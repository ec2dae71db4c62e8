package import BackupModel
package import BackupPipeline
import BackupStorage
package import Foundation
import MongoArchive

/// Passes an archive on, uncompressed: all of it as it is, or some of its namespaces as an archive of their own.
///
/// All is proved as it goes by, in one pass: the file against its manifest, or every checksum in it. When something is
/// wrong it throws, and what the receiver has got by then ends inside a block. Of a selection only what its namespaces lie in
/// is read, by the manifest; a file without one is read up to the end of the last of them.
package struct CopyArchive {
    private let progress: RunProgress
    private let workspace: () throws -> Workspace
    private let now: () -> Date

    package init(
        progress: RunProgress, workspace: @escaping () throws -> Workspace, now: @escaping () -> Date = { Date.now }
    ) {
        self.progress = progress
        self.workspace = workspace
        self.now = now
    }

    package func copy(_ text: String, _ selection: NamespaceSelection, to sink: any ByteSink) throws {
        let archive = try OpenedArchive.open(text, workspace: workspace, progress: progress, at: now())
        try archive.reading(at: now()) { try copy(archive, selection, to: sink) }
    }

    func copy(_ archive: OpenedArchive, _ selection: NamespaceSelection, to sink: any ByteSink) throws {
        let held = HeldTailStage(into: sink)
        progress.enter(.checking)
        switch archive {
        case .described(let source, _):
            if selection.isEverything {
                try source.copyWhole(to: held, passed)
            } else {
                try part(source, selection, held)
            }
        case .file(let file, let path):
            let archive = try PlainOrGzipSource.detect(file.source(), name: path).archive
            if selection.isEverything { try whole(archive, held) } else { try part(archive, selection, held) }
        }
        try held.release()
    }

    private func passed(_ count: Int) throws {
        try progress.cancellation.check()
        progress.checked(bytes: Int64(count))
    }

    private func whole(_ archive: any ByteSource, _ sink: any ByteSink) throws {
        let index = IndexStage(into: sink)
        try archive.copy(to: CountingStage(into: index, passed: passed))
        try index.finish()
    }

    private func part(_ source: RestoreSource, _ selection: NamespaceSelection, _ sink: any ByteSink) throws {
        let chosen = try selection.choose(from: source.namespaces().map(\.namespace))
        let reader = ArchiveReader(
            handler: ArchivePart(into: sink, concurrentCollections: source.concurrentCollections) { _ in chosen },
            options: ArchiveReaderOptions { chosen.contains($0) })
        try source.open(chosen).copy(to: CountingStage(into: ReaderSink(reader), passed: passed))
        try reader.finish()
        try reader.handler.finish()
        try source.requireAgreement(reader.handler.ended, chosen)
    }

    private func part(_ archive: any ByteSource, _ selection: NamespaceSelection, _ sink: any ByteSink) throws {
        let part = ArchivePart(into: sink, stopsEarly: true) { try selection.choose(from: $0) }
        let reader = ArchiveReader(handler: part)
        do {
            try archive.copy(to: CountingStage(into: ReaderSink(reader), passed: passed))
            try reader.finish()
        } catch is EnoughRead {}
        try reader.handler.finish()
    }
}

/// Makes an archive of those namespaces of another that `choose` takes of all that its prelude names.
struct ArchivePart: ArchiveHandler {
    private var rewriter: ArchiveRewriter
    private let stopsEarly: Bool
    private let choose: ([Namespace]) throws -> Set<Namespace>
    private var collections: [ArchiveCollection] = []
    private var chosen: Set<Namespace> = []
    private(set) var ended: [Namespace: ArchivedContent] = [:]

    /// `stopsEarly`: throws `EnoughRead` once all that was chosen has ended.
    init(
        into sink: any ByteSink, concurrentCollections: Int32? = nil, stopsEarly: Bool = false,
        choose: @escaping ([Namespace]) throws -> Set<Namespace>
    ) {
        rewriter = ArchiveRewriter(
            select: { _ in true }, selectSpecial: { _ in true }, concurrentCollections: concurrentCollections,
            writer: ArchiveWriter { try sink.write($0) })
        self.stopsEarly = stopsEarly
        self.choose = choose
    }

    /// To be called when nothing more comes; throws unless all that was chosen has ended.
    mutating func finish() throws { try rewriter.finish() }

    mutating func header(_ header: ArchiveHeader) { rewriter.header(header) }

    mutating func collection(_ collection: ArchiveCollection) { collections.append(collection) }

    mutating func preludeEnded() throws {
        chosen = try choose(collections.map(\.namespace))
        for collection in collections where chosen.contains(collection.namespace) { rewriter.collection(collection) }
        collections = []
        try rewriter.preludeEnded()
    }

    mutating func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) throws {
        try rewriter.blockStarted(namespace, storedAs: storedAs, offset: offset)
    }

    mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
        try rewriter.documents(bytes, count: count)
    }

    mutating func blockEnded(offset: UInt64) throws { try rewriter.blockEnded(offset: offset) }

    mutating func namespaceEnded(
        _ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64
    ) throws {
        try rewriter.namespaceEnded(namespace, crc: crc, documents: documents, bytes: bytes, offset: offset)
        guard chosen.contains(namespace) else { return }
        ended[namespace] = ArchivedContent(documents: documents, bytes: bytes, crc64: crc)
        if stopsEarly, ended.count == chosen.count { throw EnoughRead() }
    }
}
