import BackupModel
import BackupPipeline
package import Foundation

/// The file `repository.json`: says that this directory is a repository, and which one.
///
/// Without it nothing is written: an empty mount point looks like an empty repository in every other way.
package struct RepositoryMarker: Codable, Hashable, Sendable {
    package static let fileName = "repository.json"
    package static let currentVersion = 1
    /// Largest marker that is read.
    private static let largestFile = 1 << 16

    package var formatVersion: Int
    package var repositoryId: UUID

    package init(repositoryId: UUID) {
        formatVersion = Self.currentVersion
        self.repositoryId = repositoryId
    }

    var bytes: [UInt8] {
        Array("{\n  \"formatVersion\" : \(formatVersion),\n  \"repositoryId\" : \"\(idText)\"\n}\n".utf8)
    }

    /// The id as manifests have it.
    package var idText: String { repositoryId.uuidString.lowercased() }

    /// The marker of the directory; refuses when it has none or a newer one.
    init(in root: Folder) throws {
        guard let file = try root.existingFile(Self.fileName) else {
            throw BackupError(
                .noRepository, "cannot use repository '\(root.path)': it has no '\(Self.fileName)'",
                hint: "check that its disk is mounted: nothing is written where the marker is missing.")
        }
        let bytes = try file.source().collect(limit: Self.largestFile)
        guard let marker = try? JSONDecoder().decode(Self.self, from: Data(bytes)), marker.formatVersion >= 1 else {
            throw BackupError(.noRepository, "cannot use repository '\(root.path)': '\(Self.fileName)' is damaged")
        }
        guard marker.formatVersion <= Self.currentVersion else {
            throw BackupError(
                .unsupported,
                "cannot use repository '\(root.path)': its format \(marker.formatVersion) is newer than this program",
                hint: "use a newer backupctl.")
        }
        self = marker
    }
}
