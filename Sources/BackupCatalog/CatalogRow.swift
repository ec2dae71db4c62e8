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
    /// Ascending, and the values in the same order: there may be hundreds of thousands of rows to read.
    private let columns: [String]
    private let values: [DatabaseValue]
    private let lookups: ColumnLookups

    init(_ table: Table, _ values: [String: (any DatabaseValueConvertible)?]) {
        self.table = table
        let sorted = values.sorted { $0.key < $1.key }
        columns = sorted.map(\.key)
        self.values = sorted.map { $0.value?.databaseValue ?? .null }
        lookups = ColumnLookups()
    }

    /// Refuses a row whose digest is not that of its values.
    init(_ table: Table, reading row: Row) throws {
        try self.init(table, in: ColumnOrder(row.columnNames)) { row[$0] }
    }

    fileprivate init(_ table: Table, in order: ColumnOrder, _ value: (Int) -> DatabaseValue) throws {
        self.table = table
        columns = order.columns
        values = order.positions.map(value)
        lookups = order.lookups
        lookups.next = 0
        guard let position = order.digest, case .blob(let stored) = value(position).storage,
            stored.elementsEqual(computedDigest(order.prefixes))
        else { throw damaged("its digest does not match") }
    }

    private func value(_ column: String) -> DatabaseValue.Storage? {
        lookups.position(of: column, in: columns, search).map { values[$0].storage }
    }

    private func search(_ column: String) -> Int? {
        var (low, high) = (0, columns.count)
        while low < high {
            let middle = (low + high) / 2
            if columns[middle] < column { low = middle + 1 } else { high = middle }
        }
        return low < columns.count && columns[low] == column ? low : nil
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
    var digest: Data { Data(computedDigest(columns.map(ColumnOrder.prefix))) }

    /// `prefixes`: what stands for each column in front of its value.
    private func computedDigest(_ prefixes: [[UInt8]]) -> SHA256.Digest {
        // A listing of ten thousand jobs spends a good part of its time here, so all is copied once into one place.
        var most = 64
        for (prefix, value) in zip(prefixes, values) { most += prefix.count + 32 + value.length }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: most) { buffer in
            var bytes = PartWriter(buffer)
            bytes.add("T", table.rawValue)
            for (prefix, value) in zip(prefixes, values) {
                switch value.storage {
                case .null: continue
                case .int64(let number): bytes.add(prefix, "i", isNegative: number < 0, number.magnitude)
                case .double(let number): bytes.add(prefix, "d", isNegative: false, number.bitPattern)
                case .string(let text):
                    bytes.add(prefix)
                    bytes.add("s", text)
                case .blob(let data):
                    bytes.add(prefix)
                    bytes.add("b", data)
                }
            }
            var hash = SHA256()
            hash.update(bufferPointer: bytes.written)
            return hash.finalize()
        }
    }
}

extension DatabaseValue {
    /// Of a text or blob, in bytes; numbers have at most twenty digits.
    fileprivate var length: Int {
        switch storage {
        case .string(let text): text.utf8.count
        case .blob(let data): data.count
        default: 0
        }
    }
}

/// Writes parts, each as its tag, its length in decimal digits, a colon and its bytes. What does not fit is left out, which
/// no digest would forgive.
private struct PartWriter {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private var count = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        self.buffer = buffer
    }

    var written: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }

    mutating func add(_ bytes: some Collection<UInt8>) {
        let rest = UnsafeMutableBufferPointer(rebasing: buffer[count...])
        guard bytes.count <= rest.count else { return }
        _ = rest.initialize(from: bytes)
        count += bytes.count
    }

    mutating func add(_ tag: Unicode.Scalar, _ text: String) {
        head(tag, length: text.utf8.count)
        // Much quicker than through the view, and there for all texts that come from SQLite.
        if text.utf8.withContiguousStorageIfAvailable({ add($0) }) == nil { add(text.utf8) }
    }

    mutating func add(_ tag: Unicode.Scalar, _ data: Data) {
        head(tag, length: data.count)
        add(data)
    }

    mutating func add(_ prefix: [UInt8], _ tag: Unicode.Scalar, isNegative: Bool, _ magnitude: UInt64) {
        add(prefix)
        head(tag, length: Self.digits(magnitude) + (isNegative ? 1 : 0))
        if isNegative { add(byte: UInt8(ascii: "-")) }
        add(digitsOf: magnitude)
    }

    private mutating func head(_ tag: Unicode.Scalar, length: Int) {
        add(byte: UInt8(ascii: tag))
        add(digitsOf: UInt64(length))
        add(byte: UInt8(ascii: ":"))
    }

    private mutating func add(byte: UInt8) {
        guard count < buffer.count else { return }
        buffer.initializeElement(at: count, to: byte)
        count += 1
    }

    private mutating func add(digitsOf number: UInt64) {
        var divisor: UInt64 = 1
        for _ in 1..<Self.digits(number) { divisor *= 10 }
        while divisor > 0 {
            add(byte: UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    private static func digits(_ number: UInt64) -> Int {
        var count = 1
        var rest = number / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }
}

/// Where the columns were that the row before was asked for: each row of a statement is asked for the same ones in the same
/// order, and comparing names takes as long as all the rest. One thread's, as the statement is.
private final class ColumnLookups {
    var next = 0
    private var positions: [Int] = []

    func position(of column: String, in columns: [String], _ search: (String) -> Int?) -> Int? {
        defer { next += 1 }
        if next < positions.count, columns[positions[next]] == column { return positions[next] }
        guard let found = search(column) else { return nil }
        if next < positions.count {
            positions[next] = found
        } else if next == positions.count {
            positions.append(found)
        }
        return found
    }
}

/// Where the columns of a statement are, by their names. All rows of a statement have the same.
private struct ColumnOrder {
    /// Without the digest.
    var columns: [String]
    /// What stands for each of them in a digest.
    var prefixes: [[UInt8]]
    var positions: [Int]
    var digest: Int?
    let lookups = ColumnLookups()

    init(_ names: some Sequence<String>) {
        let names = Array(names)
        digest = names.firstIndex(of: "digest")
        // Of two columns of one name the last one counts.
        let last = Dictionary(names.indices.map { (names[$0], $0) }) { $1 }
        let sorted = last.filter { $0.key != "digest" }.sorted { $0.key < $1.key }
        columns = sorted.map(\.key)
        prefixes = columns.map(Self.prefix)
        positions = sorted.map(\.value)
    }

    static func prefix(_ column: String) -> [UInt8] {
        Array("C\(column.utf8.count):\(column)".utf8)
    }
}

extension Database {
    /// Calls back for each row of a statement that gives whole rows of a table.
    func eachRow(
        of table: Table, _ sql: String, arguments: StatementArguments = StatementArguments(),
        _ body: (CatalogRow) throws -> Void
    ) throws {
        let statement = try makeStatement(sql: sql)
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        let order = ColumnOrder(statement.columnNames)
        while try rows.next() != nil {
            // Not through the row, which takes several times as long.
            let current = statement.sqliteStatement
            try body(CatalogRow(table, in: order) { DatabaseValue(sqliteStatement: current, index: CInt($0)) })
        }
    }

    func rows<Element>(
        of table: Table, _ sql: String, arguments: StatementArguments = StatementArguments(),
        _ make: (CatalogRow) throws -> Element
    ) throws -> [Element] {
        var made: [Element] = []
        try eachRow(of: table, sql, arguments: arguments) { made.append(try make($0)) }
        return made
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
