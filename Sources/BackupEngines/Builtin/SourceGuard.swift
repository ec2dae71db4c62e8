internal import BackupModel
internal import MongoArchive

/// Notices that a collection was dropped, renamed or replaced around the reading of it.
///
/// A cursor that has got everything in its first batch ends without a word even when the collection is gone, so the
/// collection's id is compared before and after.
struct SourceGuard {
    /// The collection as it was before its first document.
    struct Source: Sendable {
        fileprivate let namespace: Namespace
        fileprivate let data: Namespace
        /// Users and roles of one database: the collection behind them is another one.
        fileprivate let isWatched: Bool
        fileprivate let before: String?
        private let announced: String?

        init(_ collection: DumpCollection, data: Namespace, connection: MongoConnection) throws {
            namespace = collection.namespace
            self.data = data
            isWatched = collection.archived.kind != .special
            announced = collection.uuid
            before = isWatched ? try connection.collection(data)?.uuid : nil
        }

        /// What a person should know of the collection that is about to be read.
        var warningBefore: String? {
            guard isWatched, before != announced else { return nil }
            return before == nil
                ? "'\(namespace)' was dropped before it was read: the archive has its definition and no documents"
                : "'\(namespace)' was replaced before it was read: "
                    + "the archive has the old definition with the new documents"
        }
    }

    private let source: Source
    private let connection: MongoConnection

    init(_ source: Source, connection: MongoConnection) {
        self.source = source
        self.connection = connection
    }

    private var namespace: Namespace { source.namespace }
    private var data: Namespace { source.data }
    private var isWatched: Bool { source.isWatched }
    private var before: String? { source.before }

    /// Throws `sourceChanged` unless the collection is the one that was there before its first document.
    func checkAfter() throws {
        guard isWatched, try connection.collection(data)?.uuid != before else { return }
        throw changed("it was dropped, renamed or replaced meanwhile")
    }

    /// Why the cursor died.
    func explain(_ error: ServerError) -> BackupError {
        if isWatched, let after = try? connection.collection(data)?.uuid, after == before {
            return error.backupError("read '\(namespace)'", uri: connection.uri)
        }
        let ends: Set<Int32> = [
            ServerCode.queryPlanKilled, ServerCode.namespaceNotFound, ServerCode.cursorNotFound,
            ServerCode.cursorKilled,
        ]
        guard isWatched, let code = error.code, ends.contains(code) else {
            return error.backupError("read '\(namespace)'", uri: connection.uri)
        }
        return changed("it was dropped, renamed or replaced meanwhile")
    }

    private func changed(_ what: String) -> BackupError {
        BackupError(
            .sourceChanged, "cannot read all of '\(namespace)': \(what)",
            hint: "run the job again, or exclude collections that come and go.")
    }
}
