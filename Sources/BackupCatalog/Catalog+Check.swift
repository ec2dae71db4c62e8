import BackupModel
import Foundation
import GRDB
import Migrations

/// What a check of the whole catalog found.
package struct CatalogCheck: Hashable, Sendable {
    package var rows: Int
    /// Rows that are not as they were written; the first thousand of them.
    package var damagedRows: [DamagedRow]
    /// What else is wrong: the file's structure, references between rows, the schema, rows that are gone.
    package var problems: [String]

    package var isSound: Bool { damagedRows.isEmpty && problems.isEmpty }
}

extension Catalog {
    /// SQLite's own quick look at the file's structure, for every start; empty when all is well. It misses most changes
    /// of values: `check` does not.
    package func quickCheck() throws -> [String] {
        try read { try String.fetchAll($0, sql: "PRAGMA quick_check(100)").filter { $0 != "ok" } }
    }

    /// Reads everything: the file's structure with all indexes, the schema, the references, and each row's digest.
    /// Changes nothing and stops for no damage.
    package func check() throws -> CatalogCheck {
        try read { database in
            var result = CatalogCheck(rows: 0, damagedRows: [], problems: [])
            let checks = [integrity, references, schema, eventGaps, namespaceCounts]
            for check in checks {
                result.note { $0.problems += try check(database) }
            }
            for table in Table.allCases {
                result.note { try checkRows(of: table, database, &$0) }
            }
            return result
        }
    }

    private func integrity(_ database: Database) throws -> [String] {
        try String.fetchAll(database, sql: "PRAGMA integrity_check(100)").filter { $0 != "ok" }
    }

    private func references(_ database: Database) throws -> [String] {
        try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").prefix(100).map { row in
            "a row of \(row.catalogText(0)) refers to one of \(row.catalogText(2)) that is not there"
        }
    }

    /// The schema must be, to the letter, the one that the migrations make.
    private func schema(_ database: Database) throws -> [String] {
        let fresh = try DatabaseQueue()
        let expected = try fresh.writeWithoutTransaction { database in
            for migration in Migration.all { try database.execute(sql: migration.sql) }
            return try Self.schema(of: database)
        }
        let actual = try Self.schema(of: database)
        let names = Set(expected.keys).union(actual.keys).sorted()
        return names.filter { expected[$0] != actual[$0] }
            .map { "the schema differs from this backupctl's in '\($0.escapedForDisplay)'" }
    }

    private static func schema(of database: Database) throws -> [String: String] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")
        let pairs = rows.map { ($0.catalogText(0), [1, 2, 3].map($0.catalogText).joined(separator: "\n")) }
        return Dictionary(pairs, uniquingKeysWith: { $0 + "\n" + $1 })
    }

    /// Events are numbered without gaps and never deleted.
    private func eventGaps(_ database: Database) throws -> [String] {
        let numbers = try Row.fetchOne(
            database,
            sql: """
                SELECT count(*), coalesce(max(id), 0),
                       coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'), 0)
                FROM event
                """)
        guard let numbers else { return [] }
        let (count, last, given) = (numbers.catalogText(0), numbers.catalogText(1), numbers.catalogText(2))
        return count == last && last == given ? [] : ["events are missing: \(count) of \(given) are there"]
    }

    private func namespaceCounts(_ database: Database) throws -> [String] {
        try String.fetchAll(
            database,
            sql: """
                SELECT id FROM snapshot
                WHERE namespace_count <> (SELECT count(*) FROM snapshot_namespace WHERE snapshot = snapshot.id)
                LIMIT 100
                """
        ).map { "snapshot '\($0.escapedForDisplay)' has not as many namespaces as it says" }
    }

    private func checkRows(of table: Table, _ database: Database, _ result: inout CatalogCheck) throws {
        // The table's name is one of ours. In the order of the table itself: an index may be what is damaged.
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM \(table.rawValue) NOT INDEXED")
        while let row = try rows.next() {
            result.rows += 1
            do {
                try table.decode(CatalogRow(table, reading: row))
            } catch let damage as DamagedRow {
                if result.damagedRows.count < 1000 { result.damagedRows.append(damage) }
            }
        }
    }
}

extension CatalogCheck {
    /// A check that cannot go on has found something, too.
    fileprivate mutating func note(_ check: (inout CatalogCheck) throws -> Void) {
        do {
            try check(&self)
        } catch let error as DatabaseError {
            problems.append((error.message ?? "SQLite error \(error.resultCode.rawValue)").escapedForDisplay)
        } catch {
            problems.append("\(error)".escapedForDisplay)
        }
    }
}

extension Table {
    fileprivate func decode(_ row: CatalogRow) throws {
        switch self {
        case .repository: _ = try RepositoryRecord(row)
        case .job: _ = try Job(row)
        case .run: _ = try Run(row)
        case .snapshot: _ = try Snapshot(row)
        case .snapshotNamespace: _ = try SnapshotNamespace(row)
        case .event: _ = try Event(row)
        case .clockReading: _ = try ClockReading(row)
        }
    }
}

extension Row {
    /// Whatever the column holds, as text to show or compare.
    fileprivate func catalogText(_ index: Int) -> String {
        guard index < count else { return "" }
        let value: DatabaseValue = self[index]
        return value.isNull ? "" : String.fromDatabaseValue(value) ?? value.description
    }
}
