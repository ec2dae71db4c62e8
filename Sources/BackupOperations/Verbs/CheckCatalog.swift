package import BackupCatalog
import BackupModel
import BackupStorage
import Foundation

/// Looks whether catalog and repositories are whole and agree. Changes nothing: what does not belong together is for a
/// person to decide.
package struct CheckCatalog {
    package struct Finding: Hashable, Sendable {
        package enum Kind: String, Sendable {
            /// A manifest whose archive is gone.
            case manifestWithoutArchive = "manifest-without-archive"
            /// An archive that has no manifest.
            case archiveWithoutManifest = "archive-without-manifest"
            /// Both files, and no row.
            case unlisted
            /// A row, and neither file.
            case missing
            /// The manifest is not the one that the catalog knows, or cannot be read.
            case otherManifest = "other-manifest"
            /// The archive has another length than the catalog says.
            case otherLength = "other-length"
            case repositoryUnavailable = "repository-unavailable"
        }

        package var kind: Kind
        package var repository: String
        package var snapshot: String?
        /// Absolute.
        package var path: String
    }

    package struct Result: Sendable {
        package var catalog: CatalogCheck
        package var findings: [Finding]

        package var isSound: Bool { catalog.isSound && findings.isEmpty }
    }

    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    package func run() throws -> Result {
        let check = try workspace.catalog.check()
        // Damaged rows are reported above; what they say cannot be compared with anything.
        let snapshots = (try? workspace.catalog.snapshots()) ?? []
        let repositories = (try? workspace.catalog.repositories()) ?? []
        var findings: [Finding] = []
        for record in repositories {
            do {
                let repository = try workspace.repository(record.name)
                findings += try compare(repository, record, snapshots.filter { $0.repository == record.name })
            } catch {
                findings.append(
                    Finding(
                        kind: .repositoryUnavailable, repository: record.name, snapshot: nil,
                        path: (try? workspace.path(of: record)) ?? record.location))
            }
        }
        return Result(catalog: check, findings: findings)
    }

    private func compare(
        _ repository: DirectoryRepository, _ record: RepositoryRecord, _ snapshots: [Snapshot]
    ) throws -> [Finding] {
        var rows = Dictionary(snapshots.map { ($0.id, $0) }) { first, _ in first }
        var findings: [Finding] = []
        func find(_ kind: Finding.Kind, _ snapshot: String, _ relative: String) {
            findings.append(
                Finding(
                    kind: kind, repository: record.name, snapshot: snapshot, path: repository.path(of: relative)))
        }
        for entry in try repository.snapshots() {
            let location = entry.location
            let row = rows.removeValue(forKey: location.id)
            guard entry.hasManifest else {
                find(.archiveWithoutManifest, location.id, location.archivePath)
                continue
            }
            guard let bytes = entry.archiveBytes else {
                find(.manifestWithoutArchive, location.id, location.manifestPath)
                continue
            }
            guard let row else {
                find(.unlisted, location.id, location.archivePath)
                continue
            }
            if (try? repository.manifest(of: location).sha256) != row.manifestSHA256 {
                find(.otherManifest, location.id, location.manifestPath)
            }
            if bytes != UInt64(exactly: row.storedBytes) { find(.otherLength, location.id, location.archivePath) }
        }
        for row in rows.values.sorted(by: { $0.id < $1.id }) { find(.missing, row.id, row.file) }
        return findings
    }
}
