package import BackupModel
package import BackupPipeline
package import Foundation

/// What a snapshot is and how to prove it: the JSON file beside the archive (`FORMAT.md`). Never holds a secret.
package struct SnapshotManifest: Hashable, Sendable {
    package static let currentVersion = 1

    package var formatVersion = Self.currentVersion
    package var repositoryId: String
    package var job: JobName
    package var run: RunID
    /// To the second, as written.
    package var startedAt: Date
    package var finishedAt: Date
    package var engine: EngineIdentity
    package var server: Server
    package var consistency: Consistency
    package var source: Source
    package var storedBytes: Int64
    /// Of the stored file, in lower-case hexadecimal; empty until the file has been read back. Only then can the manifest
    /// be written.
    package var sha256 = ""
    package var uncompressedBytes: Int64
    /// The level at which the archive was compressed (`Compression`); a later version may have others. nil: not known.
    package var compression: String?
    /// From the archive's first byte to the end of its prelude.
    package var prelude: Extent
    package var namespaces: [NamespaceEntry]
    package var warnings: [String]
    /// Restores the file without us, in the folder of the file.
    package var restoreCommand: String

    /// `location` gives job and run; times are cut to the second.
    package init(
        location: SnapshotLocation, repositoryId: String, startedAt: Date, finishedAt: Date, engine: EngineIdentity,
        server: Server, consistency: Consistency, source: Source, content: SnapshotContent,
        compression: Compression? = nil, warnings: [String] = []
    ) {
        self.repositoryId = repositoryId
        job = location.job
        run = location.run
        self.startedAt = startedAt.cutToSecond
        self.finishedAt = finishedAt.cutToSecond
        self.engine = engine
        self.server = server
        self.consistency = consistency
        self.source = source
        storedBytes = content.storedBytes
        uncompressedBytes = content.uncompressedBytes
        self.compression = compression?.rawValue
        prelude = content.prelude
        namespaces = content.namespaces
        self.warnings = warnings
        restoreCommand = Self.restoreCommand(file: location.archiveName, consistency: consistency)
    }

    package var snapshotId: String { "\(job)-\(run)" }
    package var file: String { snapshotId + SnapshotLocation.archiveSuffix }

    /// All documents of all namespaces.
    package var documents: Int64 {
        namespaces.reduce(0) { $0.addingReportingOverflow($1.documents).overflow ? .max : $0 + $1.documents }
    }

    /// What the real tool needs to read the file as it lies there.
    package static func restoreCommand(file: String, consistency: Consistency) -> String {
        let replay = consistency == .pointInTime ? " --oplogReplay" : ""
        return "mongorestore --gzip\(replay) --archive=\(file)"
    }
}

extension SnapshotManifest {
    /// The server that was read, as it described itself.
    package struct Server: Hashable, Sendable, Codable {
        package var version: String?
        package var featureCompatibilityVersion: String?
        package var topology: String?
        package var replicaSet: String?

        package init(
            version: String?, featureCompatibilityVersion: String? = nil, topology: String? = nil,
            replicaSet: String? = nil
        ) {
            self.version = version
            self.featureCompatibilityVersion = featureCompatibilityVersion
            self.topology = topology
            self.replicaSet = replicaSet
        }
    }

    /// What was asked for. `hosts` are names and ports only.
    package struct Source: Hashable, Sendable, Codable {
        package var hosts: [String]
        package var database: String?
        package var collection: String?
        package var include: [String]
        package var exclude: [String]
        package var withUsers: Bool
        /// The filter for the documents of the one collection, in Extended JSON; nil for all of them.
        package var query: String?

        package init(
            hosts: [String] = [], database: String? = nil, collection: String? = nil, include: [String] = [],
            exclude: [String] = [], withUsers: Bool = false, query: String? = nil
        ) {
            self.hosts = hosts
            self.database = database
            self.collection = collection
            self.include = include
            self.exclude = exclude
            self.withUsers = withUsers
            self.query = query
        }
    }

    /// A range of the uncompressed archive, and the gzip members that hold it where the file has such.
    package struct Extent: Hashable, Sendable, Codable {
        package var offset: UInt64
        package var length: UInt64
        package var stored: StoredRange?

        package init(offset: UInt64, length: UInt64, stored: StoredRange?) {
            self.offset = offset
            self.length = length
            self.stored = stored
        }
    }

    package struct NamespaceEntry: Hashable, Sendable {
        package var namespace: Namespace
        /// Its name in the archive's body: another one for the buckets of a time series.
        package var dataNamespace: Namespace
        /// As `SnapshotNamespace.type`.
        package var type: String
        package var documents: Int64
        package var bytes: Int64
        package var crc64: UInt64
        package var indexes: Int
        /// Where its blocks lie; nil when there were too many of them to be worth it.
        package var ranges: [Extent]?

        package init(
            namespace: Namespace, dataNamespace: Namespace, type: String, documents: Int64, bytes: Int64,
            crc64: UInt64, indexes: Int, ranges: [Extent]?
        ) {
            self.namespace = namespace
            self.dataNamespace = dataNamespace
            self.type = type
            self.documents = documents
            self.bytes = bytes
            self.crc64 = crc64
            self.indexes = indexes
            self.ranges = ranges
        }
    }
}

extension Date {
    fileprivate var cutToSecond: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
