import BackupModel
import Crypto
import Foundation
import GRDB
import Synchronization

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
    /// Ascending, and the values in the same order: there may be hundreds of thousands of rows to read.
    private let columns: [String]
    private let values: [DatabaseValue]

    init(_ table: Table, _ values: [String: (any DatabaseValueConvertible)?]) {
        self.table = table
        let sorted = values.sorted { $0.key < $1.key }
        columns = sorted.map(\.key)
        self.values = sorted.map { $0.value?.databaseValue ?? .null }
    }

    /// Refuses a row whose digest is not that of its values.
    init(_ table: Table, reading row: Row) throws {
        self.table = table
        let order = ColumnOrder.of(row, table)
        columns = order.columns
        let all = Array(row.databaseValues)
        values = order.positions.map { all[$0] }
        let stored = order.digest.map { all[$0] }
        guard stored == digest.databaseValue else { throw damaged("its digest does not match") }
    }

    private func value(_ column: String) -> DatabaseValue.Storage? {
        var (low, high) = (0, columns.count)
        while low < high {
            let middle = (low + high) / 2
            if columns[middle] < column { low = middle + 1 } else { high = middle }
        }
        return low < columns.count && columns[low] == column ? values[low].storage : nil
    }

    /// The values by column's name, with their digest, for `:column` in a statement.
    func arguments() throws -> StatementArguments {
        for (column, value) in zip(columns, values) {
            // SQLite's text ends at the first NUL for GRDB: rather no row than another one.
            if case .string(let text) = value.storage, text.utf8.contains(0) {
                throw BackupError(
                    .catalogFailed, "cannot record \(table.rawValue) '\(name)': NUL in its \(column.escapedForDisplay)")
            }
        }
        var all: [String: (any DatabaseValueConvertible)?] = [:]
        for (column, value) in zip(columns, values) { all[column] = value }
        all["digest"] = digest
        return StatementArguments(all)
    }

    /// The row's key as it is shown.
    var name: String {
        table.key.map { column in
            switch value(column) {
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
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024)
        bytes.append(part: table.rawValue.utf8, tag: "T")
        for (column, value) in zip(columns, values) where !value.isNull {
            bytes.append(part: column.utf8, tag: "C")
            switch value.storage {
            case .null: break
            case .int64(let number): bytes.append(part: String(number).utf8, tag: "i")
            case .double(let number): bytes.append(part: String(number.bitPattern).utf8, tag: "d")
            case .string(let text): bytes.append(part: text.utf8, tag: "s")
            case .blob(let data): bytes.append(part: data, tag: "b")
            }
        }
        return Data(SHA256.hash(data: bytes))
    }
}

extension [UInt8] {
    fileprivate mutating func append(part: some Collection<UInt8>, tag: Unicode.Scalar) {
        append(UInt8(ascii: tag))
        append(contentsOf: String(part.count).utf8)
        append(UInt8(ascii: ":"))
        append(contentsOf: part)
    }
}

/// Where the columns of a statement are, by their names. All rows of a statement have the same.
private struct ColumnOrder {
    var names: [String]
    /// Without the digest.
    var columns: [String]
    var positions: [Int]
    var digest: Int?

    private static let known = Mutex<[Table: ColumnOrder]>([:])

    static func of(_ row: Row, _ table: Table) -> ColumnOrder {
        let names = Array(row.columnNames)
        if let order = known.withLock({ $0[table] }), order.names == names { return order }
        let order = ColumnOrder(names)
        known.withLock { $0[table] = order }
        return order
    }

    private init(_ names: [String]) {
        self.names = names
        digest = names.firstIndex(of: "digest")
        // Of two columns of one name the last one counts.
        let last = Dictionary(names.indices.map { (names[$0], $0) }) { $1 }
        let sorted = last.filter { $0.key != "digest" }.sorted { $0.key < $1.key }
        columns = sorted.map(\.key)
        positions = sorted.map(\.value)
    }
}

extension CatalogRow {
    func optionalText(_ column: String) throws -> String? {
        switch value(column) {
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
        switch value(column) {
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
        let text = try text(column)
        if text == "[]" { return [] }
        guard let texts = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else {
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
