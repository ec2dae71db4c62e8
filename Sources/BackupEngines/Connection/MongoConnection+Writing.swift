internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// What the server said of one batch of documents.
struct InsertOutcome {
    var inserted: Int64
    var failures: [Failure]

    struct Failure {
        /// Of the document in the batch.
        var index: Int
        var code: Int32
        var message: String
    }
}

extension MongoConnection {
    /// Inserts whole documents as they are, in no order that matters: what one document meets does not stop the
    /// others. Throws `ServerError` when the batch as a whole failed.
    func insert(
        _ bytes: UnsafeRawBufferPointer, count: Int, into namespace: Namespace, options: BSONDocument
    ) throws -> InsertOutcome {
        guard count > 0, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return InsertOutcome(inserted: 0, failures: [])
        }
        guard let collection = mongoc_client_get_collection(client, namespace.database, namespace.collection) else {
            throw BackupError(.failed, "cannot write to '\(namespace)'")
        }
        defer { mongoc_collection_destroy(collection) }
        let options = try DriverDocument(options)
        let reply = try DriverReply()
        var error = bson_error_t()
        var isMalformed = false
        let succeeded = cm_insert_many(
            collection, base, bytes.count, count, options.pointer, reply.pointer, &error, &isMalformed)
        guard !isMalformed else {
            throw BackupError(.archiveDamaged, "cannot restore '\(namespace)': the archive has a document that is none")
        }
        let answer = try reply.document()
        let outcome = InsertOutcome(answer)
        // Only when the server has judged every single document are its failures those of documents.
        guard succeeded || outcome.judges(count, answer) else { throw ServerError(error, reply: nil) }
        return outcome
    }
}

extension InsertOutcome {
    init(_ reply: BSONDocument) {
        inserted = reply["insertedCount"]?.asInt64 ?? 0
        failures = (reply["writeErrors"]?.arrayValues ?? []).compactMap(\.documentValue).map { error in
            Failure(
                index: (error["index"]?.asInt64).flatMap { Int(exactly: $0) } ?? 0,
                code: (error["code"]?.asInt64).flatMap { Int32(exactly: $0) } ?? 0,
                message: error["errmsg"]?.stringValue ?? "")
        }
    }

    fileprivate func judges(_ count: Int, _ reply: BSONDocument) -> Bool {
        let concerns = reply["writeConcernErrors"]?.arrayValues ?? []
        return !failures.isEmpty && inserted + Int64(failures.count) == Int64(count) && concerns.isEmpty
    }
}
