internal import BackupModel
internal import MongoArchive

/// The reading side of a dump: asks the server, on its own thread, and is as far ahead as the channel has room.
///
/// The driver cannot be interrupted while it waits for a server. So the writing side never waits for this thread: it
/// cancels the channel and leaves, and this thread ends with the next answer or the driver's own time limit.
final class DumpReader {
    /// Documents are passed on in pieces of about this many bytes.
    private static let chunkSize = 1 << 20

    private let uri: MongoURI
    private let request: DumpRequest
    private let monitor: any RunMonitor
    private let channel: Channel<DumpEvent>

    init(uri: MongoURI, request: DumpRequest, monitor: any RunMonitor, channel: Channel<DumpEvent>) {
        self.uri = uri
        self.request = request
        self.monitor = monitor
        self.channel = channel
    }

    func run() {
        do {
            try read()
        } catch {
            // Cancelled: nobody listens any more.
            try? channel.send(.failed(error))
        }
        channel.finish()
    }

    private func read() throws {
        let connection = try MongoConnection(uri, patience: .reading)
        let server = try connection.describe()
        try channel.send(.described(server))
        let catalog = DumpCatalogReader(
            connection: connection, request: request, server: server, check: monitor.cancellation.check,
            warn: { try self.channel.send(.warning($0)) })
        let collections = try catalog.collections()
        announce(collections, on: connection)
        try channel.send(.prelude(collections.map(\.archived)))
        for collection in collections { try read(collection, on: connection) }
    }

    private func announce(_ collections: [DumpCollection], on connection: MongoConnection) {
        var documents: Int64 = 0
        var bytes: Int64 = 0
        for collection in collections where collection.filter.isEmpty && !monitor.cancellation.isCancelled {
            guard let data = collection.data, let estimate = connection.estimate(data) else { continue }
            documents += estimate.documents
            bytes += estimate.bytes
        }
        monitor.expected(documents: documents, bytes: bytes, namespaces: collections.count)
    }

    private func read(_ collection: DumpCollection, on connection: MongoConnection) throws {
        var dumped = DumpedNamespace(namespace: collection.namespace, documents: 0, bytes: 0)
        if let data = collection.data {
            let guarding = try SourceGuard(collection, data: data, connection: connection)
            if let warning = guarding.warningBefore { try channel.send(.warning(warning)) }
            do {
                try readDocuments(of: data, collection, on: connection, into: &dumped)
            } catch let error as ServerError {
                throw guarding.explain(error)
            }
            try guarding.checkAfter()
        }
        try channel.send(.ended(dumped))
    }

    private func readDocuments(
        of data: Namespace, _ collection: DumpCollection, on connection: MongoConnection,
        into dumped: inout DumpedNamespace
    ) throws {
        let cursor = try connection.find(data, filter: collection.filter)
        var chunk: [UInt8] = []
        var count = 0
        func flush() throws {
            try monitor.cancellation.check()
            guard count > 0 else { return }
            dumped.documents += Int64(count)
            dumped.bytes += Int64(chunk.count)
            try channel.send(.documents(chunk, count: count, of: collection.namespace), weight: chunk.count)
            chunk = []
            count = 0
        }
        while let document = try cursor.next() {
            if !chunk.isEmpty, chunk.count + document.count > Self.chunkSize { try flush() }
            if chunk.isEmpty { chunk.reserveCapacity(max(document.count, min(Self.chunkSize, document.count * 1000))) }
            chunk.append(contentsOf: document)
            count += 1
        }
        try flush()
    }
}
