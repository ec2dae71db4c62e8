import BackupModel

/// A list of names and values, a line each.
enum Details {
    static func text(_ lines: [(String, String)]) -> String {
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value.escapedForDisplay
        }.joined(separator: "\n")
    }
}
