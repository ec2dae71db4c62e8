internal import BackupModel
internal import MongoArchive
internal import Synchronization

/// Builds the indexes of a restore: one command per collection, several collections at a time.
struct IndexBuilder {
    struct Order: Sendable {
        var index: Int
        var namespace: Namespace
        var definitions: [BSONDocument]
    }

    let uri: MongoURI
    let tally: RestoreTally
    let cancellation: Cancellation
    let workers: Int

    /// Waits for all of them. When cancelled it leaves; builds that have begun go on in the server.
    func build(_ orders: [Order]) throws {
        guard !orders.isEmpty else { return }
        let state = BuildState(orders)
        let threads = (0..<min(workers, orders.count)).map { number in
            WorkThread("indexes \(number)") { [uri, tally, cancellation] in
                do {
                    let connection = try MongoConnection(uri, patience: .buildingIndexes)
                    while !cancellation.isCancelled, let order = state.next() {
                        try Self.build(order, on: connection, tally)
                    }
                } catch {
                    state.fail(error)
                }
            }
        }
        for thread in threads {
            while !thread.join(within: 0.1) { try cancellation.check() }
        }
        try cancellation.check()
        try state.check()
    }

    private static func build(_ order: Order, on connection: MongoConnection, _ tally: RestoreTally) throws {
        guard try create(order.definitions, order, on: connection) != nil else {
            tally.add(order.index, indexes: order.definitions.count)
            return
        }
        // One that cannot be built takes all of its command with it: build the others without it.
        for definition in order.definitions {
            if let problem = try create([definition], order, on: connection) {
                let name = definition["name"]?.stringValue ?? ""
                tally.add(error: "cannot build index '\(name)': \(problem)", to: order.index)
            } else {
                tally.add(order.index, indexes: 1)
            }
        }
    }

    /// What the server has against it, or nil.
    private static func create(
        _ definitions: [BSONDocument], _ order: Order, on connection: MongoConnection
    ) throws -> String? {
        let command: BSONDocument = [
            "createIndexes": .string(order.namespace.collection),
            "indexes": .array(definitions.map { .document($0) }), "ignoreUnknownIndexOptions": true,
        ]
        do {
            _ = try connection.run(command, on: order.namespace.database, as: .write)
            return nil
        } catch let error as ServerError {
            guard let code = error.code, !ServerCode.endsEverything.contains(code) else {
                throw error.backupError("build indexes of '\(order.namespace)'", uri: connection.uri)
            }
            return connection.uri.redact(ServerError.withoutCommand(error.message))
        }
    }
}

/// What the threads of an `IndexBuilder` share.
private final class BuildState: Sendable {
    private let orders: Mutex<ArraySlice<IndexBuilder.Order>>
    private let failure = Mutex<(any Error)?>(nil)

    init(_ orders: [IndexBuilder.Order]) {
        self.orders = Mutex(orders[...])
    }

    func next() -> IndexBuilder.Order? {
        guard failure.withLock({ $0 == nil }) else { return nil }
        return orders.withLock { $0.popFirst() }
    }

    func fail(_ error: any Error) { failure.withLock { if $0 == nil { $0 = error } } }

    func check() throws {
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
