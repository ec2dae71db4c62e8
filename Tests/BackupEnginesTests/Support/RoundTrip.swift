import Foundation

@testable import BackupEngines
import BackupModel
import BackupPipeline
import MongoArchive

let engine = BuiltinEngine(version: "0.0.0-test")

extension TestServer {
    func dump(
        _ scope: DumpScope, selection: NamespaceSelection = .everything, withUsers: Bool = false,
        allowEmpty: Bool = false, options: DumpOptions = DumpOptions(), monitor: any RunMonitor = RecordingMonitor(),
        uri: String? = nil, by engine: any Engine = engine
    ) throws -> (bytes: [UInt8], report: DumpReport) {
        let sink = MemorySink()
        let request = DumpRequest(
            uri: uri ?? (hasAuth ? adminURI : self.uri), scope: scope, selection: selection, withUsers: withUsers,
            allowEmpty: allowEmpty, options: options)
        let report = try engine.dump(request, into: sink, monitor: monitor)
        return (sink.bytes, report)
    }

    /// Restores all of an archive, which is renamed on the way.
    @discardableResult
    func restore(
        _ archive: [UInt8], action: RestoreNamespace.Action = .create, withUsers: Bool = false,
        withIndexes: Bool = true,
        rename: @escaping (Namespace) -> Namespace = { $0 }, select: @escaping (Namespace) -> Bool = { _ in true },
        options: LoadOptions = LoadOptions(), monitor: any RunMonitor = RecordingMonitor(), uri: String? = nil,
        chunk: Int = 100_000, by engine: any Engine = engine
    ) throws -> RestoreReport {
        let (bytes, namespaces) = try rewrite(archive, select: select, rename: rename, withUsers: withUsers)
        let request = RestoreRequest(
            uri: uri ?? (hasAuth ? adminURI : self.uri),
            namespaces: namespaces.map { RestoreNamespace(namespace: $0, action: action) }, withUsers: withUsers,
            withIndexes: withIndexes, options: options)
        return try engine.restore(request, monitor: monitor) { try feed(bytes, into: $0, chunk: chunk) }
    }
}

func feed(_ bytes: [UInt8], into sink: any ByteSink, chunk: Int = 100_000) throws {
    try bytes.withUnsafeBytes { bytes in
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            try sink.write(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + chunk, bytes.count)]))
        }
    }
    try sink.finish()
}

/// Selects and renames as the product does; the new archive and its namespaces.
func rewrite(
    _ archive: [UInt8], select: @escaping (Namespace) -> Bool = { _ in true },
    rename: @escaping (Namespace) -> Namespace = { $0 }, withUsers: Bool = false
) throws -> (bytes: [UInt8], namespaces: [Namespace]) {
    let sink = MemorySink()
    let writer = ArchiveWriter(sink: sink.write)
    let reader = ArchiveReader(
        handler: ArchiveRewriter(select: select, selectSpecial: { _ in withUsers }, rename: rename, writer: writer))
    try archive.withUnsafeBytes { try reader.feed($0) }
    try reader.finish()
    try reader.handler.finish()
    return (sink.bytes, reader.handler.selection.map(\.to))
}

/// Gives every database another name, which also fits where the old one was as long as it may be.
func suffixed(_ suffix: String) -> (Namespace) -> Namespace {
    { Namespace(database: $0.database.prefix(50) + suffix, collection: $0.collection) }
}

/// An archive as someone else might have written it.
func archive(
    _ collections: [(collection: ArchiveCollection, documents: [BSONDocument])],
    header: ArchiveHeader = ArchiveHeader(serverVersion: "6.0.5", toolVersion: "test")
) throws -> [UInt8] {
    let sink = MemorySink()
    var writer = ArchiveWriter(sink: sink.write)
    try writer.prelude(header, collections.map(\.collection))
    for (collection, documents) in collections {
        try documents.flatMap(\.bytes).withUnsafeBytes { try writer.append($0, to: collection.namespace) }
        try writer.end(collection.namespace)
    }
    try writer.finish()
    return sink.bytes
}
