import BackupModel
import MongoArchive
import Testing

struct ArchiveReaderTests {
    @Test(arguments: ["01-types.archive.gz", "03-features.archive.gz", "10-reframed/round-robin-6-open.archive.gz"])
    func chunksOfAnySizeGiveTheSameEvents(_ name: String) throws {
        let bytes = try Golden(name: name).archive()
        let whole = try read(bytes, into: Recorder(), chunk: { bytes.count }).events
        for size in [1, 2, 3, 4, 5, 7, 64, 4_096] {
            #expect(try read(bytes, into: Recorder(), chunk: { size }).events == whole)
        }
        var dice = Dice(7)
        for _ in 0..<10 {
            let events = try read(bytes, into: Recorder(), chunk: { Int.random(in: 1...700, using: &dice) }).events
            #expect(events == whole)
        }
    }

    @Test func errorsDoNotDependOnChunks() throws {
        for name in ["flip-body-length", "flip-terminator", "trunc-in-document", "trailing-garbage-inside"] {
            let bytes = try Golden(name: "09-damaged/\(name).archive.gz").archive()
            let whole = #expect(throws: ArchiveError.self) { try index(bytes) }
            for size in [1, 5, 1_000] {
                let error = #expect(throws: ArchiveError.self) {
                    try read(bytes, into: ArchiveIndexer(), chunk: { size })
                }
                #expect(error == whole, "\(name)")
            }
        }
    }

    @Test func documentsArriveInOnePieceWhereTheChunkHasThem() throws {
        struct Counter: ArchiveHandler {
            var calls = 0
            mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) { calls += 1 }
        }
        let bytes = try Golden(name: "03b-features-plain.archive").archive()
        #expect(try read(bytes, into: Counter()).calls == 1)
    }

    /// One archive per lie: what is wrong, and the kind of the error.
    @Test(arguments: Lie.all)
    func liesAreErrors(_ lie: Lie) throws {
        var forge = lie.forge
        lie.body(&forge)
        for chunk in [1, 1 << 20] {
            let error = #expect(throws: ArchiveError.self) { try read(forge.bytes, into: Recorder(), chunk: { chunk }) }
            #expect(error?.kind == lie.kind)
        }
    }

    @Test func onlyTheEndWithoutABlockIsEnough() throws {
        var forge = Forge.oneCollection
        forge.end("c")
        #expect(try index(forge.bytes).namespaces.map(\.documents) == [0])
    }

    @Test func identicalAnnouncementsCountOnce() throws {
        var forge = Forge(collections: ["c", "c"])
        forge.end("c")
        #expect(try index(forge.bytes).collections.count == 1)
    }

    @Test func blocksMayLackEOFAndCRCAndHaveAnyOrder() throws {
        var forge = Forge.oneCollection
        forge.block(["collection": "c", "db": "d"], [Forge.document(1)])
        forge.block([
            "CRC": .int64(Int64(bitPattern: Forge.checksum([Forge.document(1)]))), "EOF": true, "collection": "c",
            "db": "d",
        ])
        #expect(try index(forge.bytes).namespaces.map(\.documents) == [1])
    }

    @Test func aDocumentOf16MiBPassesAndOneByteMoreDoesNot() throws {
        func document(_ length: Int) -> [UInt8] {
            BSONDocument(["b": .binary(subtype: 0, [UInt8](repeating: 7, count: length - 13))]).bytes
        }
        let largest = document(16_777_216)
        #expect(largest.count == 16_777_216)
        var forge = Forge.oneCollection
        forge.data("c", [largest])
        forge.end("c", [largest])
        #expect(try index(forge.bytes).namespaces.map(\.bytes) == [16_777_216])
        forge = Forge.oneCollection
        forge.data("c", [document(16_777_217)])
        let error = #expect(throws: ArchiveError.self) { try index(forge.bytes) }
        #expect(error?.kind == .framing)
    }

    @Test func capsAreKept() throws {
        var forge = Forge(collections: ["a", "b", "c"])
        for name in ["a", "b", "c"] { forge.end(name) }
        let few = ArchiveReaderOptions(maximumNamespaces: 2)
        var error = #expect(throws: ArchiveError.self) { try read(forge.bytes, into: Recorder(), options: few) }
        #expect(error?.kind == .tooLarge)
        let small = ArchiveReaderOptions(maximumPreludeBytes: 200)
        error = #expect(throws: ArchiveError.self) { try read(forge.bytes, into: Recorder(), options: small) }
        #expect(error?.kind == .tooLarge)
    }

    @Test func thePreludeAndSomeRangesCanBeReadAlone() throws {
        let bytes = try Golden(name: "03-features.archive.gz").archive()
        let whole = try index(bytes)
        for wanted in whole.namespaces {
            let ranges = [0..<whole.preludeLength] + wanted.ranges
            let part = ranges.flatMap { bytes[Int($0.lowerBound)..<Int($0.upperBound)] }
            let options = ArchiveReaderOptions { $0 == wanted.namespace }
            let found = try read(part, into: ArchiveIndexer(), options: options).index
            #expect(found.namespaces.map(\.crc64) == [wanted.crc64])
            #expect(found.namespaces.map(\.documents) == [wanted.documents])
            let error = #expect(throws: ArchiveError.self) { try index(part) }
            #expect(error?.kind == .missingNamespaces)
            // What begins must end, required or not.
            let cut = Array(part.dropLast(wanted.ranges.isEmpty ? 0 : 4))
            #expect(throws: ArchiveError.self) {
                try read(cut, into: ArchiveIndexer(), options: ArchiveReaderOptions { _ in false })
            }
        }
    }

    @Test func anUnrequiredNamespaceThatBeginsMustEnd() throws {
        var forge = Forge.oneCollection
        forge.data("c", [Forge.document(1)])
        let options = ArchiveReaderOptions { _ in false }
        let error = #expect(throws: ArchiveError.self) { try read(forge.bytes, into: Recorder(), options: options) }
        #expect(error?.kind == .missingNamespaces)
    }

    @Test func aTimeSeriesMayLieUnderEitherName() throws {
        for stored in ["ts", "system.buckets.ts"] {
            var forge = Forge(prelude: [Forge.collection("ts", type: "timeseries")])
            forge.data(stored, [Forge.document(1)])
            forge.end(stored, [Forge.document(1)])
            let found = try #require(try index(forge.bytes).namespaces.first)
            #expect(found.namespace.collection == "ts")
            #expect(found.dataNamespace.collection == stored)
        }
    }

    @Test func whatAHandlerThrowsEndsTheReading() throws {
        struct Full: Error {}
        struct Refusing: ArchiveHandler {
            mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws { throw Full() }
        }
        let bytes = try Golden(name: "10-base.archive").archive()
        let reader = ArchiveReader(handler: Refusing())
        #expect(throws: Full.self) { try bytes.withUnsafeBytes { try reader.feed($0) } }
        #expect(throws: Full.self) { try reader.finish() }
    }

    @Test(arguments: [
        ("6.0.5", true, true), ("8.3.0-rc1", true, true), ("4.4.0+build", true, true), ("unknown", true, false),
        ("", true, false), ("6.0", true, false), ("6.0.x", false, false), ("v6.0.5", false, false),
        ("6", false, false), ("6..5", false, false), ("99999999999999999999.0.1", false, false),
    ])
    func serverVersions(_ version: String, _ isReadable: Bool, _ suitsMongorestore: Bool) throws {
        let forge = Forge(header: ["server_version": .string(version)], collections: [])
        let index = try? index(forge.bytes)
        #expect((index != nil) == isReadable)
        #expect((index?.header.hasServerVersionForMongorestore ?? false) == suitsMongorestore)
    }
}
