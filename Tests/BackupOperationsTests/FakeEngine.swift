import BackupEngines
import BackupModel
import BackupPipeline
import Foundation
import MongoArchive
import Synchronization

/// An engine without a server. It is honest about what it writes, in pieces like a real one, unless its mode says
/// otherwise; what it is given for a restore it keeps and counts.
struct FakeEngine: Engine {
    enum Mode: Sendable {
        case right
        /// Fails after half of the archive.
        case throwsMidway(BackupError)
        /// Ends without an error after so many bytes.
        case truncated(Int)
        /// Comes to no end until it is cancelled.
        case blocksUntilCancelled
        /// Sleeps so long, whoever cancels.
        case ignoresCancellation(Double)
        /// Says that it dumped one document more of its last namespace.
        case wrongCounts
        /// Leaves its last namespace out of what it says it dumped.
        case silentAboutOne
        /// Flips a bit in a document.
        case wrongChecksum
    }

    let identity = EngineIdentity(name: "fake", version: "9.9")
    let archive: [UInt8]
    /// What is in the archive, if it is one.
    let index: ArchiveIndex?
    var mode = Mode.right
    /// What the archive is passed in.
    var piece = 700
    /// Is called once half of the archive was written.
    var midway: @Sendable () throws -> Void = {}
    let restored = RestoreRecord()

    static let server = ServerDescription(
        version: "6.0.5", fcv: "6.0", topology: .replicaSet, replicaSet: "rs0", host: "db.example:27017")

    init(_ archive: [UInt8], _ mode: Mode = .right) {
        self.archive = archive
        self.mode = mode
        index = try? ArchiveIndex(of: archive)
    }

    static func base(_ mode: Mode = .right) throws -> FakeEngine { FakeEngine(try fixture("10-base.archive"), mode) }

    func dump(_ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor) throws -> DumpReport {
        monitor.expected(
            documents: index?.documents ?? 0, bytes: Int64(archive.count), namespaces: index?.namespaces.count ?? 0)
        try write(to: sink, monitor: monitor)
        monitor.warning("a warning of the engine")
        var report = DumpReport(
            server: Self.server, consistency: .perCollection,
            namespaces: (index?.namespaces ?? []).map {
                DumpedNamespace(namespace: $0.namespace, documents: $0.documents, bytes: $0.bytes)
            },
            warnings: ["a warning of the report"])
        switch mode {
        case .wrongCounts: report.namespaces[report.namespaces.count - 1].documents += 1
        case .silentAboutOne: report.namespaces.removeLast()
        default: break
        }
        return report
    }

    private func write(to sink: any ByteSink, monitor: any RunMonitor) throws {
        var bytes = archive
        if case .truncated(let count) = mode { bytes = Array(bytes.prefix(count)) }
        if case .wrongChecksum = mode, let place = bytes.firstRange(of: Array("text-2".utf8)) {
            bytes[place.lowerBound] ^= 1
        }
        var isPastHalf = false
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let part = Array(bytes[start..<min(start + piece, bytes.count)])
            try sink.write(part)
            let namespace = Namespace(database: "gold_small", collection: "bb")
            monitor.advanced(namespace, documents: 1, bytes: Int64(part.count))
            guard !isPastHalf, start + piece >= bytes.count / 2 else { continue }
            isPastHalf = true
            try pause(monitor)
        }
    }

    private func pause(_ monitor: any RunMonitor) throws {
        try midway()
        switch mode {
        case .throwsMidway(let error): throw error
        case .blocksUntilCancelled:
            while true {
                try monitor.cancellation.check()
                Thread.sleep(forTimeInterval: 0.01)
            }
        case .ignoresCancellation(let seconds): Thread.sleep(forTimeInterval: seconds)
        default: break
        }
    }

    func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport {
        restored.called(request)
        let sink = CollectingSink()
        try feed(sink)
        restored.fed(sink.bytes, isFinished: sink.isFinished)
        let index = try ArchiveIndex(of: sink.bytes)
        return RestoreReport(
            server: Self.server,
            namespaces: index.namespaces.map {
                var namespace = RestoredNamespace(namespace: $0.namespace)
                namespace.restored = $0.documents
                namespace.indexes = $0.indexes
                return namespace
            })
    }
}

/// What reached an engine for a restore.
final class RestoreRecord: Sendable {
    private struct State {
        var request: RestoreRequest?
        var archive: [UInt8]?
        var isFinished = false
    }

    private let state = Mutex(State())

    func called(_ request: RestoreRequest) { state.withLock { $0.request = request } }

    func fed(_ bytes: [UInt8], isFinished: Bool) {
        state.withLock {
            $0.archive = bytes
            $0.isFinished = isFinished
        }
    }

    var request: RestoreRequest? { state.withLock { $0.request } }
    var archive: [UInt8]? { state.withLock { $0.archive } }
    var isFinished: Bool { state.withLock { $0.isFinished } }
}

final class CollectingSink: ByteSink {
    var bytes: [UInt8] = []
    var isFinished = false

    func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
    func finish() { isFinished = true }
}

extension ArchiveIndex {
    /// Throws unless the bytes are a whole archive with right checksums.
    init(of bytes: [UInt8]) throws {
        let stage = IndexStage()
        try stage.write(bytes)
        try stage.finish()
        self = stage.index
    }

    var documents: Int64 { namespaces.reduce(0) { $0 + $1.documents } }
}

enum MadeArchive {
    /// An archive of collections with so many documents of `size` bytes that no compressor makes smaller.
    static func make(
        _ collections: [(Namespace, documents: Int)], size: Int = 100_000, seed: UInt64 = 1
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var noise = Noise(state: seed)
        var writer = ArchiveWriter(blockBytes: 300_000) { bytes.append(contentsOf: $0) }
        try writer.prelude(
            ArchiveHeader(serverVersion: "6.0.5", toolVersion: "100.18.0"),
            collections.map {
                ArchiveCollection(namespace: $0.0, kind: .collection, metadataJSON: #"{"options":{},"indexes":[]}"#)
            })
        for (namespace, count) in collections {
            for number in 0..<count {
                var builder = BSONBuilder()
                builder.append("_id", .int64(Int64(number)))
                builder.append("noise", .binary(subtype: 0, noise.bytes(size)))
                try builder.build().bytes.withUnsafeBytes { try writer.append($0, to: namespace) }
            }
            try writer.end(namespace)
        }
        try writer.finish()
        return bytes
    }

    private struct Noise {
        var state: UInt64

        mutating func bytes(_ count: Int) -> [UInt8] {
            Array(unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    buffer[index] = UInt8(truncatingIfNeeded: state >> 56)
                }
                initialized = count
            }
        }
    }
}
