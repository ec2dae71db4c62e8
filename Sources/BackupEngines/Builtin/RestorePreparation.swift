internal import BackupModel
internal import MongoArchive

/// Decides, when the whole prelude is known and nothing is written yet, whether the restore can begin.
struct RestorePreparation {
    let connection: MongoConnection
    let server: ServerDescription
    let request: RestoreRequest
    let tally: RestoreTally

    /// What is to be restored, in the archive's order.
    func prepare(_ collections: [ArchiveCollection]) throws -> [RestoreTarget] {
        let actions = Dictionary(
            request.namespaces.map { ($0.namespace, $0.action) }, uniquingKeysWith: { first, _ in first })
        var targets: [RestoreTarget] = []
        for collection in collections {
            if let action = try action(for: collection.namespace, actions) {
                targets.append(try RestoreTarget(collection, action: action))
            }
        }
        let live = try liveKinds(targets)
        for index in targets.indices where targets[index].role == .data {
            let kind = live[targets[index].namespace]
            try check(targets[index], live: kind)
            targets[index].exists = kind != nil
        }
        try checkUsers(targets)
        return targets
    }

    /// Nil for what is left out.
    private func action(
        for namespace: Namespace, _ actions: [Namespace: RestoreNamespace.Action]
    ) throws -> RestoreNamespace.Action? {
        if namespace == .oplog {
            tally.warn("the archive has an oplog, which is not replayed: each collection is as it was read")
            return nil
        }
        if namespace.isUsersOrRoles { return request.withUsers ? .merge : nil }
        guard let action = actions[namespace] else {
            throw BackupError(.refused, "refusing to restore '\(namespace)': the plan does not have it")
        }
        try refuseServersOwn(namespace)
        return action
    }

    /// Whatever a plan says, these are never written from an archive.
    private func refuseServersOwn(_ namespace: Namespace) throws {
        let name = namespace.collection
        let isSystem = name.utf8.starts(with: "system.".utf8) && name != "system.js"
        let isDatabase = ["local", "$external", ""].contains(namespace.database)
        guard isSystem || isDatabase || name.utf8.contains(UInt8(ascii: "$")) else { return }
        throw BackupError(.refused, "refusing to restore into '\(namespace)': it is the server's own")
    }

    private func liveKinds(_ targets: [RestoreTarget]) throws -> [Namespace: CollectionKind] {
        var live: [Namespace: CollectionKind] = [:]
        var seen: Set<NameKey> = []
        for target in targets where target.role == .data {
            let database = target.namespace.database
            guard seen.insert(NameKey(database)).inserted else { continue }
            for collection in try connection.collections(in: database) {
                live[Namespace(database: database, collection: collection.name)] = collection.kind
            }
        }
        return live
    }

    private func check(_ target: RestoreTarget, live: CollectionKind?) throws {
        if target.kind == .timeseries, server.hasViewlessTimeSeries {
            throw BackupError(
                .unsupported,
                "cannot restore time series '\(target.namespace)' into MongoDB \(server.version) with this engine",
                hint: "use engine 'mongodump' with a version of the tools from 100.13 on, or leave it out.")
        }
        guard let live else { return }
        switch target.action {
        case .create:
            throw BackupError(
                .targetExists, "cannot restore '\(target.namespace)': it exists",
                hint: "choose '--existing merge' or '--existing drop', or restore under another name.")
        case .merge where live != target.kind:
            throw BackupError(
                .targetExists,
                "cannot restore '\(target.namespace)': it is a \(live.rawValue), and the archive has a \(target.kind.rawValue)",
                hint: "choose '--existing drop', or restore under another name.")
        case .merge, .drop: return
        }
    }

    private func checkUsers(_ targets: [RestoreTarget]) throws {
        let owners = Set(targets.filter { $0.role != .data }.map { NameKey($0.namespace.database) })
        guard owners.count > 1 else { return }
        throw BackupError(.unsupported, "cannot restore users and roles of several databases at once")
    }
}
