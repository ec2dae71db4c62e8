/// One numbered step of the catalog's schema: a file of SQL in this folder, embedded in the binary.
///
/// A file is never edited after a release. `user_version` of a catalog is the number of the last step it went through.
package struct Migration: Sendable {
    package let number: Int
    /// The file's name.
    package let name: String
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

extension Migration {
    /// Every step in order. Each also has its line in `Package.swift`.
    package static let all = [
        Migration(number: 1, name: "V0001_initial.sql", embedded: PackageResources.V0001_initial_sql),
        Migration(
            number: 2, name: "V0002_add_job_engine_settings.sql",
            embedded: PackageResources.V0002_add_job_engine_settings_sql),
        Migration(number: 3, name: "V0003_retention.sql", embedded: PackageResources.V0003_retention_sql),
        Migration(number: 4, name: "V0004_schedules.sql", embedded: PackageResources.V0004_schedules_sql),
        Migration(
            number: 5, name: "V0005_indexes_for_old_history.sql",
            embedded: PackageResources.V0005_indexes_for_old_history_sql),
    ]

    private init(number: Int, name: String, embedded bytes: [UInt8]) {
        self.init(number: number, name: name, sql: String(decoding: bytes, as: UTF8.self))
    }
}
