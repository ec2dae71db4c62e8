import BackupModel
import Foundation
import GRDB
import Migrations
import Testing

@testable import BackupCatalog

struct MigrationTests {
    /// The number of the version that comes next, and what a copy from before it is called.
    static let next = Migration.all.count + 1
    static let copySuffix = ".before-V" + String(repeating: "0", count: 4 - String(next).count) + String(next)

    /// One more version, for tests of the way from one to the next.
    static let second = Migration(
        number: next, name: "test.sql",
        sql: "ALTER TABLE job ADD COLUMN note TEXT; CREATE TABLE extra (id INTEGER) STRICT")

    static let both = Migration.all + [second]

    @Test func theListIsTheFolder() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Migrations").resolvingSymlinksInPath()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
        #expect(Migration.all.map(\.name) == files.sorted())
        for (index, migration) in Migration.all.enumerated() {
            #expect(migration.number == index + 1)
            let digits = String(migration.number)
            #expect(migration.name.hasPrefix("V" + String(repeating: "0", count: 4 - digits.count) + digits + "_"))
            #expect(try String(contentsOf: folder.appending(path: migration.name), encoding: .utf8) == migration.sql)
        }
    }

    @Test func aNewCatalogIsEmptyAndOurs() throws {
        let scratch = try Scratch()
        let catalog = try Catalog.open(at: scratch.path)
        #expect(try catalog.jobs().isEmpty && catalog.runs().isEmpty && catalog.events().isEmpty)
        #expect(try catalog.check() == CatalogCheck(rows: 0, damagedRows: [], problems: []))
        try catalog.close()
        #expect(try scratch.names() == ["catalog.sqlite"])
        try scratch.raw().read { database in
            #expect(try Int.fetchOne(database, sql: "PRAGMA user_version") == Migration.all.count)
            #expect(try Int32.fetchOne(database, sql: "PRAGMA application_id") == CatalogOpening.applicationID)
            let loose = try String.fetchAll(
                database,
                sql: "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                    + "AND NOT strict AND name NOT LIKE 'sqlite_%'")
            #expect(loose.isEmpty)
        }
    }

    @Test func openingAgainChangesNothing() throws {
        let scratch = try Scratch()
        let first = try scratch.catalog()
        let events = try first.events()
        try first.close()
        var sizes: Set<Int> = []
        for _ in 0..<5 {
            let catalog = try Catalog.open(at: scratch.path)
            #expect(try catalog.events() == events && catalog.check().isSound)
            try catalog.close()
            #expect(try scratch.names() == ["catalog.sqlite"])
            sizes.insert(try Data(contentsOf: URL(fileURLWithPath: scratch.path)).count)
        }
        // GRDB makes and drops an empty table when it opens: one page, once.
        #expect(sizes.count == 1)
    }

    @Test func anOlderCatalogIsCopiedAsideAndUpgraded() throws {
        let scratch = try Scratch()
        let old = try scratch.catalog()
        try old.backUp(1)
        let events = try old.events()
        // Still open elsewhere, with what it wrote in the WAL only.
        let catalog = try CatalogOpening(path: scratch.path, migrations: Self.both).open()
        #expect(try catalog.events() == events)
        #expect(try catalog.quickCheck().isEmpty)
        #expect(try catalog.check().damagedRows.isEmpty, "a new column that is NULL must not change a digest")
        #expect(try catalog.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Self.next)
        #expect(try catalog.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM extra") } == 0)
        let copy = scratch.path + Self.copySuffix
        #expect(try permissions(copy) == 0o600)
        #expect(try scratch.names().filter { $0.contains("partial") }.isEmpty)
        let restored = try Catalog.open(at: copy)
        #expect(try restored.events() == events)
        #expect(try restored.check().isSound)
        #expect(try restored.snapshots().count == 1)
        try catalog.close()
        try old.close()
        #expect(failure { _ = try Catalog.open(at: scratch.path) }?.code == .catalogTooNew)
    }

    @Test func severalMigrationsAreCopiedAsideOnce() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        let third = Migration(number: Self.next + 1, name: "more.sql", sql: "CREATE TABLE more (id INTEGER) STRICT")
        try CatalogOpening(path: scratch.path, migrations: Self.both + [third]).open().close()
        #expect(try scratch.names() == ["catalog.sqlite", "catalog.sqlite" + Self.copySuffix])
    }

    @Test(arguments: [
        "CREATE TABLE extra (id INTEGER); SELECT * FROM nowhere", "CREATE TABLE extra (id INTEGER); nonsense",
        "DELETE FROM repository", "DROP TABLE job; DROP TABLE repository",
    ])
    func aFailedMigrationLeavesTheOldState(sql: String) throws {
        let scratch = try Scratch()
        let old = try scratch.catalog()
        try old.backUp(1)
        let broken = Migration(number: Self.next, name: "broken.sql", sql: sql)
        let opening = CatalogOpening(path: scratch.path, migrations: Migration.all + [broken])
        #expect(failure { _ = try opening.open() }?.code == .catalogFailed)
        #expect(try old.check().isSound)
        #expect(try old.snapshots().count == 1)
        try old.close()
        let again = try Catalog.open(at: scratch.path)
        #expect(try again.check().isSound)
        #expect(try again.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Migration.all.count)
    }

    @Test func withoutACopyNothingIsUpgraded() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        // A folder is in the way of the copy.
        try FileManager.default.createDirectory(
            atPath: scratch.path + Self.copySuffix + "/x", withIntermediateDirectories: true)
        let opening = CatalogOpening(path: scratch.path, migrations: Self.both)
        #expect(failure { _ = try opening.open() } != nil)
        let catalog = try Catalog.open(at: scratch.path)
        #expect(try catalog.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Migration.all.count)
    }

    @Test func aMigrationThatIsKilledLeavesTheOldState() async throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        let path = scratch.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            // The copy is in place before the migration begins; this one never ends by itself.
            let endless = Migration(
                number: MigrationTests.next, name: "endless.sql",
                sql: """
                    CREATE TABLE extra (id INTEGER) STRICT;
                    INSERT INTO extra WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n
                    """)
            Thread.detachNewThread {
                // Not for ever: without a copy the test fails below.
                for _ in 0..<5000 where !FileManager.default.fileExists(atPath: path + MigrationTests.copySuffix) {
                    usleep(1000)
                }
                usleep(300_000)
                kill(getpid(), SIGKILL)
            }
            _ = try CatalogOpening(path: path, migrations: Migration.all + [endless]).open()
        }
        #expect(try permissions(path + MigrationTests.copySuffix) == 0o600)
        let catalog = try CatalogOpening(path: path, migrations: Self.both).open()
        #expect(try catalog.quickCheck().isEmpty)
        #expect(try catalog.check().damagedRows.isEmpty)
        #expect(try catalog.jobs().count == 1)
        #expect(try catalog.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM extra") } == 0)
    }

    @Test func aNewerCatalogIsRefusedAndNotTouched() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        try scratch.raw().write { try $0.execute(sql: "PRAGMA user_version = 99") }
        let before = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        let error = failure { _ = try Catalog.open(at: scratch.path) }
        #expect(error?.code == .catalogTooNew)
        #expect(error?.message.contains("version 99") == true && error?.message.contains(scratch.path) == true)
        #expect(error?.hint != nil)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path)) == before)
    }

    @Test(arguments: [
        "CREATE TABLE t (x)", "PRAGMA application_id = 5; CREATE TABLE t (x)", "PRAGMA user_version = 1",
        "PRAGMA application_id = 1112228692; CREATE TABLE t (x)", "PRAGMA journal_mode = WAL; CREATE TABLE t (x)",
    ])
    func someoneElsesDatabaseIsRefusedAndNotTouched(sql: String) throws {
        let scratch = try Scratch()
        do {
            let other = try scratch.raw()
            try other.writeWithoutTransaction { try $0.execute(sql: sql) }
            try other.close()
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        let error = failure { _ = try Catalog.open(at: scratch.path) }
        #expect(error?.code == .catalogFailed && error?.message.contains(scratch.path) == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path)) == before)
    }
}

func permissions(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int)
}
