internal import BackupModel
internal import MongoArchive

/// Turns an archive, as it is read, into collections made and batches on their way.
///
/// Nothing is written before the prelude is known as a whole and has been found to fit the plan and the target.
final class RestoreHandler: ArchiveHandler {
    private let connection: MongoConnection
    private let server: ServerDescription
    private let request: RestoreRequest
    private let tally: RestoreTally
    private let queue: BatchQueue
    private let cancellation: Cancellation

    private var collections: [ArchiveCollection] = []
    private(set) var targets: [RestoreTarget] = []
    private var places: [Namespace: Int] = [:]
    private var current: Int?
    private var cutter: BatchCutter
    private(set) var users: UsersAndRoles

    init(
        connection: MongoConnection, server: ServerDescription, request: RestoreRequest, tally: RestoreTally,
        queue: BatchQueue, pool: DocumentBufferPool, cancellation: Cancellation
    ) {
        cutter = BatchCutter(pool: pool)
        self.connection = connection
        self.server = server
        self.request = request
        self.tally = tally
        self.queue = queue
        self.cancellation = cancellation
        users = UsersAndRoles(connection: connection, tally: tally)
    }

    func header(_ header: ArchiveHeader) {
        let archived = ServerDescription(version: header.serverVersion ?? "", topology: .standalone, host: "")
        // Those have one version of the schema of users left, and no document that says it.
        let isRecent = !archived.versionNumbers.lexicographicallyPrecedes([8, 1])
        if isRecent { users.archivedVersion = 5 }
        let from = archived.versionNumbers.prefix(2)
        if from.count == 2, from != server.versionNumbers.prefix(2) {
            tally.warn(
                "the archive is of MongoDB \(archived.version) and the target is \(server.version): MongoDB supports restoring into the same version only"
            )
        }
    }

    func collection(_ collection: ArchiveCollection) { collections.append(collection) }

    func preludeEnded() throws {
        let preparation = RestorePreparation(connection: connection, server: server, request: request, tally: tally)
        let collections = collections
        targets = try interruptibly(cancellation) { try preparation.prepare(collections) }
        self.collections = []
        for (index, target) in targets.enumerated() { places[target.namespace] = index }
        tally.begin(targets.map(\.namespace))
        if targets.contains(where: { $0.role != .data }) {
            let users = users
            try interruptibly(cancellation) { [connection] in
                try connection.explaining("restore users and roles") { try users.clear() }
            }
        }
    }

    func blockStarted(_ namespace: Namespace, storedAs: Namespace, offset: UInt64) throws {
        try cancellation.check()
        current = places[namespace]
        guard let current, targets[current].state == .waiting else { return }
        // Old tools unpacked time series: these are measurements, not buckets.
        if targets[current].kind == .timeseries { targets[current].place = storedAs }
        try make(current)
    }

    private func make(_ index: Int) throws {
        targets[index].state = .ready
        guard targets[index].role == .data else { return }
        var order = empty(index)
        order.lane = nil
        order.making = targets[index]
        try submit(order)
    }

    func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
        guard let current else { return }
        let target = targets[current]
        switch (target.role, target.kind) {
        case (.authVersion, _): try readVersion(bytes, of: current)
        case (.data, .view):
            tally.add(current, failed: Int64(count))
            tally.add(error: "the archive has documents for a view", to: current)
        case (.data, _): try add(bytes, count: count, to: current)
        case (.users, _), (.roles, _): try addUsers(bytes, to: current)
        }
    }

    func namespaceEnded(_ namespace: Namespace, crc: UInt64, documents: Int64, bytes: Int64, offset: UInt64) throws {
        guard let index = places[namespace] else { return }
        try cutter.end(index) { try submit($0) }
        targets[index].state = .ended
        tally.ended(index)
    }

    private func add(_ bytes: UnsafeRawBufferPointer, count: Int, to index: Int) throws {
        try cutter.add(bytes, count: count, to: empty(index)) { try submit($0) }
    }

    private func empty(_ index: Int) -> RestoreBatch {
        let target = targets[index]
        let isBuckets = target.kind == .timeseries && target.place != target.namespace
        return RestoreBatch(
            index: index, place: target.place, timeSeries: isBuckets ? target.namespace : nil,
            bypassesValidation: target.bypassesValidation, lane: target.isCapped ? index : nil)
    }

    private func submit(_ batch: RestoreBatch) throws {
        tally.submitted(batch.index)
        try queue.submit(batch)
    }
}

// Users and roles.
extension RestoreHandler {
    private func readVersion(_ bytes: UnsafeRawBufferPointer, of index: Int) throws {
        for document in try Self.documents(bytes) {
            tally.add(index, kept: 1)
            guard document["_id"]?.stringValue == "authSchema" else { continue }
            users.archivedVersion = document["currentVersion"]?.asInt64
        }
    }

    /// The server merges those of one database by the name in each of them, and silently leaves out all others.
    private func addUsers(_ bytes: UnsafeRawBufferPointer, to index: Int) throws {
        let database = targets[index].namespace.database
        for document in try Self.documents(bytes) {
            let owner = document["db"]?.stringValue ?? ""
            guard database == "admin" || owner.utf8.elementsEqual(database.utf8) else {
                tally.add(index, failed: 1)
                tally.add(error: "a user or role of '\(owner)' cannot be restored into '\(database)'", to: index)
                continue
            }
            users.note(document, index: index)
            try document.bytes.withUnsafeBytes { try add($0, count: 1, to: index) }
        }
    }

    private static func documents(_ bytes: UnsafeRawBufferPointer) throws -> [BSONDocument] {
        var documents: [BSONDocument] = []
        var start = 0
        while bytes.count - start >= 5 {
            let length = Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int32.self)))
            guard length >= 5, length <= bytes.count - start else { break }
            let slice = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
            do {
                documents.append(try BSONDocument(validating: slice))
            } catch {
                throw BackupError(.archiveDamaged, "cannot read users and roles of the archive: \(error)")
            }
            start += length
        }
        return documents
    }
}
