package import BackupModel
package import Foundation
import GRDB

extension Catalog {
    /// The last reading; nil before the first one.
    package func clockReading() throws -> ClockReading? { try read { try $0.clockReading() } }

    /// Enters what the clocks show now and gives it with the last jump. A jump is an event.
    @discardableResult
    package func readClock(bootID: String, uptime: TimeInterval, _ act: Act) throws -> ClockReading {
        try write { database in
            let before = try database.clockReading()
            let reading =
                before?.next(time: act.time, bootID: bootID, uptime: uptime)
                ?? ClockReading(time: act.time, bootID: bootID, uptime: uptime)
            try database.replace(reading)
            if let before, reading.jumpedAt != nil, reading.jumpedAt != before.jumpedAt {
                try database.record(
                    .clockJumped, EventSubject(), detail: "after \(Timestamp.rfc3339(before.time))", act)
            }
            return reading
        }
    }

    /// Says that a person found the clock to be right.
    package func acceptClock(_ act: Act) throws {
        try write { database in
            guard var reading = try database.clockReading(), reading.jumpedAt != nil else { return }
            reading.jumpedAt = nil
            try database.replace(reading)
            try database.record(.clockAccepted, EventSubject(), act)
        }
    }
}

extension Database {
    fileprivate func clockReading() throws -> ClockReading? {
        try Row.fetchOne(self, sql: "SELECT * FROM clock_reading")
            .map { try ClockReading(CatalogRow(.clockReading, reading: $0)) }
    }

    fileprivate func replace(_ reading: ClockReading) throws {
        try execute(
            sql: """
                INSERT INTO clock_reading (id, at, boot, uptime, jumped_at, digest)
                VALUES (:id, :at, :boot, :uptime, :jumped_at, :digest)
                ON CONFLICT (id) DO UPDATE
                SET at = excluded.at, boot = excluded.boot, uptime = excluded.uptime, jumped_at = excluded.jumped_at,
                    digest = excluded.digest
                """,
            arguments: reading.row.arguments())
    }
}

extension ClockReading {
    init(_ row: CatalogRow) throws {
        self.init(
            time: try row.time("at"), bootID: try row.text("boot"),
            uptime: Double(try row.integer("uptime")) / 1000, jumpedAt: try row.optionalTime("jumped_at"))
    }

    var row: CatalogRow {
        let milliseconds = (uptime * 1000).rounded()
        return CatalogRow(
            .clockReading,
            [
                "id": 1, "at": time.catalogMilliseconds, "boot": bootID,
                "uptime": Int64(exactly: max(0, milliseconds)) ?? .max, "jumped_at": jumpedAt?.catalogMilliseconds,
            ])
    }
}
