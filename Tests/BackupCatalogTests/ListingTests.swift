import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

/// Listings in parts: every row once, in the order of the whole listing.
struct ListingTests {
    /// Runs of two jobs; some of them queued in the same millisecond, told apart by their ids.
    private func history(_ catalog: Catalog, count: Int) throws {
        for number in 0..<count {
            let isOrders = !number.isMultiple(of: 3)
            var run = try Sample.run(number, job: isOrders ? "orders" : "users")
            run.queuedAt = Sample.start + TimeInterval(number / 4)
            run.state = .skipped
            run.error = BackupError(.skipped, "skipped")
            try catalog.record(run, Sample.act(TimeInterval(number)))
        }
    }

    @Test(arguments: [nil, "orders", "users", "nobody"])
    func thePartsAreTheWhole(job: String?) throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let catalog = try scratch.catalog()
        try history(catalog, count: 47)
        for size in [1, 2, 5, 16, 47, 48, 1000] {
            for limit in [nil, 1, 2, 15, 16, 17, 46, 47, 48, Int.max] {
                let whole = try catalog.runs(job: job, limit: limit)
                let all = try catalog.runs(job: job).count
                let listing = try catalog.runPages(job: job, limit: limit, size: size)
                let parts = try listing.pages.map { try catalog.runs(in: $0) }
                #expect(parts.flatMap { $0 } == whole)
                #expect(parts.allSatisfy { !$0.isEmpty && $0.count <= size })
                #expect(listing.hasMore == (whole.count < all))
            }
        }
    }

    @Test func snapshotsToo() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let catalog = try scratch.catalog()
        try catalog.insert(Sample.job("users"), Sample.act())
        for number in 0..<11 { try catalog.backUp(number, job: number.isMultiple(of: 2) ? "orders" : "users") }
        for job in [nil, "orders", "users"] {
            for limit in [nil, 3, 11, 12] {
                let whole = try catalog.snapshots(job: job, limit: limit)
                let listing = try catalog.snapshotPages(job: job, limit: limit, size: 3)
                #expect(try listing.pages.flatMap { try catalog.snapshots(in: $0) } == whole)
                #expect(try listing.hasMore == (whole.count < catalog.snapshots(job: job).count))
            }
        }
    }

    /// What comes while a listing is read is newer than all of it; what goes is left out.
    @Test func aListingHoldsStillWhileOthersWrite() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try history(catalog, count: 20)
        let before = try catalog.runs()
        let listing = try catalog.runPages(size: 6)
        var late = try Sample.run(500)
        late.state = .skipped
        late.error = BackupError(.skipped, "skipped")
        try catalog.record(late, Sample.act(500))
        #expect(try listing.pages.flatMap { try catalog.runs(in: $0) } == before)
        #expect(try catalog.runs().count == 21)
    }

    /// A part is checked as the whole is: a row that is not as it was written is never shown.
    @Test func aDamagedRowIsRefusedInItsPart() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try history(catalog, count: 9)
        let damaged = try Sample.runID(4).text
        try scratch.raw().write { database in
            try database.execute(sql: "DROP TRIGGER run_keeps_its_end")
            try database.execute(sql: "UPDATE run SET documents = 1 WHERE id = ?", arguments: [damaged])
        }
        let parts = try catalog.runPages(size: 1).pages
        let failures = parts.map { page in failure { _ = try catalog.runs(in: page) } }
        #expect(failures.count { $0?.code == .catalogFailed } == 1)
        #expect(failures.contains { $0?.message.contains(damaged) == true })
    }

    @Test func deletionsThatWereBegunAreFound() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let catalog = try scratch.catalog()
        let snapshots = try (0..<4).map { try catalog.backUp($0) }
        #expect(try catalog.deletingSnapshots().isEmpty)
        for index in [0, 2] {
            try catalog.beginDeleting(snapshot: snapshots[index].id, sparing: .none, reason: "test", Sample.act(10))
        }
        #expect(try catalog.deletingSnapshots().map(\.id) == [snapshots[2].id, snapshots[0].id])
        #expect(try catalog.hasSnapshot(snapshots[0].id) && !catalog.hasSnapshot("orders"))
        #expect(try catalog.hasRun(snapshots[0].run) && !catalog.hasRun(Sample.runID(77)))
    }
}
