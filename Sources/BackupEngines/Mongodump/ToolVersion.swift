/// The version of the tools: `100.18.0`, or `r4.2.25` and the like of those that came with a server.
struct ToolVersion: Equatable, CustomStringConvertible {
    let text: String
    /// Major, minor, patch.
    let numbers: [Int]

    init?(_ text: String) {
        let plain = text.hasPrefix("r") || text.hasPrefix("v") ? text.dropFirst() : text[...]
        let numbers =
            plain.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).first?.split(separator: ".").map
        { Int($0) } ?? []
        guard numbers.count >= 2, numbers.count <= 4, numbers.allSatisfy({ $0.map { $0 >= 0 } == true }) else {
            return nil
        }
        self.text = text
        self.numbers = numbers.compactMap { $0 }
    }

    /// What `mongodump --version` prints: `mongodump version: 100.18.0` on its first line. Tools of a server's time say
    /// `mongodump version: r4.2.25`.
    init?(printed: String) {
        for line in printed.split(whereSeparator: \.isNewline).prefix(20) {
            guard let mark = line.firstRange(of: "version:") else { continue }
            let word = line[mark.upperBound...].split(separator: " ").first.map(String.init) ?? ""
            guard let version = ToolVersion(word) else { continue }
            self = version
            return
        }
        return nil
    }

    var description: String { text }

    func isBefore(_ numbers: Int...) -> Bool { self.numbers.lexicographicallyPrecedes(numbers) }

    /// Until 100.0 the tools had the version of the server that they came with, and `--uri` excluded `--db` and the like.
    var isOfServerTimes: Bool { isBefore(100) }
}

extension ToolVersion {
    /// What a person should know before a run: a tool too old for this server, and bugs of this version.
    func warnings(server: ServerDescription?) -> [String] {
        var warnings: [String] = []
        if isBefore(100, 12, 2) {
            warnings.append(
                "tools \(text) leave out collections with a newline in their name when they restore; 100.12.2 does not")
        }
        guard let server, let serverNumbers = server.comparableVersion else { return warnings }
        if isBefore(4, 2), !serverNumbers.lexicographicallyPrecedes([5, 1]) {
            warnings.append("tools \(text) cannot talk to MongoDB \(server.version): they are from before 4.2")
        } else if isBefore(100, 4), !serverNumbers.lexicographicallyPrecedes([5, 0]) {
            warnings.append(
                "tools \(text) are too old for MongoDB \(server.version): they dump a time series as measurements, which "
                    + "cannot be restored")
        } else if let needed = Self.needed.last(where: { !serverNumbers.lexicographicallyPrecedes($0.server) }),
            numbers.lexicographicallyPrecedes(needed.tool)
        {
            let first = needed.tool.map(String.init).joined(separator: ".")
            warnings.append("tools \(text) are older than MongoDB \(server.version): \(first) is the first made for it")
        }
        if isBefore(100, 20) == false, serverNumbers.lexicographicallyPrecedes([4, 2]) {
            warnings.append("tools \(text) do not know servers before 4.2, and this is \(server.version)")
        }
        return warnings
    }

    /// The first tools that support a server, by the tools' change log.
    private static let needed: [(server: [Int], tool: [Int])] = [
        ([7, 0], [100, 9, 0]), ([8, 0], [100, 10, 0]), ([8, 1], [100, 12, 0]), ([8, 2], [100, 13, 0]),
        ([8, 3], [100, 16, 0]),
    ]
}

extension ServerDescription {
    /// Nil for a version that is none.
    fileprivate var comparableVersion: [Int]? {
        let numbers = versionNumbers
        return numbers.count >= 2 ? numbers : nil
    }
}
