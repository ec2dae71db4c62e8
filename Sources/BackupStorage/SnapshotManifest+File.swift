import BackupModel
package import BackupPipeline
import Foundation

/// The bytes of a manifest's file. Its last two lines are the digest of all lines before and the closing brace, so
/// `head -n -2 FILE | sha256sum` computes the digest.
extension SnapshotManifest {
    /// Larger manifests are neither written nor read.
    package static let largestFile = 256 << 20

    private static let digestStart = Array("  \"digest\" : \"".utf8)
    private static let digestEnd = Array("\"\n}\n".utf8)
    private static let closing = Array("\n}".utf8)

    /// The file's bytes. The same manifest gives the same bytes.
    package func fileBytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var bytes = Array(try encoder.encode(self))
        guard bytes.suffix(Self.closing.count) == Self.closing[...] else {
            throw BackupError(.failed, "cannot write the manifest of snapshot '\(snapshotId)': unexpected JSON")
        }
        bytes.removeLast(Self.closing.count)
        bytes += Array(",\n".utf8)
        bytes += Self.digestStart + Array(BackupPipeline.sha256(bytes).utf8) + Self.digestEnd
        guard bytes.count <= Self.largestFile else {
            throw BackupError(.failed, "cannot write the manifest of snapshot '\(snapshotId)': it is too large")
        }
        return bytes
    }

    /// Reads a manifest's file and checks its digest and that it makes sense. `path` is what errors call it.
    package init(fileBytes bytes: [UInt8], path: String) throws {
        func damaged(_ reason: String) -> BackupError {
            BackupError(
                .snapshotDamaged, "cannot read manifest '\(path)': \(reason)",
                hint: "the archive beside it may be intact: 'backupctl show FILE' reads it to its end.")
        }
        let digits = 64
        let tail = Self.digestStart.count + digits + Self.digestEnd.count
        guard bytes.count <= Self.largestFile else { throw damaged("it is too large") }
        guard bytes.count > tail, bytes.suffix(Self.digestEnd.count) == Self.digestEnd[...],
            bytes.suffix(tail).starts(with: Self.digestStart)
        else { throw damaged("it is truncated or has no digest") }
        let digest = bytes.suffix(tail).dropFirst(Self.digestStart.count).prefix(digits)
        guard digest.elementsEqual(BackupPipeline.sha256(bytes.dropLast(tail)).utf8) else {
            throw damaged("its digest does not match")
        }
        try Self.checkVersion(bytes, path: path, damaged: damaged)
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw damaged(error.summary)
        } catch let error as BackupError {
            throw damaged(error.message)
        }
        if let reason = contradiction { throw damaged(reason) }
    }

    /// Reads the manifest from a file.
    package init(reading file: any StoredFile) throws {
        guard file.size <= UInt64(Self.largestFile) else {
            throw BackupError(.snapshotDamaged, "cannot read manifest '\(file.name)': it is too large")
        }
        try self.init(fileBytes: file.source().collect(limit: Self.largestFile), path: file.name)
    }

    /// The manifest that lies beside an archive under the name that a repository gives it, if it is that of a file of this
    /// name and size; nil where there is none, or none that can be read.
    package static func beside(_ file: DiskFile) -> SnapshotManifest? {
        guard file.name.hasSuffix(SnapshotLocation.archiveSuffix) else { return nil }
        let path = file.name.dropLast(SnapshotLocation.archiveSuffix.count) + SnapshotLocation.manifestSuffix
        guard let manifest = try? SnapshotManifest(reading: DiskFile(path: String(path))),
            manifest.file == file.name.split(separator: "/").last.map(String.init),
            UInt64(clamping: manifest.storedBytes) == file.size
        else { return nil }
        return manifest
    }

    private static func checkVersion(
        _ bytes: [UInt8], path: String, damaged: (String) -> BackupError
    ) throws {
        struct Version: Decodable { var formatVersion: Int }
        guard let version = try? JSONDecoder().decode(Version.self, from: Data(bytes)).formatVersion, version >= 1
        else {
            throw damaged("it has no format version")
        }
        guard version <= currentVersion else {
            throw BackupError(
                .unsupported, "cannot read manifest '\(path)': its format \(version) is newer than this program",
                hint: "use a newer backupctl.")
        }
    }

    /// What cannot be so in a manifest that we wrote; nil when all is well.
    private var contradiction: String? {
        guard sha256.utf8.count == 64, sha256.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
            return "'sha256' is not a SHA-256"
        }
        guard storedBytes > 0, uncompressedBytes >= 0 else { return "a size is negative" }
        guard prelude.offset == 0, fits(prelude) else { return "'prelude' does not lie in the archive" }
        guard Set(namespaces.map(\.namespace)).count == namespaces.count else { return "a namespace is there twice" }
        for entry in namespaces {
            let name = entry.namespace.description.escapedForDisplay
            guard entry.documents >= 0, entry.bytes >= 0, entry.indexes >= 0, entry.bytes <= uncompressedBytes else {
                return "namespace '\(name)' has an impossible count"
            }
            guard (entry.ranges ?? []).allSatisfy(fits) else {
                return "a range of namespace '\(name)' does not lie in the archive"
            }
        }
        return nil
    }

    private func fits(_ extent: Extent) -> Bool {
        Self.fits(extent.offset, extent.length, in: uncompressedBytes)
            && extent.stored.map {
                Self.fits($0.offset, $0.length, in: storedBytes) && $0.uncompressedOffset <= extent.offset
            } ?? true
    }

    private static func fits(_ offset: UInt64, _ length: UInt64, in total: Int64) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(length)
        return !overflow && end <= UInt64(clamping: total)
    }
}

extension DecodingError {
    /// What is missing or wrong, without the framework's own words.
    fileprivate var summary: String {
        switch self {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "'\(context.codingPath.last?.stringValue ?? "")' is of the wrong type"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "it is not JSON" : context.debugDescription
        @unknown default: "it cannot be decoded"
        }
    }
}
