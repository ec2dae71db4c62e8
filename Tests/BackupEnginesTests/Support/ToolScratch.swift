import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import BackupTestSupport

/// A private folder of a test of tools, gone at its end.
struct ToolScratch {
    let fixture = Fixture()
    var folder: URL { fixture.folder }

    func path(_ name: String) -> String { folder.appending(path: name).path }
    func text(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }

    /// A number that a child has written, once it has.
    func number(_ name: String) -> Int32? {
        for _ in 0..<500 {
            if let number = text(name).flatMap({ Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
                return number
            }
            usleep(10_000)
        }
        return nil
    }

    /// This program, which keeps tools.
    static var keeperProgram: String? { ProcessInfo.processInfo.environment["BACKUPCTL_TEST_BINARY"] }
    static var hasKeeper: Bool { keeperProgram != nil }
    static let keeperSkipReason: Comment = "needs BACKUPCTL_TEST_BINARY, the path of a built backupctl"

    static func surroundings(_ scratch: ToolScratch, also: [String: String] = [:]) throws -> ToolSurroundings {
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in also { environment[name] = value }
        return ToolSurroundings(
            keeperProgram: try #require(keeperProgram), environment: environment, scratch: scratch.path("pipes"))
    }
}

/// True once no process of this number runs; a zombie does not.
func isGone(_ process: Int32, within seconds: Double = 5) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    repeat {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return true }
        let state = text[text.index(end, offsetBy: 2)]
        if state == "Z" || state == "X" { return true }
        usleep(10_000)
    } while Date() < deadline
    return false
}
