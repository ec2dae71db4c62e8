import BackupModel
import Crypto
import Foundation
import GRDB

/// The catalog's tables.
enum Table: String, CaseIterable {
    case repository, job, run, snapshot
    case snapshotNamespace = "snapshot_namespace"
    case event
    case clockReading = "clock_reading"

    /// The columns that name a row.
    var key: [String] {
        switch self {
        case .repository, .job: ["name"]
        case .run, .snapshot, .event, .clockReading: ["id"]
        case .snapshotNamespace: ["snapshot", "position"]
        }
    }
}

/// One row's values by column, sealed with a digest where they are written and checked where they are read.
struct CatalogRow {
    let table: Table
    private let values: [String: DatabaseValue]

    init(_ table: Table, _ values: [String: (any DatabaseValueConvertible)?]) {
        self.table = table
        self.values = values.mapValues { $0?.databaseValue ?? .null }
    }

    /// Refuses a row whose digest is not that of its values.
    init(_ table: Table, reading row: Row) throws {
        self.table = table
        var values: [String: DatabaseValue] = [:]
        for (column, value) in row { values[column] = value }
        let digest = values.removeValue(forKey: "digest")
        self.values = values
        guard digest == self.digest.databaseValue else { throw damaged("its digest does not match") }
    }

    /// The values by column's name, with their digest, for `:column` in a statement.
    func arguments() throws -> StatementArguments {
        for (column, value) in values {
            // SQLite's text ends at the first NUL for GRDB: rather no row than another one.
            if case .string(let text) = value.storage, text.utf8.contains(0) {
                throw BackupError(
                    .catalogFailed, "cannot record \(table.rawValue) '\(name)': NUL in its \(column.escapedForDisplay)")
            }
        }
        var all: [String: (any DatabaseValueConvertible)?] = values.mapValues { $0 }
        all["digest"] = digest
        return StatementArguments(all)
    }

    /// The row's key as it is shown.
    var name: String {
        table.key.map { column in
            switch values[column]?.storage {
            case .string(let text): text.escapedForDisplay
            case .int64(let number): String(number)
            default: "?"
            }
        }.joined(separator: " ")
    }

    func damaged(_ reason: String) -> DamagedRow { DamagedRow(table: table.rawValue, key: name, reason: reason) }
}

extension CatalogRow {
    /// SHA-256 of the table's name and of each value that is not NULL, in the order of the columns' names, each part
    /// with its length in front so that no two rows give the same bytes.
    var digest: Data {
        var hash = SHA256()
        hash.update(part: Data(table.rawValue.utf8), tag: "T")
        for (column, value) in values.sorted(by: { $0.key < $1.key }) {
            let (tag, bytes): (Character, Data) =
                switch value.storage {
                case .null: ("n", Data())
                case .int64(let number): ("i", Data(String(number).utf8))
                case .double(let number): ("d", Data(String(number.bitPattern).utf8))
                case .string(let text): ("s", Data(text.utf8))
                case .blob(let data): ("b", data)
                }
            guard tag != "n" else { continue }
            hash.update(part: Data(column.utf8), tag: "C")
            hash.update(part: bytes, tag: tag)
        }
        return Data(hash.finalize())
    }
}

extension SHA256 {
    fileprivate mutating func update(part: Data, tag: Character) {
        update(data: Data("\(tag)\(part.count):".utf8))
        update(data: part)
    }
}

extension CatalogRow {
    func optionalText(_ column: String) throws -> String? {
        switch values[column]?.storage {
        case .string(let text): text
        case .null: nil
        default: throw damaged("its \(column) is not a text")
        }
    }

    func text(_ column: String) throws -> String {
        guard let text = try optionalText(column) else { throw damaged("it has no \(column)") }
        return text
    }

    func optionalInteger(_ column: String) throws -> Int64? {
        switch values[column]?.storage {
        case .int64(let number): number
        case .null: nil
        default: throw damaged("its \(column) is not a number")
        }
    }

    func integer(_ column: String) throws -> Int64 {
        guard let number = try optionalInteger(column) else { throw damaged("it has no \(column)") }
        return number
    }

    func int(_ column: String) throws -> Int {
        guard let number = Int(exactly: try integer(column)) else { throw damaged("its \(column) is too large") }
        return number
    }

    func optionalTime(_ column: String) throws -> Date? {
        try optionalInteger(column).map(Date.init(catalogMilliseconds:))
    }

    func time(_ column: String) throws -> Date { Date(catalogMilliseconds: try integer(column)) }

    /// A value that is stored as its raw text, such as a state.
    func value<Value: RawRepresentable>(
        _ column: String, as type: Value.Type = Value.self
    ) throws -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: try text(column)) else { throw damaged("its \(column) is unknown") }
        return value
    }

    func texts(_ column: String) throws -> [String] {
        guard let texts = try? JSONDecoder().decode([String].self, from: Data(try text(column).utf8)) else {
            throw damaged("its \(column) is not a list")
        }
        return texts
    }
}

extension [String] {
    /// As a JSON array, which keeps every text as it is, NUL included.
    var catalogJSON: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

extension Date {
    /// From 1970 to 9999: a clock that is far off must not keep a run from being recorded.
    var catalogMilliseconds: Int64 {
        let milliseconds = (timeIntervalSince1970 * 1000).rounded()
        guard milliseconds > 0 else { return 0 }
        return Int64(Swift.min(milliseconds, 253_402_300_799_999))
    }

    init(catalogMilliseconds: Int64) {
        // From 2001, as `Date` counts: rounding once gives the very value that the same milliseconds had before.
        self.init(timeIntervalSinceReferenceDate: Double(catalogMilliseconds &- 978_307_200_000) / 1000)
    }
}

/// A row of the catalog that is not as it was written.
package struct DamagedRow: Error, Hashable, Sendable, CustomStringConvertible {
    package var table: String
    package var key: String
    package var reason: String

    package var description: String { "the row of \(table) '\(key)' is damaged: \(reason)" }
}
