package import BackupModel
import Foundation
import GRDB

/// A part of a listing, newest first: all rows from one to another.
///
/// For who shows a million rows and neither holds them all nor reads them on one thread. Each part is read as it is at
/// its moment: a row that goes meanwhile is not in it, and what is newer than the first part is in none.
package struct ListingPage: Hashable, Sendable {
    fileprivate var job: String?
    fileprivate var newest: Place
    fileprivate var oldest: Place

    fileprivate struct Place: Hashable, Sendable {
        var time: Int64
        var id: String
    }

    fileprivate var arguments: StatementArguments {
        let places: StatementArguments = [
            "newest": newest.time, "newest_id": newest.id, "oldest": oldest.time, "oldest_id": oldest.id,
        ]
        return job.map { places &+ ["job": $0] } ?? places
    }
}

/// The parts of a listing, and whether its limit leaves older rows out.
package struct ListingPages: Hashable, Sendable {
    package var pages: [ListingPage] = []
    package var hasMore = false
}

extension Catalog {
    /// The runs of one job or of all, `limit` of them or all, in parts of at most `size`.
    package func runPages(job: String? = nil, limit: Int? = nil, size: Int = 500) throws -> ListingPages {
        let sql =
            job == nil
            ? "SELECT queued_at, id FROM run ORDER BY queued_at DESC, id DESC LIMIT :limit"
            : "SELECT queued_at, id FROM run WHERE job = :job ORDER BY queued_at DESC, id DESC LIMIT :limit"
        return try read { try $0.pages(sql, job: job, limit: limit, size: size) }
    }

    package func runs(in page: ListingPage) throws -> [Run] {
        try read { database in
            try database.rows(
                of: .run,
                """
                SELECT * FROM run
                WHERE \(page.job == nil ? "" : "job = :job AND")
                    (queued_at, id) BETWEEN (:oldest, :oldest_id) AND (:newest, :newest_id)
                ORDER BY queued_at DESC, id DESC
                """, arguments: page.arguments, Run.init)
        }
    }

    /// The snapshots of one job or of all, `limit` of them or all, in parts of at most `size`.
    package func snapshotPages(job: String? = nil, limit: Int? = nil, size: Int = 500) throws -> ListingPages {
        let sql =
            job == nil
            ? "SELECT created_at, id FROM snapshot ORDER BY created_at DESC, id DESC LIMIT :limit"
            : "SELECT created_at, id FROM snapshot WHERE job = :job ORDER BY created_at DESC, id DESC LIMIT :limit"
        return try read { try $0.pages(sql, job: job, limit: limit, size: size) }
    }

    package func snapshots(in page: ListingPage) throws -> [Snapshot] {
        try read { database in
            try database.rows(
                of: .snapshot,
                """
                SELECT * FROM snapshot
                WHERE \(page.job == nil ? "" : "job = :job AND")
                    (created_at, id) BETWEEN (:oldest, :oldest_id) AND (:newest, :newest_id)
                ORDER BY created_at DESC, id DESC
                """, arguments: page.arguments, Snapshot.init)
        }
    }
}

extension Database {
    /// `sql` gives the time and the id of each row, from an index alone.
    fileprivate func pages(_ sql: String, job: String?, limit: Int?, size: Int) throws -> ListingPages {
        let statement = try makeStatement(sql: sql)
        // One more than is shown tells whether there are more.
        let limited = limit.map { $0 == .max ? $0 : $0 + 1 } ?? -1
        var arguments: StatementArguments = ["limit": limited]
        if let job { arguments = arguments &+ ["job": job] }
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        var result = ListingPages()
        var count = 0
        while let row = try rows.next() {
            if count == limit {
                result.hasMore = true
                break
            }
            guard let time: Int64 = row[0], let id: String = row[1] else {
                throw BackupError(
                    .catalogFailed, "cannot list: a row without its time", hint: CatalogFailure.damageHint)
            }
            let place = ListingPage.Place(time: time, id: id)
            if count.isMultiple(of: max(1, size)) {
                result.pages.append(ListingPage(job: job, newest: place, oldest: place))
            } else {
                result.pages[result.pages.count - 1].oldest = place
            }
            count += 1
        }
        return result
    }
}
