package import BackupModel

extension ArchiveCollection {
    /// The same collection under another name: `collectionName` and the `ns` of old indexes follow where they are
    /// present; everything else of the metadata stays, unknown fields too. The text itself stays when the name does.
    package func renamed(to target: Namespace) throws -> ArchiveCollection {
        var renamed = self
        renamed.namespace = target
        guard target != namespace, !metadataJSON.isEmpty else { return renamed }
        let metadata = try ExtendedJSON.parse(metadataJSON)
        var builder = BSONBuilder()
        for element in metadata.rawElements {
            switch (metadata.name(of: element), metadata.value(of: element)) {
            case ("collectionName", .string): builder.append("collectionName", .string(target.collection))
            case ("indexes", .array(let indexes)): builder.append("indexes", .array(indexes.withNamespace(target)))
            default: builder.append(element, of: metadata)
            }
        }
        do {
            renamed.metadataJSON = try ExtendedJSON.reversible(builder.build())
        } catch {
            throw ArchiveError(
                .unwritable, "its metadata cannot be written again: \(error)", offset: 0, namespace: namespace)
        }
        return renamed
    }
}

extension BSONDocument {
    /// For an array of index definitions.
    fileprivate func withNamespace(_ namespace: Namespace) -> BSONDocument {
        var builder = BSONBuilder()
        for element in rawElements {
            guard case .document(let index) = value(of: element), index["ns"] != nil else {
                builder.append(element, of: self)
                continue
            }
            var copy = BSONBuilder()
            for field in index.rawElements {
                if index.name(of: field) == "ns" {
                    copy.append("ns", .string(namespace.description))
                } else {
                    copy.append(field, of: index)
                }
            }
            builder.append(name(of: element), .document(copy.build()))
        }
        return builder.build()
    }
}
