internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// One client of the driver: connections to the servers behind a URI, used by one thread at a time.
///
/// It connects when it is first used. Reads go where the URI's read preference says, writes to the primary with the
/// URI's write concern, or `majority` where it has none.
final class MongoConnection {
    let uri: MongoURI
    let client: OpaquePointer
    /// Nil for the client's own.
    let readPreferences: OpaquePointer?
    private let driverURI: OpaquePointer
    private var startedSession: OpaquePointer?

    /// How long a single reply may take: the driver's limit on a read from the socket.
    enum Patience: Int32 {
        case reading = 300_000
        case writing = 3_600_000
        /// A foreground index build answers when it is done.
        case buildingIndexes = 86_400_000
    }

    init(_ uri: MongoURI, patience: Patience) throws {
        self.uri = uri
        try uri.requireFiles()
        var error = bson_error_t()
        guard let driverURI = mongoc_uri_new_with_error(uri.text, &error) else {
            throw BackupError(.invalidURI, "cannot use URI '\(uri.redacted)'")
        }
        Self.applyDefaults(to: driverURI, of: uri, patience: patience)
        // `mongodb+srv` is looked up here.
        guard let client = mongoc_client_new_from_uri_with_error(driverURI, &error) else {
            mongoc_uri_destroy(driverURI)
            let failure = ServerError(error)
            throw BackupError(
                .serverUnreachable,
                "cannot connect to '\(uri.hosts.joined(separator: ","))': \(uri.redact(failure.message))")
        }
        self.driverURI = driverURI
        self.client = client
        readPreferences = patience == .reading ? mongoc_uri_get_read_prefs_t(driverURI) : nil
        mongoc_client_set_error_api(client, MONGOC_ERROR_API_VERSION_2)
        dropReadConcern()
        if patience != .reading { readFromPrimary() }
        if uri.writesUnacknowledged || !uri.has(option: "w") { acknowledgeByMajority() }
    }

    // The driver ends its sessions on the server, which may not answer any more: nobody waits for that.
    deinit {
        let remains = Remains(session: startedSession, client: client, uri: driverURI)
        WorkThread("goodbye") { remains.destroy() }.join(within: 1)
    }

    /// What belongs to a connection that nobody uses any more; handed from its last user to one thread.
    private struct Remains: @unchecked Sendable {
        let session: OpaquePointer?
        let client: OpaquePointer
        let uri: OpaquePointer

        func destroy() {
            if let session { mongoc_client_session_destroy(session) }
            mongoc_client_destroy(client)
            mongoc_uri_destroy(uri)
        }
    }

    private static func applyDefaults(to driverURI: OpaquePointer, of uri: MongoURI, patience: Patience) {
        if !uri.has(option: "serverSelectionTimeoutMS") {
            _ = mongoc_uri_set_option_as_int32(driverURI, "serverselectiontimeoutms", 8_000)
        }
        if !uri.has(option: "connectTimeoutMS") {
            // Two attempts, and the whole still below ten seconds.
            _ = mongoc_uri_set_option_as_int32(driverURI, "connecttimeoutms", 4_000)
        }
        if !uri.has(option: "socketTimeoutMS") {
            _ = mongoc_uri_set_option_as_int32(driverURI, "sockettimeoutms", patience.rawValue)
        }
        // By default the driver gives up at the first attempt, though an election takes some seconds.
        _ = mongoc_uri_set_option_as_bool(driverURI, "serverselectiontryonce", false)
        if !uri.has(option: "appName") { _ = mongoc_uri_set_appname(driverURI, "backupctl") }
    }

    // A read concern of the URI would go with commands that do not know it (listCollections): only `find` gets it.
    private func dropReadConcern() {
        let none = mongoc_read_concern_new()
        mongoc_client_set_read_concern(client, none)
        mongoc_read_concern_destroy(none)
    }

    // Who writes must see what was written.
    private func readFromPrimary() {
        let primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY)
        mongoc_client_set_read_prefs(client, primary)
        mongoc_read_prefs_destroy(primary)
    }

    // Unacknowledged writes would leave nothing to count.
    private func acknowledgeByMajority() {
        let majority = mongoc_write_concern_new()
        mongoc_write_concern_set_wmajority(majority, 0)
        mongoc_client_set_write_concern(client, majority)
        mongoc_write_concern_destroy(majority)
    }

    /// Cursors of commands must be continued in the session they began in. Servers without sessions need none: nil.
    var session: OpaquePointer? {
        if startedSession == nil { startedSession = mongoc_client_start_session(client, nil, nil) }
        return startedSession
    }

    /// Whether all reads of clients with this URI go to the same server, as long as nobody else becomes primary.
    var readsFromOneMember: Bool {
        guard let readPreferences, mongoc_read_prefs_get_mode(readPreferences) != MONGOC_READ_PRIMARY else {
            return true
        }
        return uri.value(of: "directConnection") == "true"
    }

    var readConcern: OpaquePointer? { mongoc_uri_get_read_concern(driverURI) }
}

extension MongoURI {
    fileprivate var writesUnacknowledged: Bool { value(of: "w") == "0" }
}

extension MongoConnection {
    enum Access { case read, write }

    /// Runs a command on one database; the server's refusal is thrown as `ServerError`.
    func run(_ command: BSONDocument, on database: String, as access: Access = .read) throws -> BSONDocument {
        let command = try DriverDocument(command)
        let reply = try DriverReply()
        var error = bson_error_t()
        let succeeded =
            switch access {
            case .read:
                mongoc_client_read_command_with_opts(
                    client, database, command.pointer, readPreferences, nil, reply.pointer, &error)
            case .write:
                mongoc_client_write_command_with_opts(client, database, command.pointer, nil, reply.pointer, &error)
            }
        guard succeeded else { throw ServerError(error, reply: try? reply.document()) }
        return try reply.document()
    }

    /// The same for callers who say what they are about: the error is ready for people.
    func run(
        _ command: BSONDocument, on database: String, as access: Access = .read, to action: @autoclosure () -> String
    ) throws -> BSONDocument {
        try explaining(action()) { try run(command, on: database, as: access) }
    }

    /// Turns what the driver says into a `BackupError` about `action`.
    func explaining<Value>(_ action: @autoclosure () -> String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as ServerError {
            throw error.backupError(action(), uri: uri)
        }
    }
}
