import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

struct CheckTests {
    /// A catalog with every table filled, closed.
    private func filled() throws -> Scratch {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for number in 1...5 { try catalog.backUp(number, namespaces: number) }
        var run = try catalog.start(Sample.run(6), owner: Sample.owner, Sample.act())
        run.state = .failed
        run.error = BackupError(.serverFailed, "m", hint: "h")
        run.warnings = ["w"]
        run.engine = Sample.engine
        try catalog.finish(run, Sample.act())
        try catalog.setVerified(snapshot: Sample.snapshot(of: Sample.run(1)).id, Sample.act())
        try catalog.setPin(
            SnapshotPin(reason: "r", until: Sample.start + 5), ofSnapshot: Sample.snapshot(of: Sample.run(1)).id,
            Sample.act())
        try catalog.readClock(bootID: "boot", uptime: 7, Sample.act())
        #expect(try catalog.check().isSound)
        try catalog.close()
        return scratch
    }

    /// Changes rows behind the triggers' back.
    private func tamper(_ scratch: Scratch, _ sql: String) throws {
        let raw = try scratch.raw()
        try raw.writeWithoutTransaction { database in
            try database.execute(
                sql: "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
            try database.inTransaction {
                let triggers = try Row.fetchAll(
                    database, sql: "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
                for row in triggers { try database.execute(sql: "DROP TRIGGER \(row["name"] as String)") }
                try database.execute(sql: sql)
                for row in triggers { try database.execute(sql: row["sql"]) }
                return .commit
            }
        }
        try raw.close()
    }

    @Test(arguments: ["repository", "job", "run", "snapshot", "snapshot_namespace", "event", "clock_reading"])
    func aChangeOfAnyColumnIsNoticed(table: String) throws {
        let scratch = try filled()
        let columns = try scratch.raw().read { try $0.columns(in: table) }
        let master = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        for column in columns {
            // A column that is NULL gets a value, a number goes up by one, a text ends in another letter.
            let change =
                switch column.type {
                case "INTEGER": "coalesce(\(column.name), 0) + 1"
                case "BLOB": "zeroblob(32)"
                default: "coalesce(\(column.name), '') || 'x'"
                }
            try tamper(
                scratch,
                "UPDATE \(table) SET \(column.name) = \(change) WHERE rowid = (SELECT max(rowid) FROM \(table))")
            let catalog = try Catalog.open(at: scratch.path)
            let check = try catalog.check()
            #expect(check.damagedRows.map(\.table) == [table], "\(column.name): \(check)")
            try catalog.close()
            try master.write(to: URL(fileURLWithPath: scratch.path))
        }
    }

    @Test func aDamagedRowIsNotShownAsTrue() throws {
        let scratch = try filled()
        let id = try Sample.snapshot(of: Sample.run(3)).id
        try tamper(scratch, "UPDATE snapshot SET state = 'good', documents = 1000 WHERE id = '\(id)'")
        try tamper(scratch, "UPDATE run SET state = 'succeeded' WHERE state = 'failed'")
        try tamper(scratch, "UPDATE snapshot_namespace SET crc64 = '0000000000000000' WHERE snapshot = '\(id)'")
        let catalog = try Catalog.open(at: scratch.path)
        let error = failure { _ = try catalog.snapshot(matching: id) }
        #expect(error?.code == .catalogFailed)
        #expect(error?.message.contains("the row of snapshot '\(id)' is damaged: its digest does not match") == true)
        #expect(failure { _ = try catalog.snapshots() }?.code == .catalogFailed)
        #expect(failure { _ = try catalog.run(Sample.runID(6)) }?.code == .catalogFailed)
        #expect(failure { _ = try catalog.runs(job: "orders") }?.code == .catalogFailed)
        #expect(failure { _ = try catalog.namespaces(of: id) }?.code == .catalogFailed)
        #expect(try catalog.snapshot(matching: Sample.snapshot(of: Sample.run(2)).id).state == .good)
        let check = try catalog.check()
        #expect(check.damagedRows.count == 5 && check.damagedRows.contains { $0.key == id })
        // A new backup is not in the way of old damage.
        try catalog.backUp(7)
    }

    static let losses = [
        "DELETE FROM event WHERE id = 3", "DELETE FROM event WHERE id = (SELECT max(id) FROM event)",
        "DELETE FROM snapshot_namespace WHERE position = 1", "DELETE FROM repository",
        "DELETE FROM run WHERE state <> 'failed'",
        "DROP INDEX run_newest", "DROP TABLE event", "CREATE TABLE extra (x)",
        "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER mine AFTER INSERT ON run BEGIN DELETE FROM job; END",
        "UPDATE sqlite_sequence SET seq = seq + 1",
    ]

    @Test(arguments: losses) func whatIsGoneOrAddedIsNoticed(sql: String) throws {
        let scratch = try filled()
        if sql.hasPrefix("DROP TABLE") || sql.hasPrefix("CREATE") || sql.hasPrefix("DROP INDEX") {
            let raw = try scratch.raw()
            try raw.writeWithoutTransaction { try $0.execute(sql: sql) }
            try raw.close()
        } else {
            try tamper(scratch, sql)
        }
        let check = try Catalog.open(at: scratch.path).check()
        #expect(!check.problems.isEmpty, "\(check)")
    }

    @Test func aTriggerThatIsGoneIsNoticed() throws {
        let scratch = try filled()
        try scratch.raw().writeWithoutTransaction { try $0.execute(sql: "DROP TRIGGER run_keeps_its_end") }
        let check = try Catalog.open(at: scratch.path).check()
        #expect(check.problems.count == 1 && check.problems.first?.contains("run_keeps_its_end") == true)
    }

    @Test func aRowOfAnotherPlaceIsNoticed() throws {
        // The digest is good in itself, but it is that of another row.
        let scratch = try filled()
        try tamper(scratch, "UPDATE run SET digest = (SELECT digest FROM run WHERE id LIKE '%2') WHERE id LIKE '%1'")
        #expect(try Catalog.open(at: scratch.path).check().damagedRows.map(\.key) == [try Sample.runID(1).text])
    }

    @Test func noFlippedBitGoesUnnoticed() throws {
        let scratch = try filled()
        let truth = try contents(of: scratch.path)
        let master = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        let rounds = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_FLIPS"].flatMap { Int($0) } ?? 100
        var generator = SplitMix(state: 20_260_114)
        for _ in 0..<rounds {
            let bit = Int(generator.next() % UInt64(master.count * 8))
            var bytes = master
            bytes[bit / 8] ^= 1 << (bit % 8)
            let path = scratch.folder + "/flipped.sqlite"
            for name in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + name) }
            try bytes.write(to: URL(fileURLWithPath: path))
            // Either it is said, or nothing that anyone can see has changed.
            guard let catalog = try? Catalog.open(at: path) else { continue }
            let check = try? catalog.check()
            if check?.isSound == true {
                #expect(try contents(of: path) == truth, "bit \(bit)")
            }
            try? catalog.close()
        }
    }

    private func contents(of path: String) throws -> [String] {
        let catalog = try Catalog.open(at: path)
        defer { try? catalog.close() }
        let snapshots = try catalog.snapshots()
        let namespaces = try snapshots.flatMap { try catalog.namespaces(of: $0.id) }
        return try [
            "\(catalog.jobs())", "\(catalog.repositories())", "\(catalog.runs())", "\(snapshots)", "\(namespaces)",
            "\(catalog.events())",
        ]
    }
}

/// The same numbers in every run (https://prng.di.unimi.it/splitmix64.c).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
