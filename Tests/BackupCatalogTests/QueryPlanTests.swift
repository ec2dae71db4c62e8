import BackupModel
import Foundation
import GRDB
import Synchronization
import Testing

@testable import BackupCatalog

/// What commands and the daemon ask of a catalog goes through indexes: a history of a million runs is not read for it.
struct QueryPlanTests {
    /// Every statement that the catalog's connections run.
    private final class Statements: Sendable {
        private let texts = Mutex<[String]>([])

        func add(_ text: String) { texts.withLock { $0.append(text) } }

        func take() -> [String] {
            texts.withLock { all in
                defer { all = [] }
                return all
            }
        }
    }

    private func traced(_ path: String, _ statements: Statements) throws -> Catalog {
        var configuration = CatalogOpening(path: path).configuration(readOnly: false)
        configuration.prepareDatabase { database in
            database.trace { event in
                if case .statement(let statement) = event { statements.add(statement.sql) }
            }
        }
        return Catalog(path: path, pool: try DatabasePool(path: path, configuration: configuration))
    }

    /// The steps in which a statement walks over all of a table that grows with the years.
    private func scans(_ sql: String, _ database: Database) throws -> [String] {
        let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN " + sql)
        // The plan is made without the values.
        statement.setUncheckedArguments(StatementArguments())
        let steps = try Row.fetchAll(statement).map { row -> String in
            row["detail"] ?? ""
        }
        let sorts = steps.contains { $0.contains("TEMP B-TREE FOR ORDER BY") }
        return steps.filter { step in
            guard
                ["run", "snapshot", "snapshot_namespace", "event", "old", "later"].contains(where: {
                    step.hasPrefix("SCAN \($0)") && (step + " ").hasPrefix("SCAN \($0) ")
                })
            else { return false }
            // These hold what goes on at this moment, however long the history.
            if step.hasSuffix("run_active") || step.hasSuffix("snapshot_deleting") { return false }
            // In the index's own order, and its limit ends it.
            return sorts || !sql.contains("LIMIT") || !step.contains("USING")
        }
    }

    private func check(
        _ name: String, on catalog: Catalog, _ statements: Statements, _ body: (Catalog) throws -> Void
    ) throws {
        _ = statements.take()
        try body(catalog)
        let asked = statements.take().filter { text in
            ["SELECT", "UPDATE", "DELETE"].contains { text.hasPrefix($0) }
        }
        #expect(!asked.isEmpty, "\(name): nothing was heard")
        try catalog.read { database in
            for sql in Set(asked) {
                let found = try scans(sql, database)
                #expect(found.isEmpty, "\(name): \(found) in \(sql)")
            }
        }
    }

    @Test func nothingThatIsAskedOftenReadsTheHistory() throws {
        let scratch = try Scratch()
        let first = try scratch.catalog()
        for number in 0..<5 { try first.backUp(number) }
        try first.close()
        let statements = Statements()
        let catalog = try traced(scratch.path, statements)
        let now = Sample.start + 100
        let queued = try Sample.runID(900)
        let questions: [(String, (Catalog) throws -> Void)] = [
            ("start of a command", { _ = try ($0.repository(named: "default"), $0.activeRuns()) }),
            (
                "status",
                { catalog in
                    for range in try catalog.jobRanges(ofAbout: 10) { _ = try catalog.jobRecords(in: range, now: now) }
                }
            ),
            (
                "history",
                { catalog in
                    for page in try catalog.runPages(limit: 50).pages { _ = try catalog.runs(in: page) }
                    for page in try catalog.runPages(job: "orders", limit: 50).pages { _ = try catalog.runs(in: page) }
                }
            ),
            (
                "list",
                { catalog in
                    for page in try catalog.snapshotPages(limit: 50).pages { _ = try catalog.snapshots(in: page) }
                    for page in try catalog.snapshotPages(job: "orders", limit: 50).pages {
                        _ = try catalog.snapshots(in: page)
                    }
                }
            ),
            (
                "names",
                { catalog in
                    _ = try catalog.newestGoodSnapshot(of: "orders", atOrBefore: now)
                    _ = try catalog.runs(job: "orders", limit: 20)
                    let newest = try #require(catalog.runs(limit: 1).first)
                    _ = try (catalog.run(matching: newest.id.text), catalog.hasRun(newest.id))
                    _ = try (catalog.snapshot(matching: "orders-\(newest.id)"), catalog.hasSnapshot("orders"))
                    _ = try catalog.namespaces(of: "orders-\(newest.id)")
                }
            ),
            (
                "daemon",
                { catalog in
                    _ = try (catalog.lastEvent(), catalog.changes(since: 3), catalog.activeRuns())
                    _ = try catalog.latestInstants(of: ["orders"], now: now)
                    _ = try catalog.record(
                        instants: [InstantRow(job: "orders", instant: now, state: .queued)], owner: Sample.owner,
                        makeID: { queued }, Sample.act(100))
                    _ = try catalog.requestCancel(queued, Sample.act(101))
                }
            ),
            ("recovery", { _ = try ($0.deletingSnapshots(), $0.runs(limit: 50)) }),
            ("run", { _ = try $0.backUp(20) }),
            (
                "retention",
                { catalog in
                    _ = try (catalog.attempts(of: "orders"), catalog.snapshots(job: "orders"), catalog.readers())
                    let oldest = try #require(catalog.snapshots(job: "orders").last)
                    try catalog.beginDeleting(snapshot: oldest.id, sparing: .newest, reason: "test", Sample.act(200))
                    try catalog.finishDeleting(snapshot: oldest.id, Sample.act(201))
                }
            ),
            (
                "old history",
                { catalog in
                    _ = try catalog.oldHistory(before: now)
                    #expect(try catalog.pruneHistory(before: now + 1000, Sample.act(2000)).count == 1)
                }
            ),
        ]
        for (name, body) in questions { try check(name, on: catalog, statements, body) }
        #expect(try catalog.check().isSound)
    }

    /// The test above hears what it must hear: questions that do read all.
    @Test(arguments: [
        "SELECT * FROM run WHERE warnings = '[]'", "SELECT count(*) FROM run",
        "SELECT * FROM run ORDER BY started_at DESC LIMIT 1", "SELECT * FROM snapshot WHERE state = 'damaged'",
        "SELECT id FROM run AS old WHERE state NOT IN ('queued', 'running')",
    ])
    func aScanIsSeen(_ sql: String) throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let catalog = try scratch.catalog()
        #expect(try catalog.read { try scans(sql, $0) }.count == 1)
    }
}
