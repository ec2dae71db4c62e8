import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// What goes where.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct RestoreNameTests {
    private let bench: Workbench
    private var backupctl: Backupctl { bench.backupctl }
    private var deployment: MongoDeployment { bench.deployment }
    private var database: String { bench.database }
    private var copy: String { bench.copy }
    private var toCopy: [String] { bench.toCopy }

    init() throws {
        bench = try Workbench("names")
        try SampleData.makeSmall(database, on: deployment)
        try bench.makeJob("r")
    }

    @Test func patternsRenameAndSelect() throws {
        try backupctl.must("run", "r")
        let cases: [(arguments: [String], expected: Set<String>)] = [
            (
                ["--ns-from", "\(database).*", "--ns-to", "a_\(database).*"],
                ["a_\(database).orders", "a_\(database).users"]
            ),
            (["--ns-from", "*.*", "--ns-to", "b_*.*"], ["b_\(database).orders", "b_\(database).users"]),
            (
                ["--nsFrom", "$db$.$c$", "--nsTo", "c_$db$.$c$_old"],
                ["c_\(database).orders_old", "c_\(database).users_old"]
            ),
            (
                [
                    "--ns-from", "\(database).*", "--ns-to", "d_\(database).*", "--ns-from", "*.users",
                    "--ns-to", "e_*.people",
                ],
                ["d_\(database).orders", "e_\(database).people"]
            ),
            (
                ["--ns-include", "*.users", "--rename", "\(database).users=f_\(database).clients"],
                ["f_\(database).clients"]
            ),
            (["--ns-exclude", "*.users", "--rename", "\(database)=g_\(database)"], ["g_\(database).orders"]),
        ]
        for (arguments, expected) in cases {
            let result = try backupctl.run(["restore", "r@latest", "--to", bench.server.uri, "--json"] + arguments)
            #expect(result.status == 0, "\(result)")
            #expect(Set(try result.json()["namespaces"].items.compactMap { $0["to"].string }) == expected)
            for name in expected {
                let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
                #expect(try deployment.state(of: parts[0]).keys.contains(parts[1]), "\(name)")
            }
        }
        let source = try deployment.state(of: database)
        #expect(try deployment.state(of: "e_\(database)")["people"] == source["users"])
        #expect(try deployment.state(of: "f_\(database)") == ["clients": source["users"]])
    }

    @Test func badNamesAreRefusedBeforeTheFirstWrite() throws {
        try backupctl.must("run", "r")
        let long = String(repeating: "x", count: 64)
        let cases: [(arguments: [String], status: Int32, error: String, hint: String)] = [
            (["--ns-from", "shop.*", "--ns-to", "x.*"], 1, "'shop.*'", "\(database).orders"),
            (["--ns-include", "shop.*"], 1, "'shop.*'", "\(database).orders"),
            (["--ns-exclude", "*.ordres", "--rename", "\(database)=\(copy)"], 1, "'*.ordres'", "\(database).orders"),
            (["--rename", "shop=\(copy)"], 1, "'shop", "\(database).orders"),
            (["--ns-from", "$d$.$c$", "--ns-to", "\(copy).same"], 64, "\(copy).same", ""),
            (["--ns-from", "\(database).*", "--ns-to", "\(long).*"], 64, "63 bytes", ""),
            (["--ns-from", "\(database).*", "--ns-to", "a b.*"], 64, "a b", ""),
            (["--ns-from", "\(database).*", "--ns-to", "admin.*"], 1, "'admin'", ""),
            (["--ns-from", "\(database).*", "--ns-to", "local.*"], 1, "'local'", ""),
            (["--ns-from", "\(database).*", "--ns-to", "\(copy).system.*"], 1, "system.", ""),
        ]
        for (arguments, status, error, hint) in cases {
            let result = try backupctl.run(["restore", "r@latest", "--to", bench.server.uri] + arguments)
            expectRefusal(result, status: status, hint: hint.isEmpty ? nil : hint)
            if !error.isEmpty { #expect(result.error.contains(error), "\(result)") }
        }
        #expect(try deployment.databases().filter { $0.contains(database) } == [database])
    }

    @Test func aTimeSeriesFollowsAnExactRename() throws {
        try deployment.perform(
            database, ["create": "climate", "timeseries": ["timeField": "at", "metaField": "m"]])
        try deployment.insert(
            (0..<500).map {
                ["at": .dateTime(Int64($0) * 60_000), "m": .int32(Int32($0 % 3)), "v": .double(Double($0))]
            },
            into: database, "climate")
        try SampleData.index(database, "climate", ["name": "m", "key": ["m": 1, "at": 1]], on: deployment)
        try backupctl.must("run", "r")
        try backupctl.run([
            "restore", "r@latest", "--to", bench.server.uri, "--ns-include", "*.climate", "--ns-from",
            "\(database).climate", "--ns-to", "\(copy).weather",
        ]).expectSuccess()
        let before = try deployment.state(of: database)
        let after = try deployment.state(of: copy)
        #expect(after.keys.sorted() == ["weather"])
        #expect(after["weather"] == before["climate"])
        #expect(try deployment.count(copy, "weather") == 500)

        try backupctl.run([
            "restore", "r@latest", "--to", bench.server.uri, "--ns-include", "*.climate", "--rename",
            "\(database).climate=\(copy).again",
        ]).expectSuccess()
        #expect(try deployment.state(of: copy)["again"] == before["climate"])
    }
}
