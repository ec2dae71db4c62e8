import BackupModel
import MongoArchive
import Testing

struct ArchiveRewriterTests {
    private func rewrite(
        _ bytes: [UInt8], select: @escaping (Namespace) -> Bool = { _ in true },
        special: @escaping (Namespace) -> Bool = { _ in false }, concurrent: Int32? = nil,
        chunk: @escaping () -> Int = { 1 << 20 }, rename: @escaping (Namespace) -> Namespace = { $0 }
    ) throws -> [UInt8] {
        var output: [UInt8] = []
        let rewriter = ArchiveRewriter(
            select: select, selectSpecial: special, rename: rename, concurrentCollections: concurrent,
            writer: ArchiveWriter { output += $0 })
        var handler = try read(bytes, into: rewriter, chunk: chunk)
        try handler.finish()
        return output
    }

    private static func toCopy(_ namespace: Namespace) -> Namespace {
        Namespace(database: "copy_" + namespace.database, collection: namespace.collection)
    }

    private static func prefixed(_ namespace: Namespace) -> Namespace {
        Namespace(database: namespace.database, collection: "copy_" + namespace.collection)
    }

    @Test(arguments: Golden.small)
    func withoutRenamingEverythingStays(_ golden: Golden) throws {
        let bytes = try golden.archive()
        let seen = try read(bytes, into: Recorder())
        let again = try read(try rewrite(bytes, special: { _ in true }), into: Recorder())
        #expect(again.contents == seen.contents)
        let byName = { (left: ArchiveCollection, right: ArchiveCollection) in left.namespace < right.namespace }
        #expect(again.collections.sorted(by: byName) == seen.collections.sorted(by: byName))
    }

    @Test(arguments: Golden.small)
    func renamingMovesEveryOrdinaryNamespace(_ golden: Golden) throws {
        let bytes = try golden.archive()
        let before = try index(bytes)
        for rename in [Self.toCopy, Self.prefixed] {
            let after = try index(try rewrite(bytes, special: { _ in true }, chunk: { 77 }, rename: rename))
            #expect(after.namespaces.count == before.namespaces.count)
            for namespace in before.namespaces {
                let isSpecial = namespace.namespace.isUsersOrRoles || namespace.namespace == .oplog
                let target = isSpecial ? namespace.namespace : rename(namespace.namespace)
                let found = try #require(after.namespaces.first { $0.namespace == target })
                #expect(found.crc64 == namespace.crc64 && found.documents == namespace.documents)
                let isBucketed = namespace.dataNamespace != namespace.namespace
                #expect(found.dataNamespace == (isBucketed ? target.buckets : target))
                #expect(found.kind == namespace.kind)
            }
        }
    }

    @Test func metadataFollowsTheNameAndKeepsTheRest() throws {
        let bytes = try Golden(name: "08-old/r4.0.28-features.archive.gz").archive()
        let before = try read(bytes, into: Recorder()).collections
        let after = try read(try rewrite(bytes, rename: Self.toCopy), into: Recorder()).collections
        var checked = 0
        for collection in before {
            let target = Self.toCopy(collection.namespace)
            let old = try collection.metadata()
            let new = try after.first { $0.namespace == target }?.metadata()
            #expect(new?.options == old?.options)
            #expect(new?.collectionName == old?.collectionName)
            for (left, right) in zip(old?.indexes ?? [], new?.indexes ?? []) {
                #expect(left.elements.map(\.key) == right.elements.map(\.key))
                for (key, value) in left.elements where key != "ns" { #expect(right[key] == value) }
                guard left["ns"] != nil else { continue }
                #expect(right["ns"] == .string(target.description))
                checked += 1
            }
        }
        #expect(checked > 10)
    }

    @Test func collectionNameFollowsAndUnknownFieldsStay() throws {
        let metadata = #"{"x":{"$numberLong":"5"},"indexes":[{"v":1,"ns":"d.c"},{"v":2}],"collectionName":"c","y":1.0}"#
        let collection = ArchiveCollection(
            namespace: Namespace(database: "d", collection: "c"), kind: .collection, metadataJSON: metadata)
        let renamed = try collection.renamed(to: Namespace(database: "e", collection: "f.g"))
        #expect(
            renamed.metadataJSON
                == #"{"x":{"$numberLong":"5"},"indexes":[{"v":{"$numberInt":"1"},"ns":"e.f.g"},{"v":{"$numberInt":"2"}}],"#
                + #""collectionName":"f.g","y":{"$numberDouble":"1.0"}}"#)
        #expect(try collection.renamed(to: collection.namespace) == collection)
    }

    @Test func onlyWhatIsSelectedPasses() throws {
        let bytes = try Golden(name: "10-base.archive").archive()
        let aa = Namespace(database: "gold_small", collection: "aa")
        let one = try index(try rewrite(bytes, select: { $0 == aa }))
        #expect(one.namespaces.map(\.namespace) == [aa])
        #expect(try index(try rewrite(bytes, select: { _ in false })).namespaces.isEmpty)
    }

    @Test func whatIsNotSelectedIsCheckedAllTheSame() throws {
        let bytes = try Golden(name: "09-damaged/flip-body-string.archive.gz").archive()
        let error = #expect(throws: ArchiveError.self) { try rewrite(bytes, select: { _ in false }) }
        #expect(error?.kind == .checksum)
    }

    @Test(arguments: ["04-users-db", "04b-users-cluster", "06-oplog"])
    func specialsHaveTheirOwnSelectionAndNoOtherName(_ name: String) throws {
        let bytes = try Golden(name: name + ".archive.gz").archive()
        let isSpecial = { (namespace: Namespace) in namespace.isUsersOrRoles || namespace == .oplog }
        let all = try index(bytes).namespaces.map(\.namespace).filter(isSpecial)
        #expect(!all.isEmpty)
        let without = try index(try rewrite(bytes, rename: Self.toCopy)).namespaces.map(\.namespace)
        #expect(!without.isEmpty && without.allSatisfy { !isSpecial($0) && $0.database.hasPrefix("copy_") })
        let with = try index(try rewrite(bytes, special: { _ in true }, rename: Self.toCopy)).namespaces.map(
            \.namespace)
        #expect(Set(with.filter(isSpecial)) == Set(all))
    }

    @Test func swappingTwoNamesWorksAndTwoOnOneIsRefusedBeforeAnyWrite() throws {
        let bytes = try Golden(name: "10-base.archive").archive()
        let before = try read(bytes, into: Recorder()).contents
        let swap = ["aa": "bb", "bb": "aa"]
        let swapped = try read(
            try rewrite(
                bytes,
                rename: { Namespace(database: $0.database, collection: swap[$0.collection] ?? $0.collection) }),
            into: Recorder()
        ).contents
        let aa = Namespace(database: "gold_small", collection: "aa")
        let bb = Namespace(database: "gold_small", collection: "bb")
        #expect(swapped[aa] == before[bb] && swapped[bb] == before[aa])
        var written = 0
        let rewriter = ArchiveRewriter(
            select: { _ in true }, rename: { $0 == bb ? aa : $0 }, writer: ArchiveWriter { written += $0.count })
        let error = #expect(throws: ArchiveError.self) { try read(bytes, into: rewriter) }
        #expect(error?.kind == .unwritable)
        #expect(written == 0)
    }

    @Test func twoTimeSeriesMayNotShareTheirBuckets() throws {
        var forge = Forge(prelude: [Forge.collection("ts", type: "timeseries"), Forge.collection("c")])
        forge.end("system.buckets.ts")
        forge.end("c")
        #expect(throws: ArchiveError.self) {
            try rewrite(
                forge.bytes,
                rename: {
                    $0.collection == "c" ? Namespace(database: "d", collection: "system.buckets.ts") : $0
                })
        }
    }

    @Test func moreOpenThanAnnouncedIsRefusedUnlessTold() throws {
        let bytes = try Golden(name: "10-reframed/round-robin-hidden.archive.gz").archive()
        #expect(try index(bytes).maximumOpen == 6)
        #expect(try index(bytes).hangsMongorestore)
        #expect(throws: ArchiveError.self) { try rewrite(bytes) }
        let told = try index(try rewrite(bytes, concurrent: 6))
        #expect(told.header.concurrentCollections == 6)
        #expect(!told.hangsMongorestore)
    }

    @Test func aHugeAnnouncementIsNotPassedOn() throws {
        let forge = Forge(
            header: ["concurrent_collections": .int32(.max), "server_version": "6.0.5"], collections: [])
        #expect(try index(try rewrite(forge.bytes)).header.concurrentCollections == 64)
    }

    @Test func anArchiveWithoutAServerVersionBecomesReadable() throws {
        for name in ["header-no-server-version", "header-server-version-unknown"] {
            let bytes = try rewrite(try Golden(name: "10-reframed/\(name).archive.gz").archive())
            #expect(try index(bytes).header.hasServerVersionForMongorestore)
        }
    }
}
