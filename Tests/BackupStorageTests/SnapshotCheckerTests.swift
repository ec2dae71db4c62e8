import BackupModel
import BackupPipeline
import BackupStorage
import MongoArchive
import Testing

@Suite struct SnapshotCheckerTests {
    private let manifest: SnapshotManifest
    private let stored: [UInt8]

    init() throws {
        let repository = MemoryRepository()
        let location = try Example.location()
        try Example.publish(location, in: repository)
        manifest = try repository.manifest(of: location).manifest
        let file = try repository.openArchive(location)
        stored = try file.source().collect(limit: .max)
    }

    private func problems(_ bytes: [UInt8]) throws -> [String] {
        try SnapshotChecker.problems(of: MemoryFile(bytes), manifest)
    }

    @Test func theStoredFileIsGood() throws {
        #expect(stored.count < 3000)
        #expect(try problems(stored) == [])
        try SnapshotChecker.require(MemoryFile(stored), manifest)
    }

    @Test func everyTruncationIsNoticed() throws {
        for length in 0..<stored.count { #expect(try !problems(Array(stored[..<length])).isEmpty) }
    }

    @Test func everyFlippedBitIsNoticed() throws {
        for bit in 0..<(stored.count * 8) {
            var flipped = stored
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(try problems(flipped).first == "the file's SHA-256 does not match")
        }
    }

    /// There is no digest yet with which a file that was just written could be compared: what is read back speaks for
    /// itself. Deflate streams have some bits that say nothing, such as those that fill up the last byte.
    @Test func whateverBitIsFlippedBeforeTheReadBackOnlyTheArchiveIsSealed() throws {
        let archive = try fixture("10-base.archive")
        var unproved = manifest
        unproved.sha256 = ""
        #expect(try SnapshotChecker.sealed(unproved, by: MemoryFile(stored)) == manifest)
        var sealed: Set<Int> = []
        for bit in 0..<(stored.count * 8) {
            var flipped = stored
            flipped[bit / 8] ^= 1 << (bit % 8)
            do {
                let proved = try SnapshotChecker.sealed(unproved, by: MemoryFile(flipped))
                #expect(proved.sha256 == sha256(flipped))
                #expect(try GunzipSource(PrefixedSource(flipped, NoBytes())).collect(limit: .max) == archive)
                sealed.insert(bit / 8)
            } catch let error as BackupError {
                #expect(error.code == .snapshotDamaged)
            }
        }
        #expect(sealed.isDisjoint(with: try headersAndTrailers()))
        #expect(sealed.count < 10)
        for length in 0..<stored.count {
            #expect(throws: BackupError.self) {
                try SnapshotChecker.sealed(unproved, by: MemoryFile(Array(stored[..<length])))
            }
        }
    }

    /// Their places in the stored file, by the sizes that its members state.
    private func headersAndTrailers() throws -> Set<Int> {
        var places: Set<Int> = []
        var offset = 0
        while offset < stored.count {
            let size = stored[(offset + 16)..<(offset + 20)].reversed().reduce(0) { $0 << 8 | Int($1) }
            places.formUnion(offset..<(offset + 20))
            places.formUnion((offset + 20 + size)..<(offset + 28 + size))
            offset += 28 + size
        }
        try #require(offset == stored.count && places.count > 2 * 28)
        return places
    }

    @Test func whatFollowsOrIsExchangedIsNoticed() throws {
        #expect(try !problems(stored + [0]).isEmpty)
        #expect(try !problems(stored + stored).isEmpty)
        #expect(try !problems([UInt8](repeating: 0, count: stored.count)).isEmpty)
        #expect(try !problems(Array(stored.reversed())).isEmpty)
    }

    @Test func theManifestsWordOnEveryNamespaceIsChecked() throws {
        let changes: [(word: String, change: (inout SnapshotManifest) -> Void)] = [
            ("documents", { $0.namespaces[0].documents += 1 }), ("bytes", { $0.namespaces[0].bytes += 1 }),
            ("checksum", { $0.namespaces[0].crc64 ^= 1 }), ("type", { $0.namespaces[0].type = "view" }),
            ("indexes", { $0.namespaces[0].indexes += 1 }), ("not in the manifest", { $0.namespaces.removeLast() }),
            ("not in the archive", { $0.namespaces[0].namespace.collection += "x" }),
            ("lies in", { $0.namespaces[0].dataNamespace.collection += "x" }),
            ("lie where", { $0.namespaces[0].ranges?[0].offset += 1 }), ("prelude", { $0.prelude.length -= 1 }),
            ("more than", { $0.uncompressedBytes -= 1 }), ("uncompressed", { $0.uncompressedBytes += 1 }),
            ("SHA-256", { $0.sha256 = String(repeating: "0", count: 64) }),
            ("bytes, not", { $0.storedBytes += 1 }),
        ]
        for (word, change) in changes {
            var wrong = manifest
            change(&wrong)
            let problems = try SnapshotChecker.problems(of: MemoryFile(stored), wrong)
            #expect(problems.contains { $0.contains(word) }, "\(word): \(problems)")
            let error = #expect(throws: BackupError.self) { try SnapshotChecker.require(MemoryFile(stored), wrong) }
            #expect(error?.code == .snapshotDamaged)
            guard word != "SHA-256" else { continue }
            #expect(throws: BackupError.self) { try SnapshotChecker.sealed(wrong, by: MemoryFile(stored)) }
        }
    }

    @Test func theDigestIsThatOfTheWholeFileHoweverEarlyItFails() throws {
        let junk = [UInt8](repeating: 7, count: 3 << 20)
        var claim = manifest
        claim.storedBytes = Int64(junk.count)
        claim.sha256 = sha256(junk)
        #expect(try SnapshotChecker.problems(of: MemoryFile(junk), claim) == ["gzip data at byte 0: not gzip data"])
    }

    @Test func aCheckCanBeCancelled() throws {
        #expect(throws: TestFailure.self) {
            try SnapshotChecker.problems(of: MemoryFile(stored), manifest) { _ in throw TestFailure() }
        }
    }

    @Test func eachNamespaceIsFoundThroughItsRanges() throws {
        for entry in manifest.namespaces {
            let pieces = try (entry.ranges ?? []).map { try #require($0.piece) }
            let prelude = try #require(manifest.prelude.piece)
            let source = try StoredRangesSource(MemoryFile(stored), [prelude] + pieces)
            let name = entry.namespace
            let stage = IndexStage(options: .init { $0 == name })
            try source.copy(to: stage)
            try stage.finish()
            let found = try #require(stage.index.namespaces.first { $0.namespace == name })
            #expect(found.crc64 == entry.crc64 && found.documents == entry.documents)
        }
    }
}
