package import BackupModel
package import BackupPipeline

/// Makes archives of a deployment and takes them in again.
///
/// Every engine produces and accepts the same bytes: a mongodump archive, uncompressed. Selecting and renaming happen
/// outside, over the archive. Both calls block their thread until the work is done, failed or cancelled.
package protocol Engine: Sendable {
    var identity: EngineIdentity { get }

    /// Writes the archive of what the request names into the sink, without finishing the sink. When it throws,
    /// whatever the sink got is worth nothing.
    func dump(_ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor) throws -> DumpReport

    /// Restores the archive that `feed` writes into the sink it is given (and finishes). The archive is selected and
    /// renamed already. A throw means that the restore stopped: what was restored by then stays.
    func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport
}

/// What a dump is to read.
package struct DumpRequest: Sendable {
    /// A secret: it may hold a password.
    package var uri: String
    package var scope: DumpScope
    package var selection: NamespaceSelection
    /// With the scope of one database: the users and roles of it too. Whole deployments always have theirs.
    package var withUsers: Bool
    /// Lets a dump through that holds no namespace at all.
    package var allowEmpty: Bool
    package var options: DumpOptions

    package init(
        uri: String, scope: DumpScope = .deployment, selection: NamespaceSelection = .everything,
        withUsers: Bool = false, allowEmpty: Bool = false, options: DumpOptions = DumpOptions()
    ) {
        self.uri = uri
        self.scope = scope
        self.selection = selection
        self.withUsers = withUsers
        self.allowEmpty = allowEmpty
        self.options = options
    }
}

package struct DumpReport: Sendable, Hashable {
    /// Nil when nobody but the engine's tool could ask it.
    package var server: ServerDescription?
    package var consistency: Consistency
    package var namespaces: [DumpedNamespace]
    package var coverage: Coverage
    /// Namespaces that the server had before and after the dump, as far as it was asked: each must be in the archive.
    package var expected: [Namespace]
    package var warnings: [String]

    /// What it means that a namespace is not among `namespaces`.
    package enum Coverage: Sendable {
        /// It must not be in the archive.
        case all
        /// It has no documents, or the engine has a reason not to name it: a view, users and roles.
        case named
    }

    package init(
        server: ServerDescription?, consistency: Consistency, namespaces: [DumpedNamespace] = [],
        coverage: Coverage = .all, expected: [Namespace] = [], warnings: [String] = []
    ) {
        self.server = server
        self.consistency = consistency
        self.namespaces = namespaces
        self.coverage = coverage
        self.expected = expected
        self.warnings = warnings
    }
}

/// What the engine itself counted for one namespace of the prelude.
package struct DumpedNamespace: Sendable, Hashable {
    package var namespace: Namespace
    package var documents: Int64
    package var bytes: Int64

    package init(namespace: Namespace, documents: Int64, bytes: Int64) {
        self.namespace = namespace
        self.documents = documents
        self.bytes = bytes
    }
}

package struct RestoreRequest: Sendable {
    /// A secret: it may hold a password.
    package var uri: String
    /// What may be written. A namespace of the archive that is not among these stops the restore before any write.
    package var namespaces: [RestoreNamespace]
    package var withUsers: Bool
    package var withIndexes: Bool
    package var options: LoadOptions

    package init(
        uri: String, namespaces: [RestoreNamespace], withUsers: Bool = false, withIndexes: Bool = true,
        options: LoadOptions = LoadOptions()
    ) {
        self.uri = uri
        self.namespaces = namespaces
        self.withUsers = withUsers
        self.withIndexes = withIndexes
        self.options = options
    }
}

/// One namespace of the target, and what happens to what is there.
package struct RestoreNamespace: Sendable, Hashable {
    package var namespace: Namespace
    package var action: Action

    package enum Action: String, Sendable {
        /// It must not exist.
        case create
        /// What exists stays; documents are added to it.
        case merge
        /// What exists is dropped just before its restore.
        case drop
    }

    package init(namespace: Namespace, action: Action) {
        self.namespace = namespace
        self.action = action
    }
}

package struct RestoreReport: Sendable, Hashable {
    package var server: ServerDescription
    package var namespaces: [RestoredNamespace]
    package var warnings: [String]

    package init(server: ServerDescription, namespaces: [RestoredNamespace] = [], warnings: [String] = []) {
        self.server = server
        self.namespaces = namespaces
        self.warnings = warnings
    }
}

/// How one namespace came out: the server's own counts.
package struct RestoredNamespace: Sendable, Hashable {
    package var namespace: Namespace
    package var restored: Int64 = 0
    package var failed: Int64 = 0
    /// Users and roles that existed already and were left as they are.
    package var kept: Int64 = 0
    package var indexes = 0
    /// The first few things that went wrong, never a document's content beyond the key of a duplicate.
    package var errors: [String] = []

    package init(namespace: Namespace) {
        self.namespace = namespace
    }

    /// True when something of it is missing in the target.
    package var isIncomplete: Bool { failed > 0 || !errors.isEmpty }
}

/// The server at the other end, as far as it says.
package struct ServerDescription: Sendable, Hashable, Codable {
    package var version: String
    /// The feature compatibility version; nil where it may not be read.
    package var fcv: String?
    package var topology: Topology
    package var replicaSet: String?
    package var host: String

    package enum Topology: String, Sendable, Codable {
        case standalone, sharded
        case replicaSet = "replica-set"
    }

    package init(
        version: String, fcv: String? = nil, topology: Topology, replicaSet: String? = nil, host: String
    ) {
        self.version = version
        self.fcv = fcv
        self.topology = topology
        self.replicaSet = replicaSet
        self.host = host
    }
}

/// Hears how a run goes on, and says when it is to stop. Called from any thread.
package protocol RunMonitor: Sendable {
    var cancellation: Cancellation { get }
    /// What the server estimates; documents are buckets for a time series.
    func expected(documents: Int64, bytes: Int64, namespaces: Int)
    /// More documents of a namespace were read or restored: not sums.
    func advanced(_ namespace: Namespace, documents: Int64, bytes: Int64)
    func finished(_ namespace: Namespace, documents: Int64)
    /// Something that a person should know of, though the run goes on; also in the report.
    func warning(_ text: String)
    func note(_ text: String)
}
