package import BackupCatalog
package import BackupEngines
import BackupModel
package import BackupStorage
package import Foundation

/// What every verb works with: the state directory, the catalog in it, and the repositories that it names.
package struct Workspace: Sendable {
    package let state: StateDirectory
    package let catalog: Catalog
    package let actor: String
    let ownerMark: OwnerMark
    /// Gives the engine of a run, and the calls that a repository makes: others in tests only.
    package var engine: @Sendable (EngineOrder) throws -> any Engine
    package var fileCalls: any FileCalls = SystemFileCalls()
    /// The rules of time zones as this machine has them.
    package var zones = SystemTimeZones(environment: ProcessInfo.processInfo.environment)
    package var uptime: @Sendable () -> Uptime? = Uptime.current
    package var beNice: @Sendable (Int) throws -> Void = Niceness.raise
    /// Hears what runs write to their logs.
    package var echo: (@Sendable (String) -> Void)?

    /// Opens a state directory, and makes it, the catalog and the repository `default` when they are not there yet.
    /// Runs whose process is gone get their true end first: no listing may show them as running.
    package static func open(statePath: String, now: Date) throws -> Workspace {
        let state = try StateDirectory.open(at: statePath)
        let isNew = access(state.catalog, F_OK) != 0
        let catalog =
            isNew ? try state.alone { try Catalog.open(at: state.catalog) } : try Catalog.open(at: state.catalog)
        let surroundings = ToolSurroundings(
            environment: ProcessInfo.processInfo.environment, scratch: state.pipes)
        let workspace = Workspace(
            state: state, catalog: catalog, actor: "\(NSUserName()) (\(getuid()))",
            ownerMark: OwnerMark(in: state.owners),
            engine: { try Engines.make($0, surroundings) })
        if try catalog.repository(named: defaultRepository) == nil {
            try state.alone { try workspace.makeDefaultRepository(now: now) }
        }
        // A catalog that cannot be written now can still be shown.
        try? Recovery(workspace: workspace).settleRuns(now: now)
        return workspace
    }

    package func act(_ time: Date) -> Act { Act(by: actor, at: time) }

    func openLog(of run: RunID, now: @escaping @Sendable () -> Date) -> RunLog {
        RunLog(path: state.log(of: run), now: now, echo: echo)
    }

    package func secrets() -> ConnectionSecrets { ConnectionSecrets(state: state) }

    /// Opens a repository by name; refuses when its marker is gone or is another one than the catalog knows.
    package func repository(_ name: String) throws -> DirectoryRepository {
        guard let record = try catalog.repository(named: name) else {
            throw BackupError(.noRepository, "cannot open repository '\(name)': there is none of this name")
        }
        return try DirectoryRepository(path: path(of: record), expecting: UUID(uuidString: record.id), calls: fileCalls)
    }

    /// Where a repository is. That of a state directory which was moved, or copied as a whole, is the one in it now.
    ///
    /// Throws where it is that of another state directory: two catalogs must not prune one repository.
    func path(of record: RepositoryRecord) throws -> String {
        let own = state.defaultRepository
        guard record.name == Self.defaultRepository, record.location != own else { return record.location }
        let hasOwn = (try? DirectoryRepository(path: own, expecting: UUID(uuidString: record.id))) != nil
        let former = URL(filePath: record.location).deletingLastPathComponent().path(percentEncoded: false)
        let formerState = StateDirectory(
            path: former.count > 1 && former.hasSuffix("/") ? String(former.dropLast()) : former)
        let isSomebodyElses =
            access(formerState.catalog, F_OK) == 0 && !Self.isSame(formerState.catalog, state.catalog)
            && (!hasOwn || Self.isSame(record.location, own))
        guard !isSomebodyElses else {
            throw BackupError(
                .refused,
                "refusing to use repository '\(record.location)': it is that of state directory '\(formerState.path)', of "
                    + "which '\(state.path)' is a copy",
                hint: "give --state-dir \(formerState.path), or copy its repository along with everything else.")
        }
        return hasOwn ? own : record.location
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        var first = stat()
        var second = stat()
        guard stat(left, &first) == 0, stat(right, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Only a catalog that never had a repository gets one. A marker that is gone later on is not made again.
    private func makeDefaultRepository(now: Date) throws {
        guard try catalog.repository(named: Self.defaultRepository) == nil else { return }
        let path = state.defaultRepository
        let repository: DirectoryRepository
        do {
            repository = try DirectoryRepository.create(path: path, id: UUID())
        } catch let error as BackupError where error.code == .refused {
            // It is there already: whoever made it was killed before the catalog heard of it, or the catalog is new.
            repository = try DirectoryRepository(path: path)
        }
        try catalog.insert(
            RepositoryRecord(
                name: Self.defaultRepository, location: path, id: repository.repositoryId, createdAt: now,
                updatedAt: now), act(now))
    }

    package static let defaultRepository = "default"
}
