import BackupModel
package import Foundation
import GRDB

/// Jobs, runs and snapshots in SQLite: where command line and daemon meet.
///
/// What a mutation returned from is on disk, together with its event. Several processes may use one catalog at once;
/// readers never wait for writers. Rows carry a digest and are checked as they are read. The time and who acts are
/// always parameters. Not for use from within Swift's cooperative thread pool: calls block.
package final class Catalog: Sendable {
    /// Absolute.
    package let path: String
    let pool: DatabasePool
    /// The file that was opened.
    let opened: CatalogFile.Identity?

    init(path: String, pool: DatabasePool) {
        self.path = path
        self.pool = pool
        opened = try? CatalogFile(path: path).identity()
    }

    /// Opens the catalog in this file, or makes it; its folder must be there.
    package static func open(at path: String) throws -> Catalog {
        try CatalogOpening(path: path).open()
    }

    /// Closes all connections; nothing can be done with the catalog after that. The last process to close it leaves
    /// one file without `-wal` and `-shm`.
    package func close() throws {
        try reporting("close") {
            // The connection that closes last writes the WAL back and removes it; a reader could not.
            pool.invalidateReadOnlyConnections()
            try pool.close()
        }
    }
}

extension Catalog {
    /// One consistent view, which waits for no writer.
    func read<T>(_ body: (Database) throws -> T) throws -> T {
        try reporting("read") { try pool.read(body) }
    }

    /// One transaction, immediate from its start: what `body` reads cannot change before it writes.
    func write<T>(_ body: (Database) throws -> T) throws -> T {
        try reporting("write") {
            try pool.writeWithoutTransaction { database in
                var result: T?
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    return .commit
                }
                guard let result else { throw BackupError(.catalogFailed, "cannot write catalog '\(path)'") }
                return result
            }
        }
    }

    private func reporting<T>(_ verb: String, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw CatalogFailure.describe(error, verb: verb, path: path)
        }
    }
}

/// Who does something to the catalog, and when: what the event of a mutation says.
package struct Act: Hashable, Sendable {
    /// A user's name and number, or a part of the daemon; never empty.
    package var actor: String
    package var time: Date

    package init(by actor: String, at time: Date) {
        self.actor = actor
        self.time = time
    }
}
