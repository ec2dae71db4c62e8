import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Back up, list, show, restore, compare: on one database with a bit of everything.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct RoundTripTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var source: String { bench.database }
    private var server: TestServer { bench.server }
    private var deployment: MongoDeployment { bench.deployment }

    init() throws {
        bench = try Workbench("trip")
    }

    @Test func everyKindOfCollectionComesBackTheSame() throws {
        try SampleData.makeZoo(source, on: deployment)
        try backupctl.must("job", "create", "zoo", "--uri", server.uri, "--database", source)
        let run = try backupctl.json("run", "zoo")
        #expect(run["state"].string == "succeeded")
        #expect(run["warnings"].strings == [])

        let shown = try backupctl.json("show", "zoo@latest")
        let before = try deployment.state(of: source)
        #expect(
            Set(shown["namespaces"].items.compactMap { $0["namespace"].string })
                == Set(before.keys.map { "\(source).\($0)" }))
        #expect(shown["documents"].int == shown["namespaces"].items.reduce(0) { $0 + ($1["documents"].int ?? 0) })

        let restored = try backupctl.json(
            "restore", "zoo@latest", "--to", server.uri, "--ns-from", "\(source).*", "--ns-to", "\(bench.copy).*")
        #expect(restored["state"].string == "succeeded")
        #expect(restored["documents"]["restored"] == shown["documents"])
        #expect(restored["documents"]["failed"].int == 0)
        expectEqual(before, try deployment.state(of: bench.copy))
    }

    @Test func connectionStringsComeAsTheyAreFromFilesAndFromTheEnvironment() throws {
        try SampleData.makeSmall(source, on: deployment)
        let before = try deployment.state(of: source)
        let file = try bench.fixture.write(server.uri + "\n# a remark\n", to: "source.uri")
        var backupctl = backupctl
        backupctl.environment["SOURCE_URI"] = server.uri
        for (kind, value) in [("uri", server.uri), ("uri-file", file), ("uri-env", "SOURCE_URI")] {
            try backupctl.must("job", "create", "by-\(kind)", "--\(kind)", value, "--database", source)
            try backupctl.must("run", "by-\(kind)")
        }
        for (kind, value) in [("to", server.uri), ("to-file", file), ("to-env", "SOURCE_URI")] {
            let target = "\(kind.filter { $0 != "-" })_\(source)"
            let job = kind.replacingOccurrences(of: "to", with: "uri")
            try backupctl.must("restore", "by-\(job)@latest", "--\(kind)", value, "--rename", "\(source)=\(target)")
            expectEqual(before, try deployment.state(of: target))
        }
    }

    @Test func theDatabaseOfTheURIIsTheOneToBackUp() throws {
        try SampleData.makeSmall(source, on: deployment)
        try backupctl.must(
            "job", "create", "path", "--uri", "mongodb://127.0.0.1:\(server.port)/\(source)?directConnection=true")
        let run = try backupctl.json("run", "path")
        #expect(run["namespaces"].int == 2)
        #expect(run["documents"].int == 300)
    }

    @Test(arguments: [
        ["--collection", "orders"], ["--collection", "DB.orders"], ["--include", "*.orders"], ["--exclude", "*.users"],
    ])
    func aSelectionTakesJustThat(options: [String]) throws {
        try SampleData.makeSmall(source, on: deployment)
        var options = options.map { $0.replacingOccurrences(of: "DB", with: source) }
        if options[1] != "\(source).orders" { options += ["--database", source] }
        #expect(try backupctl.run(["job", "create", "part", "--uri", server.uri] + options).status == 0)
        try backupctl.must("run", "part")
        let shown = try backupctl.json("show", "part@latest")
        #expect(shown["namespaces"].items.map { $0["namespace"].string } == ["\(source).orders"])
        #expect(shown["documents"].int == 200)
        try backupctl.must("restore", "part@latest", "--to", server.uri, "--rename", "\(source)=\(bench.copy)")
        expectEqual(
            try deployment.state(of: source).filter { $0.key == "orders" }, try deployment.state(of: bench.copy))
    }

    @Test func aSnapshotIsNamedByIdBeginningLatestAndDay() throws {
        try SampleData.makeSmall(source, on: deployment)
        try backupctl.must("job", "create", "names", "--uri", server.uri, "--database", source)
        let first = try backupctl.json("run", "names")["snapshot"].string ?? ""
        let second = try backupctl.json("run", "names")["snapshot"].string ?? ""
        #expect(first != second)
        #expect(try backupctl.json("list", "names").items.compactMap { $0["id"].string } == [second, first])
        #expect(try backupctl.json("show", first)["id"].string == first)
        #expect(try backupctl.json("show", String(first.dropLast()))["id"].string == first)
        #expect(try backupctl.json("show", "names@latest")["id"].string == second)
        #expect(try backupctl.json("show", "names@2999-12-31")["id"].string == second)
        expectRefusal(try backupctl("show", "names@2001-01-01"), status: 1, "good snapshot of job 'names'")
        expectRefusal(try backupctl("show", "names-"), status: 1, "names-")
    }

    @Test func aFileIsAReadableGzipWithNothingElseNeeded() throws {
        try SampleData.makeSmall(source, on: deployment)
        try backupctl.must("job", "create", "gzip", "--uri", server.uri, "--database", source)
        try backupctl.must("run", "gzip")
        let snapshot = try backupctl.json("list")[0]
        let file = try #require(snapshot["file"].string)
        #expect(file.hasPrefix(backupctl.repository + "/gzip/"))
        #expect(try ChildProcess.run("/bin/gzip", "-t", file) == 0)
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
        #expect(snapshot["storedBytes"].int == size.map(Int64.init))
        let asFile = try backupctl.json("show", file)
        #expect(asFile["sha256"] == snapshot["sha256"])
        #expect(asFile["documents"].int == 300)
    }
}
