import BackupModel
package import Foundation
import GRDB

extension Catalog {
    /// Proves that the catalog can be read, and that it could be written now. Says why not after a wait of `patience`
    /// seconds at most. Changes nothing.
    ///
    /// It has a connection of its own: who works with the catalog does not wait for this, and what the others have read
    /// before counts for nothing. That the disk has room for a next change only the change itself can prove.
    package func probe(patience: TimeInterval) throws {
        do {
            guard let opened, try CatalogFile(path: path).identity() == opened else {
                throw BackupError(
                    .catalogFailed,
                    "cannot use catalog '\(path.escapedForDisplay)': since it was opened its file was removed or replaced",
                    hint: "stop what works with it, and put the file back before it is started again.")
            }
            let queue = try DatabaseQueue(
                path: path, configuration: CatalogOpening(path: path, patience: patience).configuration(readOnly: false)
            )
            defer { try? queue.close() }
            try queue.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for table in ["job", "run", "snapshot", "event"] {
                        _ = try Row.fetchOne(database, sql: "SELECT * FROM \(table) ORDER BY rowid DESC LIMIT 1")
                    }
                    return .rollback
                }
            }
        } catch {
            throw CatalogFailure.describe(error, verb: "use", path: path)
        }
    }
}
