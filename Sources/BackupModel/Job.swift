package import Foundation

/// What is backed up, how, and where to.
package struct Job: Hashable, Sendable {
    package var name: JobName
    package var source: JobSource
    package var engine: EngineChoice
    package var settings: EngineSettings
    package var repository: String
    package var policy: RunPolicy
    /// nil: it runs when somebody says so.
    package var schedule: JobSchedule?
    /// Which snapshots stay; nil: all of them.
    package var retention: RetentionPolicy?
    /// The zone whose hours and days count, by its name in the IANA database; nil: UTC.
    package var timeZone: String?
    /// Set while the job is paused: automation leaves it alone, a person may still run it.
    package var pausedAt: Date?
    /// When the last pause ended.
    package var resumedAt: Date?
    package var createdAt: Date
    package var updatedAt: Date

    package init(
        name: JobName, source: JobSource, engine: EngineChoice = .auto, settings: EngineSettings = EngineSettings(),
        repository: String = "default", policy: RunPolicy = RunPolicy(), schedule: JobSchedule? = nil,
        retention: RetentionPolicy? = nil, timeZone: String? = nil, pausedAt: Date? = nil, resumedAt: Date? = nil,
        createdAt: Date, updatedAt: Date
    ) {
        self.name = name
        self.source = source
        self.engine = engine
        self.settings = settings
        self.repository = repository
        self.policy = policy
        self.schedule = schedule
        self.retention = retention
        self.timeZone = timeZone
        self.pausedAt = pausedAt
        self.resumedAt = resumedAt
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// Where a job reads from, and what of it.
package struct JobSource: Hashable, Sendable {
    package var connection: ConnectionReference
    package var scope: DumpScope
    package var selection: NamespaceSelection
    /// Takes the users and roles of the database along. A whole deployment has them among its namespaces anyway.
    package var withUsers: Bool

    package init(
        connection: ConnectionReference, scope: DumpScope, selection: NamespaceSelection = .everything,
        withUsers: Bool = false
    ) {
        self.connection = connection
        self.scope = scope
        self.selection = selection
        self.withUsers = withUsers
    }
}

/// Where a connection string is to be had. Only one without a secret is kept as it is.
package enum ConnectionReference: Hashable, Sendable, Codable {
    /// A connection string that holds no secret.
    case literal(String)
    /// One that holds a secret: it lies in the state directory's `secrets/`, under the job's name; `redacted` is for show.
    case stored(redacted: String)
    /// An absolute path of a file that only its owner can read; its first line is the connection string.
    case file(String)
    /// The name of an environment variable, read when a run starts.
    case environment(String)
}

/// How much of a deployment a dump takes.
package enum DumpScope: Hashable, Sendable, Codable {
    case deployment
    case database(String)
    case collection(Namespace)

    package var database: String? {
        switch self {
        case .deployment: nil
        case .database(let name): name
        case .collection(let namespace): namespace.database
        }
    }
}

extension DumpScope: CustomStringConvertible {
    package var description: String {
        switch self {
        case .deployment: "whole deployment"
        case .database(let name): "database '\(name)'"
        case .collection(let namespace): "collection '\(namespace)'"
        }
    }
}

/// Which engine a job asks for. `auto` takes the best one that is there when the run starts.
package enum EngineChoice: String, Hashable, Sendable, Codable, CaseIterable {
    case auto
    case mongodump
    case docker
    case builtin
}

/// The limits within which a job's runs must stay.
package struct RunPolicy: Hashable, Sendable, Codable {
    /// A dump without any namespace is a failure unless this is set.
    package var allowEmpty: Bool
    /// Seconds that a run may take in all; nil: no limit.
    package var timeout: Int?
    /// Seconds without a byte of progress after which a run is ended.
    package var stallTimeout: Int

    package init(allowEmpty: Bool = false, timeout: Int? = nil, stallTimeout: Int = 600) {
        self.allowEmpty = allowEmpty
        self.timeout = timeout
        self.stallTimeout = stallTimeout
    }
}
