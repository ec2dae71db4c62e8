import BackupModel
package import BackupPipeline
package import Foundation
import Glibc

/// A repository in a directory (`FORMAT.md`).
///
/// All of it is reached from the root's descriptor and belongs to one user; see `Folder` and `SnapshotLocation` for why
/// no name from outside becomes a path.
package final class DirectoryRepository: Repository {
    package let marker: RepositoryMarker
    let root: Folder

    static let incomingFolder = ".incoming"

    package var name: String { root.path }
    package var repositoryId: String { marker.idText }
    package func path(of relative: String) -> String { root.path(of: relative) }

    /// Opens a repository that was made before; `expecting` is the id it must have.
    package init(path: String, expecting id: UUID? = nil, calls: any FileCalls = SystemFileCalls()) throws {
        root = try Self.openRoot(path, calls)
        try root.checkOwner()
        marker = try RepositoryMarker(in: root)
        try Self.check(marker, id, path)
    }

    /// Makes a repository in a directory that is empty or not there yet, and opens it.
    package static func create(
        path: String, id: UUID, calls: any FileCalls = SystemFileCalls()
    ) throws -> DirectoryRepository {
        do {
            try makeFolders(path, calls)
        } catch {
            throw BackupError.storage("create repository", path, error)
        }
        let root = try openRoot(path, calls)
        try root.checkOwner()
        guard try root.fileSize(RepositoryMarker.fileName) == nil else {
            throw BackupError(.refused, "refusing to create a repository in '\(path)': there is one already")
        }
        // A repository that lost its marker must not get another id; one whose making was interrupted has nothing yet.
        let names = try root.names().filter { $0 != "lost+found" && $0 != newMarker }
        guard try names.isEmpty || (names == [incomingFolder] && root.existingFolder(incomingFolder)?.names() == [])
        else {
            throw BackupError(
                .refused, "refusing to create a repository in '\(path)': the directory is not empty",
                hint: "name an empty directory, or one that is not there yet.")
        }
        do {
            let incoming = try root.folder(incomingFolder).folder
            try root.remove(newMarker)
            try root.writeFile(newMarker, RepositoryMarker(repositoryId: id).bytes)
            try incoming.sync()
            try calls.renameNew(newMarker, in: root.descriptor, to: RepositoryMarker.fileName, in: root.descriptor)
            try root.sync()
        } catch {
            throw BackupError.storage("create repository", path, error)
        }
        return try DirectoryRepository(path: path, expecting: id, calls: calls)
    }

    private static let newMarker = RepositoryMarker.fileName + ".new"

    private static func openRoot(_ path: String, _ calls: any FileCalls) throws -> Folder {
        do {
            return try Folder(root: path, calls: calls)
        } catch let error as CallFailed where error.code == ENOENT || error.code == ENOTDIR {
            throw BackupError(
                .noRepository, "cannot use repository '\(path)': \(error)",
                hint: "check the path, and that its disk is mounted.")
        } catch {
            throw BackupError.storage("open repository", path, error)
        }
    }

    private static func check(_ marker: RepositoryMarker, _ id: UUID?, _ path: String) throws {
        guard let id, id != marker.repositoryId else { return }
        throw BackupError(
            .noRepository,
            "cannot use repository '\(path)': it is repository '\(marker.idText)', not '\(id.uuidString.lowercased())'",
            hint: "check that the right disk is mounted.")
    }

    /// The directory and those above it that are missing, each brought to the disk by its parent.
    private static func makeFolders(_ path: String, _ calls: any FileCalls) throws {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        var missing: [String] = []
        var existing = url
        while existing.path != "/" {
            do {
                _ = try calls.status(path: existing.path)
                break
            } catch let error as CallFailed where error.code == ENOENT {
                missing.append(existing.lastPathComponent)
                existing.deleteLastPathComponent()
            }
        }
        var folder = try Folder(root: existing.path, calls: calls)
        for name in missing.reversed() {
            try calls.makeFolder(name, in: folder.descriptor)
            try folder.sync()
            folder = try Folder(root: folder.path(of: name), calls: calls)
        }
    }

    /// To be called before every change: the path still leads to the directory that we hold, and it has its marker.
    /// An unmounted disk, or another one in its place, fails here.
    func checkBeforeWriting() throws {
        do {
            let held = try root.calls.status(of: root.descriptor)
            let named = try root.calls.status(path: root.path)
            guard held.st_dev == named.st_dev, held.st_ino == named.st_ino else { throw CallFailed(ENOENT) }
        } catch {
            throw BackupError(
                .noRepository, "cannot use repository '\(name)': its directory is not the one that was opened",
                hint: "check that its disk is mounted.")
        }
        try root.checkOwner()
        try Self.check(try RepositoryMarker(in: root), marker.repositoryId, name)
    }
}

// Reading what is there.
extension DirectoryRepository {
    package func snapshots() throws -> [SnapshotEntry] {
        var entries: [SnapshotEntry] = []
        for job in try root.names() {
            guard let jobName = try? JobName(job), let jobFolder = try folder(job, in: root) else { continue }
            for year in try jobFolder.names() where year.utf8.count == 4 {
                guard let yearFolder = try folder(year, in: jobFolder) else { continue }
                entries += try self.entries(of: jobName, year: year, yearFolder)
            }
        }
        return entries.sorted { $0.location.id < $1.location.id }
    }

    package func manifest(of location: SnapshotLocation) throws -> ReadManifest {
        guard let file = try yearFolder(of: location)?.existingFile(location.manifestName) else {
            throw missing(location, "manifest")
        }
        let bytes = try file.source().collect(limit: SnapshotManifest.largestFile)
        let manifest = try SnapshotManifest(fileBytes: bytes, path: path(of: location.manifestPath))
        guard manifest.job == location.job, manifest.run == location.run else {
            throw BackupError(
                .snapshotDamaged,
                "cannot read manifest '\(path(of: location.manifestPath))': it is that of '\(manifest.snapshotId)'")
        }
        guard manifest.repositoryId == repositoryId else {
            throw BackupError(
                .snapshotDamaged,
                "cannot read manifest '\(path(of: location.manifestPath))': it is of another repository")
        }
        return ReadManifest(manifest: manifest, sha256: sha256(bytes))
    }

    package func openArchive(_ location: SnapshotLocation) throws -> any StoredFile {
        guard let folder = try yearFolder(of: location), let file = try folder.existingFile(location.archiveName) else {
            throw missing(location, "archive")
        }
        do { try folder.lock(file.descriptor, LOCK_SH) } catch {
            throw BackupError.storage("open", file.name, error)
        }
        return file
    }

    func yearFolder(of location: SnapshotLocation) throws -> Folder? {
        try root.existingFolder(location.job.text)?.existingFolder(location.year)
    }

    private func missing(_ location: SnapshotLocation, _ what: String) -> BackupError {
        BackupError(.snapshotMissing, "cannot read snapshot '\(location.id)': its \(what) is not in '\(name)'")
    }

    /// The folder of that name; nil for a file or link, which is not ours.
    private func folder(_ name: String, in parent: Folder) throws -> Folder? {
        let status = try parent.calls.status(name, in: parent.descriptor)
        return status.st_mode & S_IFMT == S_IFDIR ? try parent.existingFolder(name) : nil
    }

    /// Everything in the folder whose name is one that we would have given it there.
    private func entries(of job: JobName, year: String, _ folder: Folder) throws -> [SnapshotEntry] {
        var found: [SnapshotLocation: SnapshotEntry] = [:]
        for name in try folder.names() {
            for suffix in [SnapshotLocation.manifestSuffix, SnapshotLocation.archiveSuffix] where name.hasSuffix(suffix)
            {
                guard let location = try? SnapshotLocation(id: String(name.dropLast(suffix.count))),
                    location.job == job, location.year == year, let size = try? folder.fileSize(name)
                else { continue }
                var entry =
                    found[location] ?? SnapshotEntry(location: location, hasManifest: false, archiveBytes: nil)
                if suffix == SnapshotLocation.manifestSuffix {
                    entry.hasManifest = true
                } else {
                    entry.archiveBytes = size
                }
                found[location] = entry
            }
        }
        return Array(found.values)
    }
}
