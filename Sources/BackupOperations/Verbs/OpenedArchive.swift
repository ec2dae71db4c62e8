import BackupCatalog
import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import MongoArchive

/// An archive that is looked into, and of which no more is read than somebody wants to see.
enum OpenedArchive {
    /// Its manifest says what is in it, and where.
    case described(RestoreSource, Workspace?)
    /// A file of anyone's: what is in it shows as it is read, from its beginning.
    case file(any StoredFile, path: String)

    /// Opens what a name or a path means. A file that has the manifest of a repository beside it is described by that.
    static func open(
        _ text: String, workspace: () throws -> Workspace, progress: RunProgress, at time: Date
    ) throws -> OpenedArchive {
        guard let path = SnapshotName.path(text) else {
            let workspace = try workspace()
            let snapshot = try workspace.findSnapshot(text)
            let source = try workspace.marking(snapshot, at: time) {
                try RestoreSource.open(text, workspace: workspace, progress: progress)
            }
            return .described(source, workspace)
        }
        let file = try InspectArchive.open(path)
        guard let manifest = SnapshotManifest.beside(file) else { return .file(file, path: path) }
        return .described(try RestoreSource(file, named: path, manifest), nil)
    }

    /// Gives errors of reading their names and codes; a snapshot that is found to be damaged is no good one from then on.
    func reading<Result>(at time: Date, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ReaderGone {
            throw error
        } catch {
            var error = BackupError(reading: name, error)
            guard case .described(let source, let workspace) = self else { throw error }
            // It was an archive when it was stored.
            if [.archiveDamaged, .notAnArchive].contains(error.code) { error.code = .snapshotDamaged }
            guard let workspace, let id = source.snapshot, let snapshot = try? workspace.findSnapshot(id) else {
                throw error
            }
            return try workspace.marking(snapshot, at: time) { throw error }
        }
    }

    var name: String {
        switch self {
        case .described(let source, _): source.name
        case .file(_, let path): path
        }
    }
}

extension Workspace {
    /// What is found to be damaged is noted as such, if it may be: who reads need not be allowed to write.
    fileprivate func marking<Result>(_ snapshot: Snapshot, at time: Date, _ body: () throws -> Result) throws -> Result
    {
        do {
            return try body()
        } catch let error as BackupError where error.code == .snapshotDamaged {
            try? markDamaged(snapshot, error, at: time)
            throw error
        }
    }
}

/// Ends a reading in which all that was wanted has been seen.
struct EnoughRead: Error {}

extension NamespaceSelection {
    /// What is selected of an archive. Users and roles of one database go together, and need each other; an oplog is about
    /// everything, and no part of a selection. Throws when a pattern, or all of it, selects nothing.
    func choose(from there: [Namespace]) throws -> Set<Namespace> {
        let there = there.filter { $0 != .oplog }
        for pattern in include + exclude where !there.contains(where: pattern.matches) {
            throw Self.noMatch("pattern '\(pattern)'", there)
        }
        var chosen = Set(there.filter(contains))
        guard !chosen.isEmpty else { throw Self.noMatch("the selection", there) }
        let withUsers = Set(chosen.filter(\.isUsersOrRoles).map(\.database))
        chosen.formUnion(there.filter { $0.isUsersOrRoles && withUsers.contains($0.database) })
        return chosen
    }

    private static func noMatch(_ what: String, _ there: [Namespace]) -> BackupError {
        let names = there.prefix(12).map { "'\($0.description.escapedForDisplay)'" }.joined(separator: ", ")
        let more = there.count > 12 ? " and \(there.count - 12) more" : ""
        return BackupError(
            .noMatch, "cannot read the archive: \(what) matches nothing in it",
            hint: there.isEmpty ? "the archive has no namespaces." : "the archive has \(names)\(more).")
    }
}
