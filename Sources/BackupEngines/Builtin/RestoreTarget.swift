internal import BackupModel
internal import MongoArchive

/// One namespace of the archive that is being restored: what it is, and how its documents are written.
struct RestoreTarget: Sendable {
    /// As in the archive and in the target: the archive is renamed already.
    let namespace: Namespace
    let kind: CollectionKind
    let metadata: CollectionMetadata
    let action: RestoreNamespace.Action
    let role: Role
    /// Whether the target had a namespace of this name before the restore began.
    var exists = false
    /// Where documents are written; decided by the first block, since a time series is stored in one of two forms.
    var place: Namespace
    var state = State.waiting

    enum Role: Sendable, Equatable {
        case data
        case users, roles
        /// The version of the schema of users and roles: compared, never written.
        case authVersion
    }

    enum State: Sendable {
        case waiting, ready, ended
    }

    init(_ collection: ArchiveCollection, action: RestoreNamespace.Action) throws {
        namespace = collection.namespace
        metadata = try collection.metadata() ?? CollectionMetadata()
        kind = Self.kind(collection, metadata)
        self.action = action
        role = Self.role(collection.namespace)
        switch role {
        case .data: place = kind == .timeseries ? namespace.buckets : namespace
        case .users: place = UsersAndRoles.temporaryUsers
        case .roles, .authVersion: place = UsersAndRoles.temporaryRoles
        }
    }

    /// The options decide: old tools write no type, and `--viewsAsCollections` makes collections of views.
    private static func kind(_ collection: ArchiveCollection, _ metadata: CollectionMetadata) -> CollectionKind {
        if metadata.options["viewOn"] != nil { return .view }
        if metadata.options["timeseries"] != nil { return .timeseries }
        return .collection
    }

    private static func role(_ namespace: Namespace) -> Role {
        guard namespace.isUsersOrRoles else { return .data }
        if namespace.collection.hasSuffix("system.users") { return .users }
        return namespace.collection.hasSuffix("system.roles") ? .roles : .authVersion
    }

    /// Documents of a capped collection keep their order, so one connection writes them all.
    var isCapped: Bool { metadata.options["capped"]?.isTrue ?? false }

    /// Documents that break today's validator were valid once, and a restore keeps them. The server does not know
    /// that option for time series.
    var bypassesValidation: Bool { kind != .timeseries }
}
