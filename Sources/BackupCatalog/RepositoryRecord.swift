import BackupModel
package import Foundation
import GRDB

/// Where a repository of this name is, and which one it is: the id in its marker.
package struct RepositoryRecord: Hashable, Sendable {
    package var name: String
    /// `directory`.
    package var kind: String
    /// Absolute path of a directory.
    package var location: String
    package var id: String
    package var createdAt: Date
    package var updatedAt: Date

    package init(
        name: String, kind: String = "directory", location: String, id: String, createdAt: Date, updatedAt: Date
    ) {
        self.name = name
        self.kind = kind
        self.location = location
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

extension Catalog {
    package func repositories() throws -> [RepositoryRecord] {
        try read { database in
            try Array(
                Row.fetchCursor(database, sql: "SELECT * FROM repository ORDER BY name")
                    .map { try RepositoryRecord(CatalogRow(.repository, reading: $0)) })
        }
    }

    /// The repository of this name; nil when there is none.
    package func repository(named name: String) throws -> RepositoryRecord? {
        try read { try $0.repository(named: name) }
    }

    /// Adds a repository. Refuses a name that is taken, and a repository that is there under another name.
    package func insert(_ repository: RepositoryRecord, _ act: Act) throws {
        try write { database in
            let name = repository.name.escapedForDisplay
            guard try database.repository(named: repository.name) == nil else {
                throw BackupError(.refused, "cannot add repository '\(name)': there is one of that name")
            }
            let other = try String.fetchOne(
                database, sql: "SELECT name FROM repository WHERE repository_id = ?", arguments: [repository.id])
            if let other {
                throw BackupError(
                    .refused, "cannot add repository '\(name)': it is there already as '\(other.escapedForDisplay)'")
            }
            try database.execute(
                sql: """
                    INSERT INTO repository (name, kind, location, repository_id, created_at, updated_at, digest)
                    VALUES (:name, :kind, :location, :repository_id, :created_at, :updated_at, :digest)
                    """,
                arguments: repository.row.arguments())
            try database.record(
                .repositoryAdded, EventSubject(repository: repository.name), detail: repository.location, act)
        }
    }

    /// Changes everything but the name and the time of creation.
    package func update(_ repository: RepositoryRecord, _ act: Act) throws {
        try write { database in
            guard let old = try database.repository(named: repository.name) else {
                throw BackupError(
                    .noRepository,
                    "cannot change repository '\(repository.name.escapedForDisplay)': there is none of that name")
            }
            var repository = repository
            repository.createdAt = old.createdAt
            try database.execute(
                sql: """
                    UPDATE repository
                    SET kind = :kind, location = :location, repository_id = :repository_id, updated_at = :updated_at,
                        digest = :digest
                    WHERE name = :name
                    """,
                arguments: repository.row.arguments())
            try database.record(
                .repositoryChanged, EventSubject(repository: repository.name), detail: repository.location, act)
        }
    }
}

extension Database {
    func repository(named name: String) throws -> RepositoryRecord? {
        try Row.fetchOne(self, sql: "SELECT * FROM repository WHERE name = ?", arguments: [name])
            .map { try RepositoryRecord(CatalogRow(.repository, reading: $0)) }
    }
}

extension RepositoryRecord {
    init(_ row: CatalogRow) throws {
        name = try row.text("name")
        kind = try row.text("kind")
        location = try row.text("location")
        id = try row.text("repository_id")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    var row: CatalogRow {
        CatalogRow(
            .repository,
            [
                "name": name, "kind": kind, "location": location, "repository_id": id,
                "created_at": createdAt.catalogMilliseconds, "updated_at": updatedAt.catalogMilliseconds,
            ])
    }
}
