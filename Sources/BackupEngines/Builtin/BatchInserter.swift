internal import BackupModel
internal import MongoArchive

/// Writes batches through one connection and counts what the server made of them.
struct BatchInserter {
    let connection: MongoConnection
    let server: ServerDescription
    let tally: RestoreTally
    /// Nil for that of the connection.
    let writeConcern: WriteConcern?

    /// Throws when no other batch would fare better: no connection, no right, no room.
    func work(_ batch: RestoreBatch) throws {
        if let target = batch.making { return try make(target, batch.index) }
        guard !tally.isGivenUp(batch.index) else { return tally.add(batch.index, failed: Int64(batch.count)) }
        try insert(batch)
    }

    private func make(_ target: RestoreTarget, _ index: Int) throws {
        do {
            try CollectionMaker(connection: connection).make(target)
        } catch let error as ServerError {
            let failure = error.backupError("create '\(target.namespace)'", uri: connection.uri)
            guard let code = error.code, !ServerCode.endsEverything.contains(code) else { throw failure }
            tally.giveUp(index)
            tally.add(error: failure.message, to: index)
        }
    }

    private func insert(_ batch: RestoreBatch) throws {
        let action = "restore '\(batch.place)'"
        var outcome: InsertOutcome
        do {
            outcome = try send(batch)
        } catch let error as ServerError {
            throw error.backupError(action, uri: connection.uri)
        }
        if let fatal = outcome.failures.first(where: { ServerCode.endsEverything.contains($0.code) }) {
            throw ServerError(code: fatal.code, message: fatal.message).backupError(action, uri: connection.uri)
        }
        if !server.keepsZeroTimestamps { try repairTimestamps(batch, &outcome) }
        for failure in outcome.failures.prefix(5) {
            tally.add(error: connection.uri.redact(ServerError.withoutCommand(failure.message)), to: batch.index)
        }
        tally.add(batch.index, restored: outcome.inserted, failed: Int64(outcome.failures.count))
        tally.advanced(batch.index, documents: outcome.inserted, bytes: Int64(batch.bytes))
    }

    private func send(_ batch: RestoreBatch) throws -> InsertOutcome {
        let outcome = try attempt(batch)
        // Old buckets may mix types in a field, which a new time series refuses until it is told to take them.
        guard let series = batch.timeSeries,
            outcome.failures.contains(where: { $0.code == ServerCode.mixedSchemaBuckets })
        else { return outcome }
        _ = try connection.run(
            ["collMod": .string(series.collection), "timeseriesBucketsMayHaveMixedSchemaData": true],
            on: series.database, as: .write)
        return try retry(batch, outcome)
    }

    private func attempt(_ batch: RestoreBatch) throws -> InsertOutcome {
        guard let documents = batch.documents else { return InsertOutcome(inserted: 0, failures: []) }
        return try connection.insert(
            documents.bytes, count: documents.documents, into: batch.place, options: options(batch))
    }

    private func retry(_ batch: RestoreBatch, _ first: InsertOutcome) throws -> InsertOutcome {
        let refused = Set(first.failures.filter { $0.code == ServerCode.mixedSchemaBuckets }.map(\.index))
        let documents = DocumentBuffer(capacity: batch.bytes)
        batch.documents?.forEachDocument { number, document in
            if refused.contains(number) { documents.append(document) }
        }
        var again = batch
        again.documents = documents
        let second = try attempt(again)
        return InsertOutcome(
            inserted: first.inserted + second.inserted,
            failures: first.failures.filter { $0.code != ServerCode.mixedSchemaBuckets } + second.failures)
    }

    private func options(_ batch: RestoreBatch) -> BSONDocument {
        var builder = BSONBuilder()
        builder.append("ordered", false)
        // The driver would refuse what the server stores, such as names with dots.
        builder.append("validate", false)
        if let writeConcern { builder.append("writeConcern", .document(writeConcern.document)) }
        if batch.bypassesValidation { builder.append("bypassDocumentValidation", true) }
        if server.keepsZeroTimestamps { builder.append("bypassEmptyTsReplacement", true) }
        return builder.build()
    }
}

// Timestamps that servers replace.
extension BatchInserter {
    private func repairTimestamps(_ batch: RestoreBatch, _ outcome: inout InsertOutcome) throws {
        let failed = Set(outcome.failures.map(\.index))
        try batch.documents?.forEachDocument { index, document in
            guard ZeroTimestamps.mayBeIn(document), !failed.contains(index) else { return }
            let found = ZeroTimestamps.find(in: document)
            guard found.needsRepair else { return }
            do {
                try putBack(Array(document), found.identifier, in: batch.place)
            } catch let error as ServerError {
                guard error.code != nil else {
                    throw error.backupError("restore '\(batch.place)'", uri: connection.uri)
                }
                outcome.inserted -= 1
                outcome.failures.append(.init(index: index, code: error.code ?? 0, message: error.message))
            }
        }
    }

    /// Replaces the document by itself in a way that takes values literally.
    private func putBack(_ document: [UInt8], _ identifier: ZeroTimestamps.Identifier?, in place: Namespace) throws {
        guard let identifier else {
            throw ServerError(code: 0, message: "the server replaced a timestamp of zero in a document without '_id'")
        }
        var equal = BSONBuilder()
        equal.append("$eq", type: identifier.type, raw: document[identifier.value])
        let literal = try BSONDocument(validating: document)
        let update: BSONDocument = [
            "q": ["_id": .document(equal.build())],
            "u": .array([["$replaceRoot": ["newRoot": ["$literal": .document(literal)]]]]),
        ]
        let reply = try connection.run(
            [
                "update": .string(place.collection), "updates": .array([.document(update)]),
                "bypassDocumentValidation": true,
            ], on: place.database, as: .write)
        if let error = reply["writeErrors"]?.arrayValues?.first?.documentValue {
            throw ServerError(code: 0, message: error["errmsg"]?.stringValue ?? "")
        }
        guard reply["n"]?.asInt64 == 1 else {
            throw ServerError(code: 0, message: "the server replaced a timestamp of zero, and the document is gone")
        }
    }
}

extension ServerDescription {
    /// Whether the server can be told to leave `Timestamp(0, 0)` alone (SERVER-88750).
    var keepsZeroTimestamps: Bool {
        let numbers = versionNumbers
        guard numbers.count == 3 else { return false }
        if numbers[0] >= 8 { return true }
        let since = [5: 29, 6: 17, 7: 13]
        return numbers[1] == 0 && since[numbers[0]].map { numbers[2] >= $0 } ?? false
    }
}

extension WriteConcern {
    /// As commands have it.
    fileprivate var document: BSONDocument {
        var fields: [(String, BSONValue)] = []
        switch members {
        case .word(let word): fields.append(("w", .string(word)))
        case .number(let number): fields.append(("w", .int32(Int32(clamping: number))))
        case .none: break
        }
        if let journal { fields.append(("j", .bool(journal))) }
        if let timeoutMilliseconds { fields.append(("wtimeout", .int32(Int32(clamping: timeoutMilliseconds)))) }
        return BSONDocument(fields)
    }
}
