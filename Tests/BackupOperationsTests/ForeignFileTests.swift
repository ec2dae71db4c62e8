import BackupCatalog
import BackupModel
import BackupStorage
import Foundation
import Testing

@testable import BackupOperations

/// A repository full of files that look like ours and are not.
@Suite struct ForeignFileTests {
    private func write(_ path: String, _ text: String = "foreign") throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    /// Puts a thousand of them beside the snapshots, and gives their paths below the root.
    private func plant(in site: PruneSite, _ ids: [String]) throws -> Set<String> {
        let root = site.site.repositoryPath
        let before = Set(try inventory(of: root).keys)
        let outside = site.site.scratch.path + "/outside"
        try write(outside + "/precious.archive.gz")
        for id in ids {
            let year = "orders/" + String(id.dropFirst(7).prefix(4))
            let run = String(id.dropFirst(7))
            for suffix in [".archive.gz", ".manifest.json"] {
                for name in [
                    "\(id)\(suffix).bak", ".\(id)\(suffix)", "\(id.uppercased())\(suffix)", "\(id) \(suffix)",
                    "\(id)\(suffix.uppercased())", "\(id)x\(suffix)", "orders-\(run.dropLast())\(suffix)",
                    "\(id)\(suffix)~", "payments-\(run)\(suffix)", "orders.\(run)\(suffix)", "ordérs-\(run)\(suffix)",
                    "\(id)\(suffix)\n",
                ] { try write("\(root)/\(year)/\(name)") }
                // The right names in the wrong places.
                try write("\(root)/orders/\(id)\(suffix)")
                try write("\(root)/\(id)\(suffix)")
                try write("\(root)/orders/1999/\(id)\(suffix)")
                try write("\(root)/payments/2026/\(id)\(suffix)")
                try write("\(root)/\(year)/\(id)/\(id)\(suffix)")
                try write("\(root)/.incoming/\(id)\(suffix)")
                // Another job's, which the catalog does not know.
                try write("\(root)/users/2026/users-\(run)\(suffix)")
                symlink(outside + "/precious.archive.gz", "\(root)/\(year)/link-\(id)\(suffix)")
                symlink(outside, "\(root)/\(year)/folder-\(id)\(suffix)")
            }
        }
        symlink(outside, root + "/linked")
        symlink("../orders", root + "/Orders")
        while try inventory(of: root).count < before.count + 1000 {
            try write("\(root)/orders/2026/orders-20260101T000000Z-\(UUID().uuidString.prefix(4)).archive.gz")
        }
        return before
    }

    @Test func aPruneTouchesNothingButItsOwn() throws {
        let site = try PruneSite(keepLast: 2)
        let ids = try site.run(times: 6)
        let own = try plant(in: site, ids)
        let root = site.site.repositoryPath
        let outside = site.site.scratch.path + "/outside"
        let (before, beside) = (try inventory(of: root), try inventory(of: outside))
        #expect(before.count - own.count >= 1000)
        let result = try site.pruneAll()
        #expect(result.state == .succeeded && result.removed.count == 4)
        var expected = before
        for id in result.removed {
            let location = try SnapshotLocation(id: id)
            #expect(expected.removeValue(forKey: location.archivePath) != nil)
            #expect(expected.removeValue(forKey: location.manifestPath) != nil)
        }
        #expect(try inventory(of: root) == expected)
        #expect(try inventory(of: outside) == beside)
        // What could be mistaken for a snapshot is reported, and stays.
        let findings = try CheckCatalog(workspace: site.workspace).run().findings
        #expect(findings.filter { $0.snapshot?.hasPrefix("users-") == true }.count == 6)
        #expect(findings.allSatisfy { $0.kind == .unlisted || $0.kind == .archiveWithoutManifest })
        #expect(try inventory(of: root) == expected)
    }

    /// Links and folders under the very names of a snapshot.
    @Test(arguments: ["archive-link", "manifest-link", "archive-folder", "hard-link", "year-link", "job-link"])
    func nothingIsDeletedThroughALink(kind: String) throws {
        let site = try PruneSite()
        let ids = try site.run(times: 3)
        let outside = site.site.scratch.path + "/outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        let archive = try site.path(ids[2])
        let manifest = try site.path(ids[2], ".manifest.json")
        let year = (archive as NSString).deletingLastPathComponent
        func exchange(_ path: String) throws {
            let moved = outside + "/" + (path as NSString).lastPathComponent
            try FileManager.default.moveItem(atPath: path, toPath: moved)
            symlink(moved, path)
        }
        switch kind {
        case "archive-link": try exchange(archive)
        case "manifest-link": try exchange(manifest)
        case "archive-folder":
            unlink(archive)
            try write(archive + "/file")
        case "hard-link": link(archive, outside + "/copy")
        case "year-link": try exchange(year)
        default: try exchange((year as NSString).deletingLastPathComponent)
        }
        let before = try inventory(of: outside)
        let result = try? site.pruneAll()
        #expect(try inventory(of: outside) == before)
        if kind == "hard-link" {
            #expect(result?.state == .succeeded, "our name goes, the other one stays")
        } else {
            #expect(result?.state != .succeeded || result?.removed == [ids[1]])
            #expect(try site.snapshots().contains(ids[2]))
            #expect(exists(archive))
        }
    }

    @Test func aFileThatWasExchangedMeanwhileStays() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 2)
        let repository = try site.workspace.repository("default")
        let archive = try site.path(ids[1])
        let error = failure {
            try repository.delete(SnapshotLocation(id: ids[1])) { _ in
                unlink(archive)
                try write(archive, "another one")
            }
        }
        #expect(error?.message.contains("another file than a moment ago") == true)
        #expect(try String(contentsOfFile: archive, encoding: .utf8) == "another one")
    }

    @Test func orphansAreReportedAndNeverDeleted() throws {
        let site = try PruneSite()
        let ids = try site.run(times: 4)
        let id = ids[3]
        unlink(try site.path(ids[1]))
        unlink(try site.path(ids[2], ".manifest.json"))
        try site.site.execute("UPDATE snapshot SET state = 'deleting' WHERE id = '\(id)'")
        try site.site.execute("DELETE FROM snapshot WHERE id = '\(id)'")
        let before = try inventory(of: site.site.repositoryPath)
        for _ in 0..<2 {
            let found = try CheckCatalog(workspace: site.workspace).run()
            #expect(
                Set(found.findings.map { "\($0.kind.rawValue) \($0.snapshot ?? "")" }) == [
                    "manifest-without-archive \(ids[1])", "archive-without-manifest \(ids[2])", "unlisted \(id)",
                ])
            _ = try? site.pruneAll()
            _ = Recovery(workspace: site.workspace).recover(now: site.clock.now())
            #expect(try inventory(of: site.site.repositoryPath) == before)
        }
    }

    @Test func aRepositoryThatIsGoneIsAFinding() throws {
        let site = try PruneSite()
        try site.run(times: 2)
        let moved = site.site.repositoryPath + ".away"
        try FileManager.default.moveItem(atPath: site.site.repositoryPath, toPath: moved)
        let found = try CheckCatalog(workspace: site.workspace).run()
        #expect(found.findings.map(\.kind) == [.repositoryUnavailable])
        try FileManager.default.createDirectory(atPath: site.site.repositoryPath, withIntermediateDirectories: true)
        #expect(try !CheckCatalog(workspace: site.workspace).run().isSound)
        let result = try? site.pruneAll()
        #expect(result?.removed.isEmpty != false)
    }
}
