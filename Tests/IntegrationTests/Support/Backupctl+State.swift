import BackupTestSupport
import Foundation
import Testing

extension Backupctl {
    /// What a refused command must leave as it was: the rows that can be listed, and every file but the log of runs.
    struct Snapshot: Equatable {
        var jobs: JSON
        var runs: JSON
        var snapshots: JSON
        var files: [String: String]
    }

    func snapshot() throws -> Snapshot {
        Snapshot(
            jobs: try json("job", "list"), runs: try json("history", "--limit", "0"), snapshots: try json("list"),
            files: files(in: state))
    }

    /// Paths with mode and size; the catalog's own files, which reading may touch, are left out.
    func files(in folder: String) -> [String: String] {
        var found: [String: String] = [:]
        for path in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? []
        where !path.hasPrefix("catalog.sqlite") {
            var status = stat()
            guard lstat(folder + "/" + path, &status) == 0 else { continue }
            let size = status.st_mode & S_IFMT == S_IFDIR ? 0 : Int(status.st_size)
            found[path] = "\(String(status.st_mode, radix: 8)) \(size)"
        }
        return found
    }

    var repository: String { state + "/repository" }

    /// The names in the folder of unfinished files.
    var incoming: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: repository + "/.incoming") }
    }

    /// The newest run in the history.
    func newestRun(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSON {
        try json("history", "--limit", "1", sourceLocation: sourceLocation)[0]
    }

    /// A run that failed leaves a row that says so, and nothing else.
    func expectNothingPublished(
        _ states: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try newestRun(sourceLocation: sourceLocation)
        #expect(states.contains(run["state"].string ?? ""), "\(run)", sourceLocation: sourceLocation)
        #expect(run["snapshot"] == .null, "\(run)", sourceLocation: sourceLocation)
        #expect(run["finishedAt"] != .null, "\(run)", sourceLocation: sourceLocation)
        #expect(try incoming.isEmpty, sourceLocation: sourceLocation)
        #expect(try json("list").items.isEmpty, sourceLocation: sourceLocation)
        let archives = files(in: repository).keys.filter { $0.hasSuffix(".gz") || $0.hasSuffix(".manifest.json") }
        #expect(archives.isEmpty, sourceLocation: sourceLocation)
    }
}
