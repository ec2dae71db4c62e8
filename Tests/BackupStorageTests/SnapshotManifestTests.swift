import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Testing

@Suite struct SnapshotManifestTests {
    private func example() throws -> SnapshotManifest {
        let repository = MemoryRepository()
        let location = try Example.location()
        try Example.publish(location, in: repository)
        return try repository.manifest(of: location).manifest
    }

    private func read(_ bytes: [UInt8]) throws -> SnapshotManifest {
        try SnapshotManifest(fileBytes: bytes, path: "m.json")
    }

    /// The file with its fields changed, under a digest that is right again: what a hostile writer can make.
    private func changed(_ change: (inout [String: Any]) -> Void) throws -> [UInt8] {
        var object = try #require(
            JSONSerialization.jsonObject(with: Data(try example().fileBytes())) as? [String: Any])
        object["digest"] = nil
        change(&object)
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let body = Array(try JSONSerialization.data(withJSONObject: object, options: options))
        return sealed(Array(body.dropLast(2)))
    }

    private func sealed(_ body: [UInt8]) -> [UInt8] {
        let lines = body + Array(",\n".utf8)
        return lines + Array("  \"digest\" : \"\(sha256(lines))\"\n}\n".utf8)
    }

    @Test func whatIsWrittenIsRead() throws {
        let manifest = try example()
        #expect(try read(manifest.fileBytes()) == manifest)
        #expect(try manifest.fileBytes() == manifest.fileBytes())
    }

    @Test func theFieldsAreThoseOfTheFormat() throws {
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(try example().fileBytes())) as? [String: Any])
        #expect(
            object.keys.sorted() == [
                "compression", "consistency", "digest", "documents", "engine", "file", "finishedAt", "formatVersion",
                "job",
                "namespaces", "prelude", "repositoryId", "restoreCommand", "run", "server", "sha256", "snapshotId",
                "source", "startedAt", "storedBytes", "uncompressedBytes", "warnings",
            ])
        #expect(object["file"] as? String == "orders-20260114T020000Z-k3f9.archive.gz")
        #expect(object["startedAt"] as? String == "2026-01-14T02:00:00Z")
        #expect(object["finishedAt"] as? String == "2026-01-14T02:01:01Z")
        #expect(
            object["restoreCommand"] as? String
                == "mongorestore --gzip --archive=orders-20260114T020000Z-k3f9.archive.gz")
        let first = try #require((object["namespaces"] as? [[String: Any]])?.first)
        #expect(
            first.keys.sorted() == [
                "bytes", "crc64", "dataNamespace", "documents", "indexes", "namespace", "ranges", "type",
            ])
        #expect((first["crc64"] as? String)?.count == 16)
    }

    @Test func theShellComputesTheDigest() throws {
        let folder = try TemporaryFolder()
        let bytes = try example().fileBytes()
        try folder.write("m.json", bytes)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "head -n -2 \"$1\" | sha256sum", "sh", folder.path(of: "m.json")]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let digest = String(decoding: output.fileHandleForReading.readDataToEndOfFile().prefix(64), as: UTF8.self)
        process.waitUntilExit()
        #expect(digest.utf8.count == 64)
        #expect(String(decoding: bytes.suffix(80), as: UTF8.self).contains(digest))
    }

    @Test func everyTruncationAndEveryFlippedBitIsNoticed() throws {
        let bytes = try example().fileBytes()
        for length in 0..<bytes.count {
            let error = #expect(throws: BackupError.self) { try read(Array(bytes[..<length])) }
            #expect(error?.code == .snapshotDamaged)
        }
        for bit in 0..<(bytes.count * 8) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: BackupError.self) { try read(flipped) }
        }
        #expect(throws: BackupError.self) { try read(bytes + [10]) }
    }

    @Test func unknownFieldsAreIgnored() throws {
        let bytes = try changed { $0["zzz"] = ["later": 1] }
        #expect(try read(bytes) == example())
    }

    @Test func aManifestWithoutACompressionIsRead() throws {
        let manifest = try read(changed { $0["compression"] = nil })
        #expect(manifest.compression == nil)
        var expected = try example()
        #expect(expected.compression == "balanced")
        expected.compression = nil
        #expect(manifest == expected)
        let text = String(decoding: try expected.fileBytes(), as: UTF8.self)
        #expect(!text.contains("compression"))
    }

    @Test func aCompressionOfALaterVersionIsKept() throws {
        let manifest = try read(changed { $0["compression"] = "smallest yet" })
        #expect(manifest.compression == "smallest yet")
        #expect(try read(manifest.fileBytes()) == manifest)
        #expect(throws: BackupError.self) { try read(changed { $0["compression"] = 6 }) }
    }

    @Test func aNewerFormatIsRefusedAndNotCalledDamaged() throws {
        let bytes = try changed {
            $0["formatVersion"] = 2
            $0["namespaces"] = "something else"
        }
        let error = #expect(throws: BackupError.self) { try read(bytes) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("m.json") == true)
    }

    @Test(arguments: [
        ("file", "../../etc/passwd"), ("file", "/etc/passwd"), ("file", "other-20260114T020000Z-k3f9.archive.gz"),
        ("job", "../x"), ("job", "Orders"), ("job", ""), ("run", "20260114T020000Z-k3f9/.."), ("run", "now"),
        ("snapshotId", "orders"), ("sha256", "abc"), ("startedAt", "yesterday"), ("consistency", "some"),
    ])
    func textsThatCannotBeAreDamage(key: String, value: String) throws {
        let error = try #require(throws: BackupError.self) { try read(changed { $0[key] = value }) }
        #expect(error.code == .snapshotDamaged)
        #expect(error.message.contains("'m.json'"))
    }

    @Test(arguments: [
        ("storedBytes", -1), ("storedBytes", 0), ("uncompressedBytes", -5), ("documents", -1), ("documents", 999),
        ("formatVersion", 0), ("formatVersion", -1),
    ])
    func numbersThatCannotBeAreDamage(key: String, value: Int) throws {
        #expect(throws: BackupError.self) { try read(changed { $0[key] = value }) }
    }

    @Test func rangesOutsideTheFileAreDamage() throws {
        let manifest = try example()
        let changes: [(inout SnapshotManifest) -> Void] = [
            { $0.namespaces[0].ranges = [.init(offset: .max, length: 2, stored: nil)] },
            { $0.namespaces[0].ranges = [.init(offset: 0, length: UInt64($0.uncompressedBytes) + 1, stored: nil)] },
            {
                $0.namespaces[0].ranges = [
                    .init(
                        offset: 5, length: 1,
                        stored: .init(offset: UInt64($0.storedBytes), length: 1, uncompressedOffset: 0))
                ]
            },
            {
                $0.namespaces[0].ranges = [
                    .init(offset: 5, length: 1, stored: .init(offset: 0, length: 1, uncompressedOffset: 6))
                ]
            },
            { $0.prelude.offset = 1 }, { $0.namespaces[0].documents = -1 }, { $0.namespaces[0].bytes = .max },
            { $0.namespaces[1] = $0.namespaces[0] },
        ]
        for change in changes {
            var wrong = manifest
            change(&wrong)
            let error = #expect(throws: BackupError.self) { try read(wrong.fileBytes()) }
            #expect(error?.code == .snapshotDamaged)
        }
    }

    @Test func namespacesOfAnyNameSurvive() throws {
        var manifest = try example()
        let names = ["a\nb", "x.y.z", "\"quoted\" \\ / ü", "e\u{301}", "\u{e9}", "\u{202e}abc", "$admin.system.users"]
        manifest.namespaces = names.map {
            var entry = manifest.namespaces[0]
            entry.namespace = Namespace(database: "d", collection: $0)
            entry.dataNamespace = entry.namespace.buckets
            return entry
        }
        manifest.namespaces.append(manifest.namespaces[0])
        manifest.namespaces[names.count].namespace = Namespace(database: "", collection: "oplog")
        manifest.namespaces[names.count].ranges = nil
        #expect(try read(manifest.fileBytes()) == manifest)
    }

    @Test func thePointInTimeCommandReplaysTheOplog() {
        #expect(
            SnapshotManifest.restoreCommand(file: "f", consistency: .pointInTime)
                == "mongorestore --gzip --oplogReplay --archive=f")
    }
}
