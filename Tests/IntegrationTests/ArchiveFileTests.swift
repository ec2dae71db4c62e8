import BackupEngines
import BackupTestSupport
import Foundation
import MongoArchive
import Testing

/// Files that someone else made: what is no archive, or not a whole one, is refused before the first write.
@Suite(.enabled(if: Backupctl.isAvailableWithServer, Backupctl.serverSkipReason))
struct ArchiveFileTests {
    private let fixture = Fixture()
    private let server: TestServer
    private let deployment: MongoDeployment
    private let backupctl: Backupctl
    private let target = SampleData.databaseName("file")

    init() throws {
        server = try TestServer.shared.get()
        deployment = try server.deployment()
        backupctl = Backupctl(fixture)
        fixture.onEnd { [server, target] in
            guard let deployment = try? server.deployment(), let all = try? deployment.databases() else { return }
            for database in all where database.contains(target) { try? deployment.dropDatabase(database) }
        }
    }

    /// Restores everything of an archive into databases that this test alone has.
    private func restore(_ path: String, _ more: String...) throws -> CommandResult {
        try backupctl.run(
            ["restore", path, "--to", server.uri, "--ns-from", "$db$.$c$", "--ns-to", "\(target)_$db$.$c$", "--json"]
                + more)
    }

    private func expectNothingWritten(sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try !deployment.databases().contains { $0.contains(target) }, sourceLocation: sourceLocation)
    }

    private static let noArchives: [(name: String, content: [UInt8], reason: String)] = [
        ("empty.archive", [], "empty"), ("text.archive", Array("hello\n".utf8), "not a mongodump archive"),
        ("one.archive", [0x6D], "not a mongodump archive"), ("zstd.gz", [0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0], "zstd"),
        ("xz.gz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0, 0], "xz"), ("half.gz", [0x1F, 0x8B], "half.gz"),
        ("magic.archive", [0x6D, 0xE2, 0x99, 0x81], "magic.archive"),
        ("zeros.archive", [UInt8](repeating: 0, count: 4096), "not a mongodump archive"),
        ("long.archive", [0x6D, 0xE2, 0x99, 0x81, 0xFF, 0xFF, 0xFF, 0x7F], "long.archive"),
    ]

    @Test func aFileThatIsNoArchiveIsRefused() throws {
        for (name, content, reason) in Self.noArchives {
            let path = try fixture.write(Data(content), to: name)
            expectRefusal(try restore(path), status: 1, name, reason)
            expectRefusal(try backupctl("show", path), status: 1, name, reason)
        }
        let pipe = fixture.path("pipe.gz")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, fixture.folder.path, fixture.path("none.gz"), "/dev/null", "/dev/zero"] {
            let result = try backupctl("show", path, within: 20)
            expectRefusal(result, status: 1, path)
            expectRefusal(try restore(path), status: 1, path)
        }
        try expectNothingWritten()
    }

    private static let damaged = [
        "gz-crc", "gz-flip-deflate", "gz-isize", "gz-trailer-cut", "gz-trailing-garbage", "gz-trunc-half",
        "flip-eof-crc",
        "flip-body-id", "trunc-in-prelude", "trunc-in-document", "trunc-before-last-eof", "trunc-last-terminator",
        "duplicate-eof", "trailing-garbage-inside", "wrong-magic",
    ]

    /// mongorestore writes what comes before the damage; this must not write anything.
    @Test func aDamagedArchiveIsRefusedBeforeTheFirstWrite() throws {
        for name in Self.damaged {
            let path = GoldenArchives.path("09-damaged/\(name).archive.gz")
            let result = try restore(path)
            expectRefusal(result, status: 1, "\(name).archive.gz")
            #expect(try result.json()["state"].string == "failed")
            expectRefusal(try restore(path, "--dry-run"), status: 1, "\(name).archive.gz")
            expectRefusal(try backupctl("show", path), status: 1, "\(name).archive.gz")
        }
        try expectNothingWritten()
    }

    @Test func everyPrefixOfAFileIsRefused() throws {
        let whole = try Data(contentsOf: URL(filePath: GoldenArchives.path("10-base.archive")))
        for _ in 0..<8 {
            let length = Int.random(in: 0..<whole.count)
            let path = try fixture.write(whole.prefix(length), to: "prefix.archive")
            let result = try backupctl("show", path)
            #expect(result.status == 1, "\(length) of \(whole.count) bytes")
            expectRefusal(result, status: 1, "prefix.archive")
        }
    }

    /// Plain and gzip, of tools from 3.4 to 100.18: all documents, options and indexes as the real dump had them.
    @Test(arguments: [
        "10-base.archive", "08-old/100.5.4-base-plain.archive", "08-old/100.5.4-features.archive.gz",
        "08-old/r4.2.25-base-plain.archive", "08-old/r4.0.28-features.archive.gz", "08-old/r4.0.28-base-plain.archive",
        "08-old/r3.6.23-features.archive.gz", "08-old/r3.4.24-features.archive.gz", "08-old/r3.4.24-base-plain.archive",
        "10-reframed/reversed.archive.gz", "10-reframed/one-doc-per-block.archive.gz", "03-features.archive.gz",
        "05-gridfs.archive.gz",
    ])
    func archivesOfRealToolsAreRestored(name: String) throws {
        let result = try restore(GoldenArchives.path(name))
        #expect(result.status == 0, "\(result)")
        let report = try result.json()
        #expect(report["state"].string == "succeeded")
        let restored = try deployment.databases().filter { $0.contains(target) }
        #expect(!restored.isEmpty)
        guard FileManager.default.fileExists(atPath: GoldenArchives.path(name + ".json")) else { return }
        let golden = try Golden(name)
        for (namespace, expected) in golden.namespaces where !namespace.collection.hasPrefix(Golden.buckets) {
            let database = "\(target)_\(namespace.database)"
            let state = try deployment.state(of: database)[namespace.collection]
            #expect(state?.hash == golden.hash(of: namespace), "documents of \(namespace)")
            #expect(Set(state?.indexes.keys.map(\.self) ?? []) == expected.indexes, "indexes of \(namespace)")
        }
    }

    @Test func aFileIsShownAsWhatItIs() throws {
        let path = GoldenArchives.path("03-features.archive.gz")
        let shown = try backupctl.json("show", path)
        #expect(shown["file"].string == path)
        #expect(shown["engine"]["name"].string == "mongodump")
        #expect(shown["engine"]["version"].string == "100.18.0")
        #expect(shown["serverVersion"].string == "6.0.5")
        #expect(shown["id"] == .null)
        let types = Set(shown["namespaces"].items.compactMap { $0["type"].string })
        #expect(types.isSuperset(of: ["collection", "view", "timeseries"]))
        // Nothing of that needs, or makes, a state directory.
        #expect(!FileManager.default.fileExists(atPath: backupctl.state))
    }

    @Test func aServerThatIsAwayIsNotNeededToRefuseAFile() throws {
        let result = try backupctl("restore", fixture.path("none.gz"), "--to", "mongodb://127.0.0.1:1/", within: 60)
        expectRefusal(result, status: 1, "none.gz")
        #expect(result.seconds < 5)
    }
}
