import BackupModel
import BackupOperations
import Foundation

/// Prints a listing in parts, each read and made on one of the cores: what is held of a million rows is a few hundred.
///
/// Up to some thousand rows it looks like a table, or an array, that was printed at once. In a longer table the columns grow
/// with the parts. When a part cannot be read, those before it have been printed: JSON is cut off then, and not read as whole.
struct Listing<Page: Sendable, Element> {
    let output: Output
    let columns: [(title: String, alignment: Table.Alignment)]
    /// What people read when there is nothing.
    let nothing: String
    let read: @Sendable (Page) throws -> [Element]
    let json: @Sendable (Element) -> JSONValue
    let cells: @Sendable (Element) -> [String]

    /// `hasMore`: a limit leaves older ones out.
    func render(_ pages: [Page], hasMore: Bool) throws {
        guard !pages.isEmpty else { return try output.render(.array([]), text: nothing) }
        // So many at once that no core waits long for another.
        let width = 4 * max(1, ProcessInfo.processInfo.activeProcessorCount)
        let groups = stride(from: 0, to: pages.count, by: width).map {
            Array(pages[$0..<min($0 + width, pages.count)])
        }
        try output.json ? renderJSON(groups) : renderTable(groups)
        if hasMore && !output.quiet && !output.json {
            Report.note("there are older ones: --limit 0 shows all")
        }
    }

    private func renderJSON(_ groups: [[Page]]) throws {
        var isFirst = true
        for group in groups {
            let parts = try made(group) { JSONValue.elements(try read($0).map(json)) }.filter { !$0.isEmpty }
            guard !parts.isEmpty else { continue }
            try output.put((isFirst ? "[" : ",") + parts.joined(separator: ","))
            isFirst = false
        }
        // All of it went between finding the parts and reading them.
        try output.write(isFirst ? JSONValue.array([]).encoded() : "\n]")
    }

    private func renderTable(_ groups: [[Page]]) throws {
        var table = Table(columns)
        for (number, group) in groups.enumerated() {
            let parts = try made(group) { try read($0).map { cells($0).map(\.escapedForDisplay) } }
            for rows in parts { table.widen(for: rows) }
            if number == 0 { try output.write(table.head) }
            for text in onAllCores(parts, { [table] in table.text(of: $0) }) { try output.write(text) }
        }
    }

    private func made<Made: Sendable>(
        _ group: [Page], _ make: @Sendable (Page) throws -> Made
    ) throws -> [Made] {
        try onAllCores(group) { page in try make(page) }
    }
}
