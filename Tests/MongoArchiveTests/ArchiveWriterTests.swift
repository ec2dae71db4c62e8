import BackupModel
import MongoArchive
import Testing

struct ArchiveWriterTests {
    private final class Output {
        var bytes: [UInt8] = []
        var calls = 0
    }

    private func writer(_ output: Output, blockBytes: Int = ArchiveWriter.maximumBlockBytes) -> ArchiveWriter {
        ArchiveWriter(blockBytes: blockBytes) {
            output.bytes += $0
            output.calls += 1
        }
    }

    private static func header(_ concurrent: Int32? = 1, server: String? = "6.0.5") -> ArchiveHeader {
        ArchiveHeader(concurrentCollections: concurrent, serverVersion: server, toolVersion: "100.18.0")
    }

    private static func collection(_ name: String, _ kind: CollectionKind = .collection, database: String = "d")
        -> ArchiveCollection
    {
        ArchiveCollection(
            namespace: Namespace(database: database, collection: name), kind: kind, metadataJSON: "")
    }

    private static let c = Namespace(database: "d", collection: "c")

    @Test func bytesAreMongodumps() throws {
        let original = try Golden(name: "07d-one-empty.archive").archive()
        let seen = try read(original, into: Recorder())
        let output = Output()
        var writer = writer(output)
        try writer.prelude(try #require(seen.header), seen.collections)
        for collection in seen.collections { try writer.end(collection.namespace) }
        try writer.finish()
        #expect(output.bytes == original)
        #expect(writer.offset == UInt64(original.count))
    }

    @Test(arguments: Golden.small)
    func whatIsWrittenReadsTheSame(_ golden: Golden) throws {
        let seen = try read(try golden.archive(), into: Recorder())
        for blockBytes in [1, 300, ArchiveWriter.maximumBlockBytes] {
            let output = Output()
            var writer = writer(output, blockBytes: blockBytes)
            try writer.prelude(try #require(seen.header), seen.collections)
            let order = seen.collections.map(\.namespace).sorted { $0.rank < $1.rank }
            for namespace in order {
                for document in documents(in: seen.contents[namespace] ?? []) {
                    try document.withUnsafeBytes { try writer.append($0, to: namespace) }
                }
                try writer.end(namespace)
            }
            try writer.finish()
            let again = try read(output.bytes, into: Recorder())
            #expect(again.contents == seen.contents)
            #expect(again.header == seen.header)
            #expect(try index(output.bytes).maximumOpen <= 1)
            let byName = { (left: ArchiveCollection, right: ArchiveCollection) in left.namespace < right.namespace }
            #expect(again.collections.sorted(by: byName) == seen.collections.sorted(by: byName))
        }
    }

    @Test func blocksHoldAtMostWhatTheyMay() throws {
        let output = Output()
        var writer = writer(output, blockBytes: 100)
        try writer.prelude(Self.header(), [Self.collection("c")])
        let span = (0..<50).flatMap { Forge.document($0) }
        for _ in 0..<3 { try span.withUnsafeBytes { try writer.append($0, to: Self.c) } }
        try writer.end(Self.c)
        try writer.finish()
        let blocks = try read(output.bytes, into: Recorder()).events.compactMap { event in
            if case .documents(let bytes, let count) = event { (bytes.count, count) } else { nil }
        }
        #expect(blocks.allSatisfy { $0.0 <= 100 })
        #expect(blocks.dropLast().allSatisfy { $0.0 > 100 - Forge.document(0).count })
        #expect(blocks.map(\.1).reduce(0, +) == 150)
    }

    @Test func namespacesTakeTurnsOnlyAsAnnounced() throws {
        let names = (0..<3).map { Namespace(database: "d", collection: "c\($0)") }
        let collections = names.map { Self.collection($0.collection) }
        let document = Forge.document(1)
        for (announced, isEnough) in [(Int32(3), true), (nil, true), (2, false), (1, false)] {
            let output = Output()
            var writer = writer(output, blockBytes: 20)
            try writer.prelude(Self.header(announced), collections)
            func write() throws {
                for _ in 0..<4 {
                    for name in names { try document.withUnsafeBytes { try writer.append($0, to: name) } }
                }
                for name in names { try writer.end(name) }
                try writer.finish()
            }
            if isEnough {
                try write()
                let index = try index(output.bytes)
                #expect(index.maximumOpen == 3)
                #expect(index.namespaces.allSatisfy { $0.documents == 4 })
            } else {
                #expect(throws: ArchiveError.self) { try write() }
            }
        }
    }

    @Test func usersGoFirstAndTheOplogLast() throws {
        let users = Self.collection("$admin.system.users", .special)
        let oplog = ArchiveCollection(namespace: .oplog, kind: .special, metadataJSON: "")
        let output = Output()
        var writer = writer(output)
        try writer.prelude(Self.header(4), [oplog, Self.collection("c"), users])
        #expect(throws: ArchiveError.self) { try writer.end(Self.c) }
        #expect(throws: ArchiveError.self) { try writer.end(.oplog) }
        try writer.end(users.namespace)
        #expect(throws: ArchiveError.self) { try writer.end(.oplog) }
        try writer.end(Self.c)
        try writer.end(.oplog)
        try writer.finish()
        #expect(try index(output.bytes).collections.map(\.namespace) == [users.namespace, Self.c, .oplog])
    }

    @Test(arguments: [("6.0.5", "system.buckets.ts"), ("8.2.9", "system.buckets.ts"), ("8.3.0", "ts"), ("9.0.0", "ts")])
    func timeSeriesLieWhereTheServersVersionSays(_ version: String, _ stored: String) throws {
        let output = Output()
        var writer = writer(output)
        try writer.prelude(Self.header(server: version), [Self.collection("ts", .timeseries)])
        try Forge.document(1).withUnsafeBytes {
            try writer.append($0, to: Namespace(database: "d", collection: "ts"))
        }
        try writer.end(Namespace(database: "d", collection: stored))
        try writer.finish()
        #expect(try index(output.bytes).namespaces.map(\.dataNamespace.collection) == [stored])
    }

    @Test func whatToolsCouldNotReadIsRefused() throws {
        let output = Output()
        for header in [Self.header(server: nil), Self.header(server: "unknown"), Self.header(0), Self.header(-1)] {
            var writer = writer(output)
            #expect(throws: ArchiveError.self) { try writer.prelude(header, []) }
        }
        for name in ["", "a\0b"] {
            var writer = writer(output)
            #expect(throws: ArchiveError.self) { try writer.prelude(Self.header(), [Self.collection(name)]) }
        }
        var twice = writer(output)
        #expect(throws: ArchiveError.self) {
            try twice.prelude(Self.header(), [Self.collection("c"), Self.collection("c")])
        }
        var writer = writer(output)
        #expect(throws: ArchiveError.self) { try writer.finish() }
        try writer.prelude(Self.header(), [Self.collection("c")])
        let wrong: [[UInt8]] = [[5, 0, 0, 0], [6, 0, 0, 0, 0], [5, 0, 0, 0, 1], [4, 0, 0, 0], [5, 0, 0, 0, 0, 5]]
        for bytes in wrong {
            var copy = writer
            #expect(throws: ArchiveError.self) { try bytes.withUnsafeBytes { try copy.append($0, to: Self.c) } }
        }
        #expect(throws: ArchiveError.self) { try writer.end(Namespace(database: "d", collection: "x")) }
        #expect(throws: ArchiveError.self) { try writer.finish() }
        try writer.end(Self.c)
        #expect(throws: ArchiveError.self) { try writer.end(Self.c) }
        #expect(throws: ArchiveError.self) { try writer.prelude(Self.header(), []) }
        try writer.finish()
    }
}

extension Namespace {
    fileprivate var rank: Int { isUsersOrRoles ? 0 : self == .oplog ? 2 : 1 }
}
