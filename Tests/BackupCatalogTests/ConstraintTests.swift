import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

/// What the schema itself refuses, whoever writes: statements over a plain connection.
struct ConstraintTests {
    private func prepared() throws -> (Scratch, DatabaseQueue) {
        let scratch = try Scratch()
        try Self.master.get().write(to: URL(fileURLWithPath: scratch.path))
        return (scratch, try scratch.raw())
    }

    /// The file of a catalog with a succeeded, a failed, a queued and a running run, and two snapshots.
    private static let master = Result<Data, any Error> {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try catalog.backUp(1)
        let deleting = try catalog.backUp(2)
        try catalog.beginDeleting(snapshot: deleting.id, sparing: .lastGood, reason: "test", Sample.act())
        var failed = try catalog.start(Sample.run(3), owner: Sample.owner, Sample.act())
        failed.state = .failed
        failed.error = BackupError(.failed, "x")
        try catalog.finish(failed, Sample.act())
        try catalog.record(Sample.run(4), Sample.act())
        var scheduled = try Sample.run(5)
        scheduled.trigger = .schedule
        scheduled.scheduledFor = Sample.start
        _ = try catalog.start(scheduled, owner: Sample.owner, Sample.act())
        let restore = try Sample.run(6, kind: .restore)
        _ = try catalog.start(restore, owner: Sample.owner, Sample.act())
        try catalog.close()
        return try Data(contentsOf: URL(fileURLWithPath: scratch.path))
    }

    private static let run = "20260114T020000Z-000"
    private static let snapshot = "orders-20260114T020000Z-0001"

    static let updates = [
        // Ends are final.
        "UPDATE run SET state = 'failed' WHERE id = '\(run)1'",
        "UPDATE run SET state = 'succeeded', error_code = NULL, error_message = NULL WHERE id = '\(run)3'",
        "UPDATE run SET documents = documents + 1 WHERE id = '\(run)3'",
        "UPDATE run SET finished_at = NULL, state = 'running' WHERE id = '\(run)3'",
        // Identity is fixed.
        "UPDATE run SET id = '\(run)9' WHERE id = '\(run)5'", "UPDATE run SET job = 'other' WHERE id = '\(run)5'",
        "UPDATE run SET kind = 'restore' WHERE id = '\(run)5'", "UPDATE run SET attempt = 2 WHERE id = '\(run)5'",
        "UPDATE run SET scheduled_for = 1 WHERE id = '\(run)5'", "UPDATE run SET queued_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET trigger = 'api' WHERE id = '\(run)5'",
        // States and what belongs to them.
        "UPDATE run SET state = 'done' WHERE id = '\(run)5'", "UPDATE run SET state = 'queued' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'cancelled' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'failed', finished_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET finished_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET state = 'running', started_at = 1, heartbeat_at = 1 WHERE id = '\(run)4'",
        "UPDATE run SET owner_process = NULL, owner_boot = NULL, owner_start_ticks = NULL WHERE id = '\(run)5'",
        "UPDATE run SET owner_process = 1 WHERE id = '\(run)5'", "UPDATE run SET owner_boot = 'b' WHERE id = '\(run)5'",
        "UPDATE run SET owner_start_ticks = 2 WHERE id = '\(run)5'",
        "UPDATE run SET started_at = 2 WHERE id = '\(run)5'", "UPDATE run SET heartbeat_at = NULL WHERE id = '\(run)5'",
        "UPDATE run SET owner_boot = 'b' WHERE id = '\(run)4'", "UPDATE run SET started_at = 1 WHERE id = '\(run)4'",
        "UPDATE run SET engine_name = 'e' WHERE id = '\(run)5'",
        "UPDATE run SET error_code = 'failed', error_message = 'x' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'failed', finished_at = 1, error_code = 'failed' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'cancelled', finished_at = 1, error_hint = 'x' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'missed', finished_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET state = 'partial', finished_at = 1 WHERE id = '\(run)4'",
        "UPDATE run SET state = 'done', finished_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET owner_process = 1, owner_boot = 'b' WHERE id = '\(run)4'",
        "UPDATE run SET owner_process = 1, owner_start_ticks = 1 WHERE id = '\(run)4'",
        "UPDATE run SET owner_process = 0, owner_start_ticks = 1, owner_boot = 'b' WHERE id = '\(run)4'",
        "UPDATE run SET owner_process = 1, owner_start_ticks = 1, owner_boot = '' WHERE id = '\(run)4'",
        "UPDATE run SET engine_name = '', engine_version = '' WHERE id = '\(run)5'",
        "UPDATE run SET snapshot = '' WHERE id = '\(run)6'",
        "UPDATE run SET state = 'cancelled', finished_at = -1 WHERE id = '\(run)5'",
        "UPDATE run SET state = 'cancelled', finished_at = 1, started_at = -1 WHERE id = '\(run)4'",
        "UPDATE run SET state = 'cancelled', finished_at = 1, error_code = '', error_message = '' WHERE id = '\(run)5'",
        // Success is what was proved.
        "UPDATE run SET state = 'succeeded', finished_at = 1 WHERE id = '\(run)5'",
        "UPDATE run SET state = 'succeeded', finished_at = 1, snapshot = 'none' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'succeeded', finished_at = 1, snapshot = '\(snapshot)' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'failed', finished_at = 1, error_code = 'failed', error_message = 'x', "
            + "snapshot = '\(snapshot)' WHERE id = '\(run)5'",
        "UPDATE run SET state = 'succeeded', finished_at = 1, failed_documents = 1 WHERE id = '\(run)6'",
        "UPDATE run SET state = 'succeeded', finished_at = 1, error_code = 'failed', error_message = '' "
            + "WHERE id = '\(run)6'",
        // Numbers and lists.
        "UPDATE run SET documents = -1 WHERE id = '\(run)5'",
        "UPDATE run SET failed_documents = -1 WHERE id = '\(run)5'",
        "UPDATE run SET namespaces = -1 WHERE id = '\(run)5'",
        "UPDATE run SET uncompressed_bytes = -1 WHERE id = '\(run)5'",
        "UPDATE run SET stored_bytes = -1 WHERE id = '\(run)5'",
        "UPDATE run SET stored_bytes = 'x' WHERE id = '\(run)5'",
        "UPDATE run SET warnings = '{}' WHERE id = '\(run)5'", "UPDATE run SET warnings = 'x' WHERE id = '\(run)5'",
        "UPDATE run SET heartbeat_at = -1 WHERE id = '\(run)5'", "UPDATE run SET digest = x'00' WHERE id = '\(run)5'",
        // Snapshots.
        "UPDATE snapshot SET sha256 = manifest_sha256 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET manifest_sha256 = sha256 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET stored_bytes = 1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET uncompressed_bytes = 1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET documents = 1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET namespace_count = 1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET file = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET job = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET run = '\(run)3' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET created_at = 1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET repository = 'default' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET consistency = 'snapshot' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET engine_version = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET id = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET engine_name = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET server_version = 'x' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET state = 'fine' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET state = 'deleting', pin_reason = 'p' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET verified_at = -1 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET state = 'good' WHERE state = 'deleting'",
        "DELETE FROM snapshot WHERE id = '\(snapshot)'",
        "DELETE FROM snapshot_namespace WHERE snapshot = '\(snapshot)'",
        "UPDATE snapshot_namespace SET documents = 5", "DELETE FROM run", "DELETE FROM run WHERE id = '\(run)3'",
        // Of a newest attempt, of one that explains a snapshot, and without an event that says so.
        "INSERT INTO event (at, actor, action, detail, digest) VALUES (1, 'a', 'history-pruned', "
            + "'before 2027-01-01T00:00:00Z', zeroblob(32)); DELETE FROM run WHERE id = '\(run)1'",
        "INSERT INTO event (at, actor, action, detail, digest) VALUES (1, 'a', 'history-pruned', "
            + "'before 2027-01-01T00:00:00Z', zeroblob(32)); DELETE FROM run WHERE id = '\(run)5'",
        "UPDATE job SET retention = ''", "UPDATE job SET retention = '[]'", "UPDATE job SET time_zone = ''",
        "UPDATE snapshot SET pin_until = 5 WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET pin_until = -1, pin_reason = 'p' WHERE id = '\(snapshot)'",
        "UPDATE snapshot SET size_accepted_at = -1 WHERE id = '\(snapshot)'",
        "INSERT INTO clock_reading VALUES (2, 1, 'b', 1, NULL, zeroblob(32))",
        "INSERT INTO clock_reading VALUES (1, 1, '', 1, NULL, zeroblob(32))",
        "INSERT INTO clock_reading VALUES (1, -1, 'b', 1, NULL, zeroblob(32))",
        "DELETE FROM event", "UPDATE event SET actor = 'mallory'", "UPDATE event SET at = at + 1 WHERE id = 1",
        "DELETE FROM repository", "DELETE FROM repository WHERE name = 'default'",
        // Jobs.
        "UPDATE job SET name = 'Upper'", "UPDATE job SET name = ''", "UPDATE job SET name = '.hidden'",
        "UPDATE job SET name = 'a/b'", "UPDATE job SET connection_kind = 'secret'", "UPDATE job SET connection = ''",
        "UPDATE job SET scope_collection = 'c'", "UPDATE job SET scope_database = ''",
        "UPDATE job SET include_patterns = '\"a\"'", "UPDATE job SET exclude_patterns = 'x'",
        "UPDATE job SET with_users = 2", "UPDATE job SET allow_empty = -1", "UPDATE job SET timeout_seconds = 0",
        "UPDATE job SET stall_timeout_seconds = 0", "UPDATE job SET repository = 'none'", "UPDATE job SET engine = ''",
        "UPDATE repository SET name = 'none'", "UPDATE repository SET location = ''",
        "UPDATE repository SET repository_id = ''", "UPDATE repository SET kind = 'A'",
        "UPDATE job SET digest = x'00'", "UPDATE repository SET digest = x'00'", "UPDATE job SET created_at = -1",
        "UPDATE job SET updated_at = -1", "UPDATE job SET paused_at = -1", "UPDATE repository SET created_at = -1",
        "UPDATE repository SET updated_at = -1", "UPDATE job SET scope_database = 'd', scope_collection = ''",
        "UPDATE snapshot SET digest = x'00' WHERE id = '\(snapshot)'",
        "UPDATE job SET name = '\(String(repeating: "a", count: 65))'",
    ]

    @Test(arguments: updates) func aWrongChangeFails(sql: String) throws {
        let (_, raw) = try prepared()
        let error = #expect(throws: DatabaseError.self) { try raw.write { try $0.execute(sql: sql) } }
        #expect(error?.resultCode == .SQLITE_CONSTRAINT, "\(String(describing: error))")
    }

    /// A column and its values, of a row copied from one that is right.
    static let copies: [(table: String, source: String, columns: [String: String])] = [
        ("run", "\(run)5", [:]),
        ("run", "\(run)5", ["id": "'\(run)7'"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "scheduled_for": "2"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "scheduled_for": "NULL"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "NULL"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "''"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "attempt": "0"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "kind": "'dump'"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "trigger": "'cron'"]),
        ("run", "\(run)5", ["id": "'\(run)77'", "job": "'new'"]),
        ("run", "\(run)5", ["id": "'../../etc/passwd.tar.g'", "job": "'new'"]),
        ("run", "\(run)5", ["id": "'20260114T020000Z-K3F9'", "job": "'new'"]),
        ("run", "\(run)1", ["id": "'\(run)7'"]),
        ("run", "\(run)1", ["id": "'\(run)7'", "snapshot": "NULL"]),
        ("run", "\(run)1", ["id": "'\(run)7'", "snapshot": "'none'"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "queued_at": "-1"]),
        ("run", "\(run)5", ["id": "'\(run)7'", "job": "'new'", "scheduled_for": "-1"]),
        ("snapshot", snapshot, ["id": "'s7'"]),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)3'", "namespace_count": "0"]),
        ("snapshot", snapshot, ["id": "'s7'", "file": "'f'", "namespace_count": "0"]),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)9'", "file": "'f'", "namespace_count": "0"]),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)3'", "file": "'f'"]),
        ("snapshot", snapshot, ["id": "'s/7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0"]),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)3'", "file": "''", "namespace_count": "0"]),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "sha256": "'0A'"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "sha256": "upper(sha256)"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "manifest_sha256": "NULL"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "stored_bytes": "0"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "documents": "-1"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "repository": "'none'"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "consistency": "'strong'"]
        ),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "job": "''"]),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "created_at": "-1"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "engine_name": "''"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "uncompressed_bytes": "0"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "manifest_sha256": "'00'"]
        ),
        (
            "snapshot", snapshot,
            ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "0", "verified_at": "-1"]
        ),
        ("snapshot", snapshot, ["id": "'s7'", "run": "'\(run)3'", "file": "'f'", "namespace_count": "-1"]),
        ("snapshot_namespace", snapshot, ["position": "9", "collection": "'new'"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "crc64": "'FF'"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "type": "'table'"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "collection": "''"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "documents": "-1"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "bytes": "-1"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "indexes": "-1"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "position": "-1"]),
        ("snapshot_namespace", snapshot, ["snapshot": "'none'", "digest": "x'00'"]),
        ("event", "1", ["id": "NULL", "at": "-1"]), ("event", "1", ["id": "NULL", "digest": "x'00'"]),
        ("repository", "default", ["name": "'Bad'", "repository_id": "'r-9'"]),
        ("repository", "default", ["name": "'-bad'", "repository_id": "'r-9'"]),
        ("event", "1", [:]), ("event", "1", ["id": "NULL", "actor": "''"]),
        ("event", "1", ["id": "NULL", "action": "'A B'"]),
        ("event", "1", ["id": "NULL", "digest": "'x'"]), ("repository", "default", ["name": "'other'"]),
        ("repository", "default", ["name": "'other'", "repository_id": "NULL"]), ("job", "orders", [:]),
    ]

    @Test(arguments: copies.indices, ["INSERT", "INSERT OR REPLACE"])
    func aWrongRowFails(index: Int, verb: String) throws {
        let (_, raw) = try prepared()
        let (table, source, columns) = Self.copies[index]
        // A job may be replaced: it is no history.
        guard table != "job" || verb == "INSERT" else { return }
        let key = ["snapshot_namespace": "snapshot", "job": "name", "repository": "name"][table] ?? "id"
        if table == "snapshot_namespace" && columns.count > 1 {
            // Not for the snapshot that is not there.
            try raw.writeWithoutTransaction { try $0.execute(sql: "PRAGMA foreign_keys = OFF") }
        }
        let error = #expect(throws: DatabaseError.self) {
            try raw.write { database in
                let names = try database.columns(in: table).map(\.name)
                let values = names.map { columns[$0] ?? $0 }.joined(separator: ", ")
                try database.execute(
                    sql: "\(verb) INTO \(table) (\(names.joined(separator: ", "))) SELECT \(values) FROM \(table) "
                        + "WHERE \(key) = '\(source)' LIMIT 1")
            }
        }
        #expect(error?.resultCode == .SQLITE_CONSTRAINT, "\(String(describing: error))")
    }

    @Test func theRowsThatTheTableStartsFromAreRight() throws {
        let (_, raw) = try prepared()
        try raw.write { database in
            for table in ["run", "snapshot", "snapshot_namespace", "event"] {
                #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0 > 0)
            }
            try database.execute(sql: "UPDATE run SET documents = 5 WHERE id = '\(Self.run)5'")
            try database.execute(sql: "UPDATE run SET state = 'cancelled', finished_at = 1 WHERE id = '\(Self.run)5'")
            try database.execute(sql: "UPDATE snapshot SET state = 'damaged' WHERE id = '\(Self.snapshot)'")
            try database.execute(sql: "DELETE FROM snapshot WHERE state = 'deleting'")
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM snapshot_namespace") == 2)
        }
    }

    @Test func aReplacingUpdateDoesNotRemoveARun() throws {
        let (_, raw) = try prepared()
        #expect(throws: DatabaseError.self) {
            try raw.write {
                try $0.execute(
                    sql: """
                        UPDATE OR REPLACE run SET state = 'running', started_at = 1, heartbeat_at = 1, owner_process = 1,
                            owner_boot = 'b', owner_start_ticks = 1
                        WHERE id = '\(Self.run)4'
                        """)
            }
        }
    }
}
