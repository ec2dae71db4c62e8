import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Snapshots that are not what they were, and those whose job is gone.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct SnapshotTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var deployment: MongoDeployment { bench.deployment }
    private var database: String { bench.database }
    private var copy: String { bench.copy }
    private var toCopy: [String] { bench.toCopy }

    init() throws {
        bench = try Workbench("snapshot")
        try SampleData.makeSmall(database, on: deployment)
        try bench.makeJob("r")
    }

    @Test func oneCollectionOfManyIsReadFromItsPlaceInTheFile() throws {
        try SampleData.makeLarge(database, mebibytes: 6, on: deployment)
        try backupctl.must("run", "r")
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        // Damage in another collection's part is not in the way of this one's restore, but of the whole one's.
        let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
        try flipByte(at: size / 2, of: file)
        expectRefusal(try backupctl.run(["restore", "r@latest"] + toCopy), status: 1, "damaged")
        #expect(try !deployment.databases().contains(copy))
        // It is no latest good one any more; by its name it can still be had in parts.
        #expect(try backupctl.json("list")[0]["state"].string == "damaged")
        expectRefusal(try backupctl.run(["restore", "r@latest"] + toCopy), status: 1, "cannot find a good snapshot")
        let id = try backupctl.json("list")[0]["id"].string ?? ""
        try backupctl.run(["restore", id, "--ns-include", "*.users"] + toCopy).expectSuccess()
        #expect(try backupctl.json("list")[0]["state"].string == "damaged", "not all of it was read")
        #expect(try deployment.state(of: copy)["users"] == deployment.state(of: database)["users"])
    }

    @Test func latestSaysThatItPassesOverANewerOneThatIsNotGood() throws {
        let older = try backupctl.json("run", "r")["snapshot"].string ?? ""
        let newer = try backupctl.json("run", "r")["snapshot"].string ?? ""
        let plain = try backupctl.run(["restore", newer, "--dry-run"] + toCopy + ["--json"]).json()
        #expect(plain["warnings"].items.isEmpty)
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        #expect(truncate(file, 100) == 0)
        let restored = try backupctl.run(["restore", "r@latest"] + toCopy + ["--json"]).json()
        #expect(restored["snapshot"].string == older)
        #expect(restored["warnings"][0].string?.contains("'\(newer)' is damaged") == true)
    }

    @Test func dropReplacesTheServersFunctionsToo() throws {
        let insert: BSONDocument = ["insert": "system.js", "documents": .array([["_id": "f", "value": 1]])]
        _ = try deployment.runCommand(database, insert, write: true)
        try backupctl.must("run", "r")
        for _ in 0..<2 {
            let arguments = ["restore", "r@latest", "--existing", "drop", "--yes"] + toCopy
            try backupctl.run(arguments).expectSuccess()
        }
        #expect(try deployment.state(of: copy)["system.js"] == deployment.state(of: database)["system.js"])
    }

    @Test func aSnapshotThatIsNotWholeIsNotRestoredAndNotListedAsGood() throws {
        let id = try backupctl.json("run", "r")["snapshot"].string ?? ""
        let file = try #require(try backupctl.json("list")[0]["file"].string)
        let whole = try Data(contentsOf: URL(filePath: file))
        let manifest = file.replacingOccurrences(of: ".archive.gz", with: ".manifest.json")
        let manifestBytes = try Data(contentsOf: URL(filePath: manifest))
        let write = { (data: Data, path: String) in try data.write(to: URL(filePath: path)) }
        let arguments = ["restore", id] + toCopy

        for offset in [20, whole.count / 3, whole.count - 5] {
            var flipped = whole
            flipped[offset] ^= 0x10
            try write(flipped, file)
            expectRefusal(try backupctl.run(arguments), status: 1, id)
            expectRefusal(try backupctl.run(arguments + ["--dry-run"]), status: 1, id)
        }
        try write(whole.dropLast(), file)
        #expect(try backupctl.json("list")[0]["state"].string == "damaged")
        expectRefusal(try backupctl.run(arguments), status: 1, id)
        expectRefusal(try backupctl("show", "r@latest"), status: 1, "good snapshot")
        try FileManager.default.removeItem(atPath: file)
        #expect(try backupctl.json("list")[0]["state"].string == "missing")
        expectRefusal(try backupctl.run(arguments), status: 1, id, "missing")
        try write(whole, file)
        var forged = manifestBytes
        if let place = forged.range(of: Data("\"documents\"".utf8)) { forged[place.lowerBound + 1] = UInt8(ascii: "D") }
        try write(forged, manifest)
        expectRefusal(try backupctl.run(arguments), status: 1, id)
        try write(manifestBytes, manifest)
        #expect(try !deployment.databases().contains(copy))
        // The copy that was put back is good once it was read.
        #expect(try backupctl.json("list")[0]["state"].string == "damaged")
        try backupctl.run(arguments).expectSuccess()
        #expect(try backupctl.json("list")[0]["state"].string == "good")
    }

    @Test func deletingAJobKeepsItsSnapshotsUnlessToldOtherwise() throws {
        try backupctl.must("run", "r")
        let id = try backupctl.json("list")[0]["id"].string ?? ""
        try backupctl.must("job", "delete", "r")
        #expect(try backupctl.json("job", "list").items.isEmpty)
        #expect(try backupctl.json("list")[0]["id"].string == id)
        #expect(try backupctl.json("list", "r").items.count == 1)
        #expect(try backupctl.json("history", "r").items.count == 1)
        try backupctl.run(["restore", id] + toCopy).expectSuccess()

        try backupctl.must("job", "create", "r", "--uri", bench.server.uri, "--database", database)
        try backupctl.must("run", "r")
        expectRefusal(try backupctl("job", "delete", "r", "--with-snapshots"), status: 1, "refusing", hint: "--yes")
        #expect(try backupctl.json("list").items.count == 2)
        #expect(try backupctl.json("job", "delete", "r", "--with-snapshots", "--yes")["deletedSnapshots"].int == 2)
        #expect(try backupctl.json("list").items.isEmpty)
        let left = backupctl.files(in: backupctl.repository).keys.filter {
            $0.hasSuffix(".gz") || $0.hasSuffix(".json")
        }
        #expect(left.sorted() == ["repository.json"])
        #expect(try backupctl.json("history", "r").items.count >= 2)
    }

    private func flipByte(at offset: Int, of path: String) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: UInt64(offset))
        let byte = try handle.read(upToCount: 1)?.first ?? 0
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data([byte ^ 0xFF]))
        try handle.close()
    }
}
