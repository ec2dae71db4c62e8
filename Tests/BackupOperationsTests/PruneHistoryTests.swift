import BackupCatalog
import BackupModel
import Foundation
import Testing

@testable import BackupOperations

@Suite struct PruneHistoryTests {
    private func logs(_ site: PruneSite) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: site.workspace.state.logs))
    }

    @Test func oldRunsAndTheirLogsGoTogether() throws {
        let site = try PruneSite()
        let failed = try (0..<3).map { _ in try site.failingRun().id }
        let kept = try site.run().id
        site.clock.advance(200 * 86400)
        let last = try site.failingRun().id
        let history = PruneHistory(workspace: site.workspace)
        let before = try logs(site)
        #expect(
            try history.run(olderThan: 100 * 86400, isDryRun: true, now: site.clock.now()) == failed)
        #expect(try logs(site) == before && site.catalog.runs().count == 5)
        #expect(
            try history.run(olderThan: 100 * 86400, isDryRun: false, now: site.clock.now()) == failed)
        #expect(try site.catalog.runs().map(\.id) == [last, kept])
        #expect(try logs(site) == ["\(kept).log", "\(last).log"])
        #expect(try site.catalog.check().isSound)
        #expect(try site.workspace.logLines(of: kept).isEmpty == false)
    }

    /// Killed between rows and logs; and what is no log of ours.
    @Test func logsThatWereLeftGoTheNextTime() throws {
        let site = try PruneSite()
        try site.run(times: 1)
        let folder = site.workspace.state.logs
        let names = [
            "20250101T000000Z-aaaa.log", "20250101T000000Z-aaaa.log.1", "20250101T000000Z-AAAA.log", "notes.log", "x",
        ]
        for name in names { try Data("x".utf8).write(to: URL(filePath: folder + "/" + name)) }
        let target = site.site.scratch.path(of: "target")
        try Data("x".utf8).write(to: URL(filePath: target))
        symlink(target, folder + "/20250101T000000Z-link.log")
        try FileManager.default.createDirectory(
            atPath: folder + "/20250101T000000Z-fold.log", withIntermediateDirectories: true)
        let before = try logs(site)
        let history = PruneHistory(workspace: site.workspace)
        #expect(try history.run(olderThan: 86400, isDryRun: false, now: site.clock.now()) == [])
        #expect(try logs(site) == before.subtracting([names[0]]))
        #expect(exists(target))
    }
}
