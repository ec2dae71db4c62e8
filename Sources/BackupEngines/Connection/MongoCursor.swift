internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// The documents of a query or of a listing command, one after the other as raw bytes.
final class MongoCursor {
    private let cursor: OpaquePointer
    // The driver's cursor lives on its client.
    private let connection: MongoConnection

    init(_ cursor: OpaquePointer, of connection: MongoConnection) {
        self.cursor = cursor
        self.connection = connection
    }

    /// Ends the cursor on the server too, if it is still open there.
    deinit {
        mongoc_cursor_destroy(cursor)
    }

    /// The next document, checked only as far as the driver does (its length); valid until the next call. Nil at the
    /// end; what the server says is thrown as `ServerError`.
    func next() throws -> UnsafeRawBufferPointer? {
        var document: OpaquePointer?
        while !mongoc_cursor_next(cursor, &document) {
            var error = bson_error_t()
            var reply: OpaquePointer?
            if mongoc_cursor_error_document(cursor, &error, &reply) {
                throw ServerError(error, reply: try? reply.map(DriverReply.document(at:)))
            }
            // An empty batch of a cursor that is still open is not the end.
            guard mongoc_cursor_more(cursor) else { return nil }
        }
        guard let document, let bytes = DriverReply.bytes(at: document) else {
            throw BackupError(.serverFailed, "cannot read the server's reply: a document without bytes")
        }
        return bytes
    }
}

extension MongoConnection {
    /// Begins to read a collection in natural order, or a piece of it in that of its `_id`, with the URI's read
    /// preference and read concern.
    ///
    /// `noCursorTimeout`: a slow repository must not cost the cursor. `$natural` says that the full scan is meant.
    /// `batch` is in documents.
    func find(
        _ namespace: Namespace, filter: BSONDocument = .empty, piece: DumpPiece = .all, batch: Int32 = 1000
    ) throws -> MongoCursor {
        guard let collection = mongoc_client_get_collection(client, namespace.database, namespace.collection) else {
            throw BackupError(.failed, "cannot read '\(namespace)'")
        }
        defer { mongoc_collection_destroy(collection) }
        if let readConcern { mongoc_collection_set_read_concern(collection, readConcern) }
        var query = try DriverDocument(filter)
        var options: [(String, BSONValue)] = [("batchSize", .int32(batch)), ("noCursorTimeout", true)]
        if piece.isMaxKey {
            query = try DriverDocument(["_id": ["$type": "maxKey"]])
        } else if !piece.isAll {
            options.append(("hint", ["_id": 1]))
            if let from = piece.from { options.append(("min", .document(from))) }
            if let to = piece.to { options.append(("max", .document(to))) }
        } else if filter.isEmpty {
            options.append(("hint", ["$natural": 1]))
        }
        let opts = try DriverDocument(BSONDocument(options))
        guard
            let cursor = mongoc_collection_find_with_opts(collection, query.pointer, opts.pointer, readPreferences)
        else { throw BackupError(.failed, "cannot read '\(namespace)'") }
        return MongoCursor(cursor, of: self)
    }

    /// All documents of a command that answers with a cursor (`listCollections`, `listIndexes`, `aggregate`).
    ///
    /// The driver's own listings ask the primary whatever the URI says, so a secondary could not be dumped with them.
    func list(_ command: BSONDocument, on database: String) throws -> [BSONDocument] {
        let options = try listingOptions()
        let command = try DriverDocument(command)
        let reply = try DriverReply()
        var error = bson_error_t()
        guard
            mongoc_client_read_command_with_opts(
                client, database, command.pointer, readPreferences, options.pointer, reply.pointer, &error)
        else { throw ServerError(error, reply: try? reply.document()) }
        // The cursor takes the copy over.
        guard let copy = bson_copy(reply.pointer),
            let cursor = mongoc_cursor_new_from_command_reply_with_opts(client, copy, options.pointer)
        else { throw BackupError(.failed, "cannot read a cursor of database '\(database)'") }
        let documents = MongoCursor(cursor, of: self)
        var found: [BSONDocument] = []
        while let bytes = try documents.next() {
            do {
                found.append(try BSONDocument(validating: bytes))
            } catch {
                throw BackupError(.serverFailed, "cannot read the server's reply: \(error)")
            }
        }
        return found
    }

    /// The server to ask, and the session: every batch of a listing must come from the same in both.
    private func listingOptions() throws -> DriverDocument {
        let options = try DriverDocument(["serverId": .int32(Int32(bitPattern: try selectServer()))])
        if let session { _ = cm_append_session(session, options.pointer) }
        return options
    }

    /// Connects when there is no connection yet; the driver's number of a server that the read preference allows.
    @discardableResult
    func selectServer() throws -> UInt32 {
        var error = bson_error_t()
        guard let server = mongoc_client_select_server(client, false, readPreferences, &error) else {
            throw ServerError(error)
        }
        defer { mongoc_server_description_destroy(server) }
        return mongoc_server_description_id(server)
    }
}
