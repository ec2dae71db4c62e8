internal import BackupModel
internal import MongoArchive

/// Gets a namespace of the target ready for its documents: drops what is in the way, and creates it as it was.
struct CollectionMaker {
    let connection: MongoConnection

    /// Throws `ServerError` when the server refuses.
    func make(_ target: RestoreTarget) throws {
        switch target.action {
        case .merge where target.exists: return
        case .drop where target.exists: try drop(target.namespace)
        default: break
        }
        // The server does not let go of `system.js`: it was emptied.
        if target.exists, target.namespace.collection == "system.js" { return }
        _ = try connection.run(Self.command(for: target), on: target.namespace.database, as: .write)
    }

    private func drop(_ namespace: Namespace) throws {
        let name = BSONValue.string(namespace.collection)
        if namespace.collection == "system.js" {
            _ = try connection.run(
                ["delete": name, "deletes": [["q": [:], "limit": 0]]], on: namespace.database, as: .write)
            return
        }
        do {
            _ = try connection.run(["drop": name], on: namespace.database, as: .write)
        } catch let error as ServerError where error.code == ServerCode.namespaceNotFound {
            return
        }
    }

    /// The options as they are, without those that no server takes from a client any more.
    static func command(for target: RestoreTarget) -> BSONDocument {
        var builder = BSONBuilder()
        builder.append("create", .string(target.namespace.collection))
        for (name, value) in target.metadata.options.elements
        where !["create", "autoIndexId", "recordIdsReplicated", "idIndex", "temp"].contains(name) {
            builder.append(name, value)
        }
        let isClustered = target.metadata.options["clusteredIndex"] != nil
        if target.kind == .collection, !isClustered,
            let index = IndexDefinition.identifierIndex(target.metadata.indexes)
        {
            builder.append("idIndex", .document(index))
        }
        return builder.build()
    }
}
