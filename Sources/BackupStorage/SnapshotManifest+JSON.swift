import BackupModel
import BackupPipeline
import Foundation

extension SnapshotManifest: Codable {
    private enum Key: String, CodingKey {
        case formatVersion, snapshotId, repositoryId, job, run, startedAt, finishedAt, engine, server, consistency
        case source, file, storedBytes, sha256, uncompressedBytes, compression, prelude, documents, namespaces, warnings
        case restoreCommand
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        formatVersion = try values.decode(Int.self, forKey: .formatVersion)
        repositoryId = try values.decode(String.self, forKey: .repositoryId)
        job = try values.decode(JobName.self, forKey: .job)
        run = try values.decode(RunID.self, forKey: .run)
        startedAt = try values.decodeTime(.startedAt)
        finishedAt = try values.decodeTime(.finishedAt)
        engine = try values.decode(EngineIdentity.self, forKey: .engine)
        server = try values.decode(Server.self, forKey: .server)
        consistency = try values.decode(Consistency.self, forKey: .consistency)
        source = try values.decode(Source.self, forKey: .source)
        storedBytes = try values.decode(Int64.self, forKey: .storedBytes)
        sha256 = try values.decode(String.self, forKey: .sha256)
        uncompressedBytes = try values.decode(Int64.self, forKey: .uncompressedBytes)
        compression = try values.decodeIfPresent(String.self, forKey: .compression)
        prelude = try values.decode(Extent.self, forKey: .prelude)
        namespaces = try values.decode([NamespaceEntry].self, forKey: .namespaces)
        warnings = try values.decode([String].self, forKey: .warnings)
        restoreCommand = try values.decode(String.self, forKey: .restoreCommand)
        // What follows from the rest is written for readers that are not us, and must agree.
        try values.require(snapshotId, .snapshotId)
        try values.require(file, .file)
        try values.require(documents, .documents)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(formatVersion, forKey: .formatVersion)
        try values.encode(snapshotId, forKey: .snapshotId)
        try values.encode(repositoryId, forKey: .repositoryId)
        try values.encode(job, forKey: .job)
        try values.encode(run, forKey: .run)
        try values.encode(Timestamp.rfc3339(startedAt), forKey: .startedAt)
        try values.encode(Timestamp.rfc3339(finishedAt), forKey: .finishedAt)
        try values.encode(engine, forKey: .engine)
        try values.encode(server, forKey: .server)
        try values.encode(consistency, forKey: .consistency)
        try values.encode(source, forKey: .source)
        try values.encode(file, forKey: .file)
        try values.encode(storedBytes, forKey: .storedBytes)
        try values.encode(sha256, forKey: .sha256)
        try values.encode(uncompressedBytes, forKey: .uncompressedBytes)
        try values.encodeIfPresent(compression, forKey: .compression)
        try values.encode(prelude, forKey: .prelude)
        try values.encode(documents, forKey: .documents)
        try values.encode(namespaces, forKey: .namespaces)
        try values.encode(warnings, forKey: .warnings)
        try values.encode(restoreCommand, forKey: .restoreCommand)
    }
}

extension SnapshotManifest.NamespaceEntry: Codable {
    private enum Key: String, CodingKey {
        case namespace, dataNamespace, type, documents, bytes, crc64, indexes, ranges
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        namespace = try values.decodeNamespace(.namespace)
        dataNamespace = try values.decodeNamespace(.dataNamespace)
        type = try values.decode(String.self, forKey: .type)
        documents = try values.decode(Int64.self, forKey: .documents)
        bytes = try values.decode(Int64.self, forKey: .bytes)
        let digits = try values.decode(String.self, forKey: .crc64)
        guard digits.utf8.count == 16, let value = UInt64(digits, radix: 16), value.hexadecimal == digits else {
            throw values.mismatch(.crc64)
        }
        crc64 = value
        indexes = try values.decode(Int.self, forKey: .indexes)
        ranges = try values.decodeIfPresent([SnapshotManifest.Extent].self, forKey: .ranges)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(namespace.description, forKey: .namespace)
        try values.encode(dataNamespace.description, forKey: .dataNamespace)
        try values.encode(type, forKey: .type)
        try values.encode(documents, forKey: .documents)
        try values.encode(bytes, forKey: .bytes)
        try values.encode(crc64.hexadecimal, forKey: .crc64)
        try values.encode(indexes, forKey: .indexes)
        try values.encodeIfPresent(ranges, forKey: .ranges)
    }
}

extension KeyedDecodingContainer {
    fileprivate func mismatch(_ key: Key) -> DecodingError {
        .dataCorruptedError(forKey: key, in: self, debugDescription: "'\(key.stringValue)' has an impossible value")
    }

    fileprivate func require<Value: Decodable & Equatable>(_ value: Value, _ key: Key) throws {
        guard try decode(Value.self, forKey: key) == value else { throw mismatch(key) }
    }

    fileprivate func decodeTime(_ key: Key) throws -> Date {
        guard let time = Timestamp.parse(try decode(String.self, forKey: key)) else { throw mismatch(key) }
        return time
    }

    /// Reads `database.collection`, where the database is empty for the oplog alone.
    fileprivate func decodeNamespace(_ key: Key) throws -> Namespace {
        let text = try decode(String.self, forKey: key)
        if text == ".oplog" { return Namespace(database: "", collection: "oplog") }
        guard let namespace = Namespace(parsing: text) else { throw mismatch(key) }
        return namespace
    }
}

extension UInt64 {
    /// 16 lower-case digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
