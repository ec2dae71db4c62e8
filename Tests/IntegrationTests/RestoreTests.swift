import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// What happens to what is there.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct RestoreTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var deployment: MongoDeployment { bench.deployment }
    private var database: String { bench.database }
    private var copy: String { bench.copy }
    private var toCopy: [String] { bench.toCopy }

    init() throws {
        bench = try Workbench("restore")
        try SampleData.makeSmall(database, on: deployment)
        try bench.makeJob("r")
    }

    @Test func whatIsInTheWayIsNamedBeforeTheFirstWrite() throws {
        try backupctl.must("run", "r")
        // One of the two collections is there; the other must not be made.
        try deployment.insert([["_id": 1]], into: copy, "users")
        let before = try deployment.state(of: copy)
        let result = try backupctl.run(["restore", "r@latest"] + toCopy)
        expectRefusal(result, status: 1, "refusing", "'\(copy).users'", hint: "--existing")
        #expect(!result.error.contains("\(copy).orders"))
        expectEqual(before, try deployment.state(of: copy))
        #expect(try backupctl.newestRun()["error"]["code"].string == "target-exists")
    }

    @Test func mergingAddsWhatIsMissingAndCountsWhatIsThere() throws {
        try backupctl.must("run", "r")
        try backupctl.run(["restore", "r@latest"] + toCopy).expectSuccess()
        try deployment.perform(
            copy, ["delete": "orders", "deletes": [["q": ["_id": ["$lt": 50]], "limit": 0]]])
        let merged = try backupctl.run(["restore", "r@latest", "--existing", "merge", "--json"] + toCopy)
        #expect(merged.status == 3, "\(merged)")
        expectRefusal(merged, status: 3, "\(copy).", hint: "--existing drop")
        let report = try merged.json()
        #expect(report["state"].string == "partial")
        #expect(
            report["documents"] == .object(["expected": .int(300), "restored": .int(50), "failed": .int(250)]),
            "\(report)")
        let orders = report["namespaces"].items.first { $0["to"].string == "\(copy).orders" }
        #expect(orders?["restored"].int == 50)
        #expect(orders?["failed"].int == 150)
        #expect(orders?["errors"].strings.isEmpty == false)
        expectEqual(try deployment.state(of: database), try deployment.state(of: copy))
        let run = try backupctl.newestRun()
        #expect(run["state"].string == "partial")
        #expect(run["failedDocuments"].int == 250)
    }

    @Test func mergingIntoAnEmptyPlaceIsJustARestore() throws {
        try backupctl.must("run", "r")
        try backupctl.run(["restore", "r@latest", "--existing", "merge"] + toCopy).expectSuccess()
        expectEqual(try deployment.state(of: database), try deployment.state(of: copy))
    }

    @Test func droppingNeedsToBeConfirmed() throws {
        try backupctl.must("run", "r")
        try deployment.insert([["_id": "old"]], into: copy, "orders")
        try deployment.insert([["_id": "kept"]], into: copy, "unrelated")
        let before = try deployment.state(of: copy)
        let arguments = ["restore", "r@latest", "--existing", "drop"] + toCopy
        let refused = try backupctl.run(arguments)
        expectRefusal(refused, status: 1, "refusing", "confirmation", hint: "--yes")
        #expect(refused.hint.contains("\(copy).orders"))
        expectEqual(before, try deployment.state(of: copy))

        try backupctl.run(arguments + ["--yes"]).expectSuccess()
        let after = try deployment.state(of: copy)
        expectEqual(try deployment.state(of: database), after.filter { $0.key != "unrelated" })
        #expect(after["unrelated"]?.hash == before["unrelated"]?.hash)
    }

    @Test func aPersonAtATerminalIsAsked() throws {
        try backupctl.must("run", "r")
        try deployment.insert([["_id": "old"]], into: copy, "orders")
        for (answer, status) in [("n", Int32(130)), ("", 130), ("y", 0)] {
            let terminal = try PseudoTerminal()
            let child = try bench.start(on: terminal, ["restore", "r@latest", "--existing", "drop"] + toCopy)
            #expect(terminal.waitFor("[y/N]"), "\(terminal.text)")
            terminal.type(answer)
            #expect(child.wait(within: 60) == status, "\(answer): \(terminal.text)")
            #expect(try deployment.count(copy, "orders") == (status == 0 ? 200 : 1))
        }
    }

    @Test func withoutIndexesOnlyThoseOnTheIdAreBuilt() throws {
        try backupctl.must("run", "r")
        try backupctl.run(["restore", "r@latest", "--no-indexes"] + toCopy).expectSuccess()
        let after = try deployment.state(of: copy)
        #expect(after["orders"]?.indexes.keys.sorted() == ["_id_"])
        #expect(after["orders"]?.hash == (try deployment.state(of: database)["orders"]?.hash))
    }
}
