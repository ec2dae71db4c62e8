/// What a restore will do, namespace by namespace, decided before anything is touched.
package struct RestorePlan: Hashable, Sendable {
    package var entries: [Entry]
    /// What the archive holds and the plan leaves out, each with the reason.
    package var skipped: [Skipped]
    package var warnings: [String]

    package init(entries: [Entry], skipped: [Skipped] = [], warnings: [String] = []) {
        self.entries = entries
        self.skipped = skipped
        self.warnings = warnings
    }

    package var conflicts: [Entry] { entries.filter { $0.action == .conflict } }

    /// One namespace: where it comes from, where it goes, and what happens to what is there.
    package struct Entry: Hashable, Sendable {
        package var source: Namespace
        package var target: Namespace
        /// `collection`, `view`, `timeseries`, or empty for users and roles.
        package var type: String
        package var expected: Int64
        package var action: Action
        /// The documents that the target holds now; nil when there is no such namespace.
        package var live: Int64?
        /// Why the action is `conflict`.
        package var reason: String?
    }

    package struct Skipped: Hashable, Sendable {
        package var namespace: Namespace
        package var reason: String
    }

    package enum Action: String, Sendable, Codable {
        case create, merge, drop, conflict
    }
}

/// What to do with a target namespace that is there already.
package enum ExistingPolicy: String, Sendable, Codable, CaseIterable {
    case fail, merge, drop
}

/// What a person asks of a restore.
package struct RestoreChoice: Hashable, Sendable {
    package var selection: NamespaceSelection
    package var mapping: NamespaceMapping
    package var existing: ExistingPolicy
    package var withUsers: Bool
    /// Applies the archive's oplog to what was restored; goes with everything under its own name only.
    package var replaysOplog: Bool

    package init(
        selection: NamespaceSelection = .everything, mapping: NamespaceMapping = .identity,
        existing: ExistingPolicy = .fail, withUsers: Bool = false, replaysOplog: Bool = false
    ) {
        self.selection = selection
        self.mapping = mapping
        self.existing = existing
        self.withUsers = withUsers
        self.replaysOplog = replaysOplog
    }
}

/// One namespace as an archive has it: what a plan needs to know of it.
package struct ArchivedNamespace: Hashable, Sendable {
    package var namespace: Namespace
    package var type: String
    package var documents: Int64
    /// The definition of a view, in a form that is equal for equal definitions; nil for all others.
    package var definition: String?

    package init(namespace: Namespace, type: String, documents: Int64, definition: String? = nil) {
        self.namespace = namespace
        self.type = type
        self.documents = documents
        self.definition = definition
    }
}

/// One namespace as the target has it now.
package struct LiveNamespace: Hashable, Sendable {
    package var type: String
    package var documents: Int64
    package var definition: String?

    package init(type: String, documents: Int64, definition: String? = nil) {
        self.type = type
        self.documents = documents
        self.definition = definition
    }
}

extension ArchivedNamespace {
    package var isOplog: Bool { namespace.database.isEmpty && namespace.collection == "oplog" }

    /// Users, roles and the version of their schema: of a whole deployment (`admin.system.users`) or of one database
    /// (`D.$admin.system.users`).
    package var holdsUsers: Bool {
        let name = namespace.collection
        let special = name.utf8.starts(with: "$admin.system.".utf8)
        return special
            || (namespace.database == "admin" && ["system.users", "system.roles", "system.version"].contains(name))
    }
}
