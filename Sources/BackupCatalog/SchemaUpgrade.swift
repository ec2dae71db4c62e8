import BackupModel
import Foundation
import GRDB
import Migrations

/// Takes a catalog through the migrations that it has not had, one transaction each.
///
/// Before the first of them an older catalog is copied aside, `catalog.sqlite.before-V000N`; without that copy nothing
/// is changed. Whatever fails or dies, the catalog is as one of the versions has it.
struct SchemaUpgrade {
    let opening: CatalogOpening

    func run(_ database: Database) throws {
        var isCopied = false
        while try version(database) < (opening.migrations.last?.number ?? 0) {
            // A migration that builds a table anew must not set off the references to the old one
            // (https://www.sqlite.org/lang_altertable.html); the setting changes outside of transactions only.
            try database.execute(sql: "PRAGMA foreign_keys = OFF")
            defer { try? database.execute(sql: "PRAGMA foreign_keys = ON") }
            try database.inTransaction(.immediate) {
                try step(database, isCopied: &isCopied)
                return .commit
            }
        }
        try opening.checkVersion(version(database))
        // The `defer` above cannot throw; this can.
        try database.execute(sql: "PRAGMA foreign_keys = ON")
    }

    private func version(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// One migration, under the write lock: another process may have done it while this one waited.
    private func step(_ database: Database, isCopied: inout Bool) throws {
        let version = try version(database)
        guard let next = opening.migrations.first(where: { $0.number > version }) else { return }
        // Of a catalog that is being made there is nothing to copy.
        if version > 0 && !isCopied { try copyAside(before: next) }
        isCopied = true
        try database.execute(sql: next.sql)
        // A pragma takes no bound value; this one is a number of ours.
        try database.execute(sql: "PRAGMA user_version = \(next.number)")
        guard try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") == nil else {
            throw BackupError(
                .catalogFailed,
                "cannot open catalog '\(opening.path.escapedForDisplay)': '\(next.name)' would break its references",
                hint: CatalogFailure.damageHint)
        }
    }

    /// A second connection sees what was committed last, and the write lock keeps that as it is meanwhile.
    private func copyAside(before next: Migration) throws {
        let digits = String(next.number)
        let copy = opening.path + ".before-V" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        let partial = CatalogFile(path: copy + ".partial")
        try partial.remove()
        try partial.create()
        let source = try DatabaseQueue(path: opening.path, configuration: opening.configuration(readOnly: true))
        try source.writeWithoutTransaction { database in
            try database.execute(sql: "VACUUM INTO ?", arguments: [partial.path])
        }
        try source.close()
        try partial.flush()
        try partial.rename(to: copy)
    }
}
