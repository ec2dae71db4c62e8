import BackupModel

/// Columns for a terminal: every cell on one line, control characters shown, numbers to the right.
struct Table {
    enum Alignment { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []
    private var widths: [Int]

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
        widths = columns.map { Self.width($0.title) }
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells.map(\.escapedForDisplay))
    }

    var text: String {
        var table = self
        table.widen(for: rows)
        return table.text(of: [columns.map(\.title)] + rows)
    }

    /// What stands above the rows.
    var head: String { text(of: [columns.map(\.title)]) }

    /// Makes room for rows, whose cells are escaped already: for a table that is printed in parts.
    mutating func widen(for rows: [[String]]) {
        for cells in rows {
            for (index, cell) in cells.enumerated() where index < widths.count {
                widths[index] = max(widths[index], Self.width(cell))
            }
        }
    }

    /// A line for each row, whose cells are escaped already.
    func text(of rows: [[String]]) -> String {
        var result = ""
        for cells in rows {
            if !result.isEmpty { result += "\n" }
            add(cells, widths: widths, to: &result)
        }
        return result
    }

    /// Without spaces at the end of the line.
    private func add(_ cells: [String], widths: [Int], to result: inout String) {
        var owed = 0
        func spend() {
            result += String(repeating: " ", count: owed)
            owed = 0
        }
        for (index, cell) in cells.enumerated() {
            let padding = max(0, widths[index] - Self.width(cell))
            if columns[index].alignment == .right { owed += padding }
            if !cell.isEmpty {
                spend()
                result += cell
            }
            if columns[index].alignment == .left { owed += padding }
            owed += 2
        }
    }

    /// Emoji and East Asian wide letters take two columns of a terminal.
    private static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text.utf8.count }
        return wideWidth(text)
    }

    private static func wideWidth(_ text: String) -> Int {
        text.reduce(0) { sum, character in
            guard let scalar = character.unicodeScalars.first else { return sum }
            return sum + (scalar.isWide ? 2 : 1)
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
            true
        default: properties.isEmojiPresentation
        }
    }
}
