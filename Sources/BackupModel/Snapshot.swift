package import Foundation

/// A stored archive and what its manifest says of it.
package struct Snapshot: Hashable, Sendable {
    package var id: String
    package var job: String
    package var run: RunID
    package var repository: String
    /// The start of the run that made it.
    package var createdAt: Date
    package var state: SnapshotState
    package var engine: EngineIdentity
    package var serverVersion: String?
    package var consistency: Consistency
    /// Relative to the repository's root.
    package var file: String
    package var storedBytes: Int64
    package var uncompressedBytes: Int64
    /// Of the stored file, in lower-case hexadecimal.
    package var sha256: String
    /// SHA-256 of the manifest's file.
    package var manifestSHA256: String
    package var documents: Int64
    package var namespaceCount: Int
    package var verifiedAt: Date?
    package var pin: SnapshotPin?
    /// When a person said that its size is right, however small it is against those before it.
    package var sizeAcceptedAt: Date?

    package init(
        id: String, job: String, run: RunID, repository: String, createdAt: Date, state: SnapshotState,
        engine: EngineIdentity, serverVersion: String?, consistency: Consistency, file: String, storedBytes: Int64,
        uncompressedBytes: Int64, sha256: String, manifestSHA256: String, documents: Int64, namespaceCount: Int,
        verifiedAt: Date? = nil, pin: SnapshotPin? = nil, sizeAcceptedAt: Date? = nil
    ) {
        self.id = id
        self.job = job
        self.run = run
        self.repository = repository
        self.createdAt = createdAt
        self.state = state
        self.engine = engine
        self.serverVersion = serverVersion
        self.consistency = consistency
        self.file = file
        self.storedBytes = storedBytes
        self.uncompressedBytes = uncompressedBytes
        self.sha256 = sha256
        self.manifestSHA256 = manifestSHA256
        self.documents = documents
        self.namespaceCount = namespaceCount
        self.verifiedAt = verifiedAt
        self.pin = pin
        self.sizeAcceptedAt = sizeAcceptedAt
    }
}

package enum SnapshotState: String, Sendable, Codable, CaseIterable {
    case good, damaged, missing, deleting
}

/// Why nothing may delete a snapshot, and for how long.
package struct SnapshotPin: Hashable, Sendable, Codable {
    package var reason: String
    /// The last moment of it; nil: until it is taken away.
    package var until: Date?

    package init(reason: String, until: Date? = nil) {
        self.reason = reason
        self.until = until
    }

    package func holds(at time: Date) -> Bool { until.map { time <= $0 } ?? true }
}

/// What moment of the deployment a snapshot shows.
package enum Consistency: String, Sendable, Codable, CaseIterable {
    /// One moment, with the oplog.
    case pointInTime = "point-in-time"
    /// One cluster time.
    case snapshot
    /// Each collection as it was read, one after the other.
    case perCollection = "per-collection"
}

/// One namespace of an archive, as its manifest or its index has it.
package struct SnapshotNamespace: Hashable, Sendable, Codable {
    package var namespace: Namespace
    /// `collection`, `view`, `timeseries`, or empty for users, roles and the oplog.
    package var type: String
    package var documents: Int64
    package var bytes: Int64
    /// CRC-64/XZ of the documents.
    package var crc64: UInt64
    package var indexes: Int

    package init(namespace: Namespace, type: String, documents: Int64, bytes: Int64, crc64: UInt64, indexes: Int) {
        self.namespace = namespace
        self.type = type
        self.documents = documents
        self.bytes = bytes
        self.crc64 = crc64
        self.indexes = indexes
    }
}
