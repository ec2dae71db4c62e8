internal import BackupModel
internal import MongoArchive

/// The reading side of a dump: asks the server, on threads of its own, and is as far ahead as the lanes have room.
///
/// The driver cannot be interrupted while it waits for a server. So the writing side never waits for these threads: it
/// cancels the lanes and leaves, and they end with the next answer or the driver's own time limit.
final class DumpReader: Sendable {
    /// Documents are passed on in pieces of about this many bytes.
    static let bufferSize = 1 << 20

    private let uri: MongoURI
    private let request: DumpRequest
    private let monitor: any RunMonitor
    private let lanes: Lanes<DumpEvent>
    private let pool: DocumentBufferPool
    private let readers: BuiltinDump.Readers

    init(
        uri: MongoURI, request: DumpRequest, readers: BuiltinDump.Readers, monitor: any RunMonitor,
        lanes: Lanes<DumpEvent>,
        pool: DocumentBufferPool
    ) {
        self.uri = uri
        self.request = request
        self.readers = readers
        self.monitor = monitor
        self.lanes = lanes
        self.pool = pool
    }

    /// Reads the catalog, then all collections; the first of the readers.
    func run() {
        failing {
            let connection = try MongoConnection(uri, patience: .reading)
            let server = try connection.describe()
            try lanes.send(.described(server))
            let catalog = DumpCatalogReader(
                connection: connection, request: request, server: server, check: monitor.cancellation.check,
                warn: { try self.lanes.send(.warning($0)) })
            let collections = try catalog.collections()
            let estimates = announce(collections, on: connection)
            try lanes.send(.prelude(collections.map(\.archived)))
            lanes.add(collections.count)
            lanes.close()
            let dump = Dump(
                collections: collections, estimates: estimates, server: server,
                work: DumpWork(collections: collections.count))
            let others = (1..<max(1, min(readers.count, collections.count + splits(estimates)))).map { number in
                WorkThread("dump \(number)") { [self] in
                    failing(dump.work) {
                        try read(dump, on: MongoConnection(uri, patience: .reading))
                    }
                }
            }
            failing(dump.work) { try read(dump, on: connection) }
            for other in others { other.join() }
        }
    }

    /// What all readers of a dump know.
    private struct Dump: Sendable {
        let collections: [DumpCollection]
        let estimates: [Estimate?]
        let server: ServerDescription
        let work: DumpWork
    }

    private struct Estimate: Sendable {
        var documents: Int64
        var bytes: Int64
    }

    private func splits(_ estimates: [Estimate?]) -> Int {
        readers.splits && estimates.contains { ($0?.bytes ?? 0) >= DumpSplitter.smallestSplit } ? readers.count : 0
    }

    private func failing(_ work: DumpWork? = nil, _ body: () throws -> Void) {
        do {
            try body()
        } catch {
            work?.stop()
            // Cancelled: nobody listens any more.
            lanes.fail(error)
        }
    }

    private func announce(_ collections: [DumpCollection], on connection: MongoConnection) -> [Estimate?] {
        let estimates = collections.map { collection -> Estimate? in
            guard collection.filter.isEmpty, !monitor.cancellation.isCancelled, let data = collection.data else {
                return nil
            }
            return connection.estimate(data).map { Estimate(documents: $0.documents, bytes: $0.bytes) }
        }
        monitor.expected(
            documents: estimates.reduce(0) { $0 &+ ($1?.documents ?? 0) },
            bytes: estimates.reduce(0) { $0 &+ ($1?.bytes ?? 0) }, namespaces: collections.count)
        return estimates
    }

    private func read(_ dump: Dump, on connection: MongoConnection) throws {
        while let order = dump.work.take() {
            switch order {
            case .plan(let index):
                dump.work.planned(index, try plan(dump, index, on: connection))
            case .read(let index, let piece, let plan):
                let counted = try read(dump, index, piece, plan, on: connection)
                guard let sums = dump.work.ended(index, documents: counted.documents, bytes: counted.bytes) else {
                    continue
                }
                try lanes.send(.ended(documents: sums.documents, bytes: sums.bytes), to: index + 1)
                lanes.close(index + 1)
            }
        }
    }

    private func plan(_ dump: Dump, _ index: Int, on connection: MongoConnection) throws -> DumpWork.Plan {
        let collection = dump.collections[index]
        guard let data = collection.data else { return DumpWork.Plan(pieces: [.all]) }
        let source = try SourceGuard.Source(collection, data: data, connection: connection)
        if let warning = source.warningBefore { try lanes.send(.warning(warning), to: index + 1) }
        guard readers.splits else { return DumpWork.Plan(pieces: [.all], source: source) }
        let splitter = DumpSplitter(connection: connection, server: dump.server)
        let pieces = try splitter.pieces(of: collection, data: data, bytes: dump.estimates[index]?.bytes ?? 0)
        return DumpWork.Plan(pieces: pieces, source: source)
    }

    private func read(
        _ dump: Dump, _ index: Int, _ piece: DumpPiece, _ plan: DumpWork.Plan, on connection: MongoConnection
    ) throws -> Estimate {
        let collection = dump.collections[index]
        guard let data = collection.data, let source = plan.source else { return Estimate(documents: 0, bytes: 0) }
        let guarding = SourceGuard(source, connection: connection)
        let counted: Estimate
        do {
            let cursor = try connection.find(
                data, filter: collection.filter, piece: piece, batch: batch(dump.estimates[index]))
            counted = try readDocuments(of: cursor, to: index + 1)
        } catch let error as ServerError {
            throw guarding.explain(error)
        }
        try guarding.checkAfter()
        return counted
    }

    /// Batches of a buffer's size cost the least; the server ends one at 16 MiB by itself.
    private func batch(_ estimate: Estimate?) -> Int32 {
        guard let estimate, estimate.documents > 0, estimate.bytes > 0 else { return 1000 }
        let size = max(1, estimate.bytes / estimate.documents)
        return Int32(clamping: min(max(Int64(Self.bufferSize) / size, 100), 4000))
    }

    private func readDocuments(of cursor: MongoCursor, to lane: Int) throws -> Estimate {
        var counted = Estimate(documents: 0, bytes: 0)
        var buffer = pool.take()
        func flush() throws {
            try monitor.cancellation.check()
            guard buffer.documents > 0 else { return }
            counted.documents += Int64(buffer.documents)
            counted.bytes += Int64(buffer.count)
            try lanes.send(.documents(buffer), weight: buffer.count, to: lane)
            buffer = pool.take()
        }
        while let document = try cursor.next() {
            if buffer.documents > 0, buffer.count + document.count > Self.bufferSize { try flush() }
            buffer.append(document)
        }
        try flush()
        pool.give(buffer)
        return counted
    }
}
