import BackupModel
import Foundation
import GRDB
import Migrations

/// Opens a catalog: the file and its mode, the settings of every connection, whose file it is, and the migrations.
///
/// Safe while other processes do the same with the same file, the very first opening included.
struct CatalogOpening {
    /// 'BKCT'; the first migration writes it.
    static let applicationID: Int32 = 0x424B_4354

    let path: String
    let migrations: [Migration]
    let patience: TimeInterval

    init(path: String, migrations: [Migration] = Migration.all, patience: TimeInterval = 5) {
        // A connection may be opened later, when the current directory is another one.
        self.path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        self.migrations = migrations
        self.patience = patience
    }

    func open() throws -> Catalog {
        do {
            let file = CatalogFile(path: path)
            try file.prepare()
            let pool = try makePool()
            try file.tighten()
            return Catalog(path: path, pool: pool)
        } catch {
            throw CatalogFailure.describe(error, verb: "open", path: path)
        }
    }

    /// Switching to WAL and upgrading a lock can fail at once where another process opens the file at this moment: the
    /// busy timeout does not cover these, so they are tried again.
    private func makePool() throws -> DatabasePool {
        let deadline = ContinuousClock.now + .seconds(patience)
        while true {
            do {
                return try makePoolOnce()
            } catch let error as DatabaseError
                where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode) && ContinuousClock.now < deadline
            {
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
    }

    private func makePoolOnce() throws -> DatabasePool {
        let pool = try DatabasePool(path: path, configuration: configuration(readOnly: false))
        try pool.writeWithoutTransaction { database in
            // DatabasePool sets NORMAL when it opens, and that loses acknowledged commits at a power cut.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try SchemaUpgrade(opening: self).run(database)
        }
        return pool
    }

    func configuration(readOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.label = "catalog"
        configuration.readonly = readOnly
        configuration.busyMode = .timeout(patience)
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    PRAGMA recursive_triggers = ON;
                    """)
            if !database.configuration.readonly { try checkIdentity(database) }
        }
        return configuration
    }

    /// Refuses what is not ours before anything is written to it.
    private func checkIdentity(_ database: Database) throws {
        let cannot = "cannot open catalog '\(path.escapedForDisplay)'"
        try database.inTransaction(.deferred) {
            let application = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            let isEmpty = try Bool.fetchOne(database, sql: "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)") ?? false
            if application == 0 && version == 0 && isEmpty { return .commit }
            guard application == Self.applicationID else { throw CatalogFailure.notACatalog(cannot) }
            guard version > 0 else {
                throw BackupError(
                    .catalogFailed, "\(cannot): the file is damaged: it has no version",
                    hint: CatalogFailure.damageHint)
            }
            try checkVersion(version)
            return .commit
        }
    }

    func checkVersion(_ version: Int) throws {
        let newest = migrations.last?.number ?? 0
        guard version <= newest else {
            throw BackupError(
                .catalogTooNew,
                "cannot open catalog '\(path.escapedForDisplay)': it has version \(version), "
                    + "this backupctl knows versions up to \(newest)",
                hint: "use the backupctl that wrote it, or a newer one.")
        }
    }
}
