import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Retention as someone at a shell, and cron, have it.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct RetentionTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }

    init() throws {
        bench = try Workbench("keep")
        try SampleData.makeSmall(bench.database, on: bench.deployment)
        try bench.makeJob("keep")
    }

    private func snapshots() throws -> [String] { try backupctl.json("list").items.compactMap { $0["id"].string } }

    @Test func aRunThatSucceedsPrunesItsJob() throws {
        for _ in 0..<3 { try backupctl.must("run", "keep") }
        let all = try snapshots()
        #expect(all.count == 3, "without a policy everything stays")
        try backupctl.must("job", "edit", "keep", "--keep-last", "2")

        let files = backupctl.files(in: backupctl.state)
        let plan = try backupctl.json("prune", "keep", "--dry-run")
        #expect(plan["state"].string == "planned" && plan["dryRun"].bool == true && plan["run"] == .null)
        #expect(plan["keep"].items.map { $0["id"].string } == all[..<2].map { $0 })
        #expect(plan["keep"][0]["reasons"].strings == ["last", "last good", "last verified"])
        #expect(plan["remove"].items.map { $0["id"].string } == [all[2]])
        let stored = try #require(plan["remove"][0]["storedBytes"].int)
        #expect(plan["freedBytes"].int == stored && plan["brakes"].items.isEmpty)
        #expect(backupctl.files(in: backupctl.state) == files)
        let text = try backupctl.must("prune", "--dry-run").output
        #expect(text.contains("remove  \(all[2])") && text.contains("no rule wants it"))

        let run = try backupctl.must("run", "keep")
        #expect(run.errors.contains("job 'keep': removed 2 snapshots, freed "))
        let left = try snapshots()
        #expect(left.count == 2 && left.last == all[0])
        let prune = try backupctl.json("history", "--limit", "1")[0]
        #expect(prune["kind"].string == "prune" && prune["state"].string == "succeeded")
        #expect(prune["storedBytes"].int ?? 0 >= stored)
        // The log that a job's name means is that of its backup.
        #expect(try backupctl.must("log", "keep").output.contains("of job 'keep' by"))
        #expect(try backupctl.json("prune", "keep")["state"].string == "nothing")
        #expect(try backupctl.json("prune").items.count == 1)
        #expect(try backupctl.json("catalog", "check")["sound"].bool == true)
    }

    @Test func whatAPersonHoldsStays() throws {
        for _ in 0..<2 { try backupctl.must("run", "keep") }
        let ids = try snapshots()
        try backupctl.must("job", "edit", "keep", "--keep-last", "1")
        let pin = try backupctl.json("pin", ids[1], "--reason", "before migration", "--until", "2999-12-31")
        #expect(pin["until"].string == "3000-01-01T03:29:59Z", "the end of that day in St. John's")
        #expect(try backupctl.json("list")[1]["pinned"].bool == true)
        #expect(try backupctl.must("prune", "keep", "--dry-run").output.contains("pinned: before migration"))
        expectRefusal(try backupctl("delete", ids[1], "--force", "--yes"), status: 1, "pinned", hint: "unpin")
        try backupctl.must("unpin", ids[1])
        // Nobody is there to be asked.
        expectRefusal(try backupctl("delete", ids[1]), status: 1, "confirmation", hint: "--yes")
        #expect(try snapshots() == ids)
        try backupctl.must("delete", ids[1], "--yes")
        expectRefusal(try backupctl("delete", ids[0], "--yes"), status: 1, "last good", hint: "--force")
        try backupctl.must("delete", ids[0], "--force", "--yes")
        #expect(try snapshots().isEmpty)
    }

    @Test func aFailedRunHoldsRetentionBack() throws {
        for _ in 0..<3 { try backupctl.must("run", "keep") }
        let ids = try snapshots()
        try backupctl.must("job", "edit", "keep", "--keep-last", "1", "--database", "t_there_is_none")
        #expect(try backupctl("run", "keep").status == 1)
        let prune = try backupctl("prune", "keep", "--json")
        #expect(prune.status == 1)
        let json = try prune.json()
        #expect(json["state"].string == "refused" && json["brakes"][0]["code"].string == "newest-run")
        #expect(json["removed"].items.isEmpty && json["error"]["code"].string == "refused")
        expectRefusal(try backupctl("prune"), status: 1, "did not succeed", hint: "next run that succeeds")
        #expect(try snapshots() == ids)
    }

    @Test func aSuspiciouslySmallSnapshotIsWarnedOfAndWaited() throws {
        for _ in 0..<2 { try backupctl.must("run", "keep") }
        let ids = try snapshots()
        try backupctl.must("job", "edit", "keep", "--keep-last", "1")
        try bench.deployment.perform(bench.database, ["drop": "orders"])
        let run = try backupctl.json("run", "keep")
        #expect(run["state"].string == "succeeded")
        #expect(run["warnings"].strings.contains { $0.contains("suspiciously small: 100 documents") })
        #expect(try snapshots().count == 3)
        let accepted = try backupctl.json("prune", "keep", "--accept-anomaly", "--max-share", "100")
        #expect(accepted["removed"].strings == ids.reversed())
    }

    @Test func theCatalogCheckNamesWhatDoesNotBelongTogether() throws {
        for _ in 0..<2 { try backupctl.must("run", "keep") }
        let file = try #require(try backupctl.json("list")[1]["file"].string)
        let manifest = file.replacing(".archive.gz", with: ".manifest.json")
        try FileManager.default.removeItem(atPath: manifest)
        let files = backupctl.files(in: backupctl.repository)
        let check = try backupctl("catalog", "check", "--json")
        #expect(check.status == 1)
        let json = try check.json()
        #expect(json["sound"].bool == false && json["findings"].items.count == 1)
        #expect(json["findings"][0]["kind"].string == "archive-without-manifest")
        #expect(json["findings"][0]["path"].string == file)
        #expect(try backupctl("catalog", "check").output.contains("an archive without a manifest"))
        #expect(backupctl.files(in: backupctl.repository) == files)
    }

    @Test func aPlanNeedsNoStateDirectory() throws {
        let batch = bench.fixture.path("batch.jsonl")
        let snapshots = (1...9).map {
            #"{"id": "s\#($0)", "time": "2026-01-0\#($0)T02:00:00Z", "status": "succeeded"}"#
        }
        let list = "[\(snapshots.joined(separator: ", "))]"
        try """
        {"policy": {"keepDaily": 2}, "snapshots": \(list)}
        {"policy": {"keepDayly": 2}, "snapshots": \(list)}
        {"policy": {"keepMonthly": 2}, "snapshots": \(list), "more": 1}

        """.write(toFile: batch, atomically: true, encoding: .utf8)
        var pure = backupctl
        pure.state = bench.fixture.path("none")
        pure.environment["BACKUPCTL_STATE_DIR"] = pure.state
        let lines = try pure.must("retention", "plan", "--batch", batch, "--json").output.split(separator: "\n")
        let answers = try lines.map { try JSON(String($0)) }
        #expect(answers.count == 3)
        #expect(answers[0]["keep"].items.map { $0["id"].string } == ["s9", "s8"])
        #expect(answers[0]["remove"].strings == ["s7", "s6", "s5", "s4", "s3", "s2", "s1"])
        #expect(answers[1]["error"].string?.contains("keepDayly") == true)
        #expect(answers[2]["keep"].items.map { $0["reasons"].strings } == [["monthly"], ["oldest monthly"]])
        let policy = try bench.fixture.write(#"{"keepLast": 1}"#, to: "policy.json")
        let file = try bench.fixture.write(list, to: "snapshots.json")
        let arguments = ["retention", "plan", "--policy-json", policy, "--snapshots", file]
        let single = try pure.run(arguments + ["--json", "--now", "2026-01-05T00:00:00Z"]).json()
        #expect(single["keep"].items.compactMap { $0["id"].string } == ["s9", "s8", "s7", "s6", "s5", "s4"])
        #expect(single["keep"][0]["reasons"].strings == ["future"] && single["keep"][5]["reasons"].strings == ["last"])
        #expect(try pure.run(arguments).output.contains("remove  s1        2026-01-01T02:00:00Z  no rule wants it"))
        #expect(!FileManager.default.fileExists(atPath: pure.state))
    }
}
