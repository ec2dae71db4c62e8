import Foundation
import Synchronization
import Testing

@testable import BackupEngines
import BackupModel
import MongoArchive

/// A collection that is read in pieces comes out whole, and each document once.
@Suite(.serialized, .enabled(if: TestServer.isAvailable, TestServer.skipReason))
struct SplitDumpTests {
    let server: TestServer

    init() throws {
        server = try TestServer.shared.get()
    }

    private func collection(_ namespace: Namespace, on connection: MongoConnection) throws -> DumpCollection {
        let listed = try #require(try connection.collection(namespace))
        return try DumpCollection(
            listed, in: namespace.database, uuid: listed.uuid, indexes: connection.indexes(of: namespace) ?? [])
    }

    private func pieces(_ namespace: Namespace, of connection: MongoConnection, small: Int64 = 1) throws -> [DumpPiece]
    {
        try DumpSplitter(connection: connection, server: connection.describe(), smallestSplit: small, pieceBytes: 100)
            .pieces(of: collection(namespace, on: connection), data: namespace, bytes: 1600)
    }

    /// The ids in all pieces, each as the bytes of `{_id: ...}`.
    private func ids(
        _ namespace: Namespace, _ pieces: [DumpPiece], on connection: MongoConnection, batch: Int32 = 7,
        between: () throws -> Void = {}
    ) throws -> [[UInt8]] {
        var ids: [[UInt8]] = []
        for piece in pieces {
            let cursor = try connection.find(namespace, piece: piece, batch: batch)
            while let bytes = try cursor.next() {
                let document = try BSONDocument(validating: bytes)
                ids.append(BSONDocument([("_id", try #require(document["_id"]))]).bytes)
            }
            try between()
        }
        return ids
    }

    static let mixed: [BSONValue] =
        (0..<400).flatMap { number -> [BSONValue] in
            let id = (0..<12).map { UInt8(truncatingIfNeeded: number &* 37 &+ $0) }
            return [
                .int32(Int32(number)), .double(Double(number) + 0.5), .string("n\(number)"), .objectID(id),
                .document(["a": .int32(Int32(number))]), .dateTime(Int64(number) - 200),
                .int64(Int64(number + 1) << 40),
                .binary(subtype: 0, Array(id.prefix(number % 12))), .timestamp(UInt64(number) << 32 | 9),
            ]
        } + [true, false, .null, .minKey, .maxKey, .double(.infinity), .double(-.infinity)]

    @Test(arguments: ["integers", "strings", "mixed", "documents"])
    func eachDocumentIsInOnePiece(_ kind: String) throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        let values: [BSONValue] =
            switch kind {
            case "integers": (0..<3000).map { .int32(Int32($0)) }
            case "strings": (0..<3000).map { .string(String($0 &* 7919, radix: 36)) }
            case "documents": (0..<3000).map { .document(["a": .int32(Int32($0 % 3)), "b": .int32(Int32($0))]) }
            default: Self.mixed
            }
        // Numbers of other types and equal binaries are the same `_id`.
        var seen: Set<[UInt8]> = []
        let documents = values.map { BSONDocument([("_id", $0)]) }.filter { seen.insert($0.bytes).inserted }
        try server.insert(documents.shuffled(), into: namespace)
        let connection = try server.connect()
        let pieces = try pieces(namespace, of: connection)
        #expect(pieces.count > 4)
        #expect(
            try ids(namespace, pieces, on: connection).sorted { $0.lexicographicallyPrecedes($1) }
                == documents.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) })
        try server.deployment().dropDatabase(database)
    }

    /// With a collation the index has other keys than the values are.
    @Test func aCollationOrdersThePiecesToo() throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        try server.run(
            database, ["create": "c", "collation": ["locale": "de", "strength": 1, "numericOrdering": true]])
        let words = (0..<2000).map { "\(["ä", "Z", "b", "É"][$0 % 4])\($0)" }
        let documents = words.map { BSONDocument([("_id", .string($0))]) }
        try server.insert(documents.shuffled(), into: namespace)
        let connection = try server.connect()
        let pieces = try pieces(namespace, of: connection)
        #expect(pieces.count > 4)
        #expect(Set(try ids(namespace, pieces, on: connection)) == Set(documents.map(\.bytes)))
        #expect(try ids(namespace, pieces, on: connection).count == documents.count)
        try server.deployment().dropDatabase(database)
    }

    /// What is there all the time is read once, whatever comes and goes; and nothing is read twice.
    @Test func writesMeanwhileDoNotDouble() throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "c")
        let steady = (0..<2000).map { BSONDocument([("_id", .int32(Int32($0 * 10)))]) }
        try server.insert(steady, into: namespace)
        let connection = try server.connect()
        let pieces = try pieces(namespace, of: connection)
        var next: Int32 = 1
        let found = try ids(namespace, pieces, on: connection) {
            try server.insert(
                (0..<200).map { ["_id": .int32(10 * (next + Int32($0) * 97) + 3), "new": true] }, into: namespace)
            next += 2
            try server.run(
                database,
                [
                    "delete": "c",
                    "deletes": .array([["q": ["new": true, "_id": ["$mod": .array([3, 0])]], "limit": 0]]),
                ])
        }
        #expect(Set(found).count == found.count)
        #expect(Set(found).isSuperset(of: steady.map(\.bytes)))
        try server.deployment().dropDatabase(database)
    }

    @Test func whatASplitWouldNotHelpIsReadInOne() throws {
        let database = scratchDatabase()
        let connection = try server.connect()
        func piecesOf(_ name: String, _ options: [(String, BSONValue)] = [], count: Int, small: Int64 = 1) throws
            -> [DumpPiece]
        {
            let namespace = Namespace(database: database, collection: name)
            try server.run(database, BSONDocument([("create", .string(name))] + options))
            try server.insert((0..<count).map { ["_id": .int32(Int32($0))] }, into: namespace)
            return try pieces(namespace, of: connection, small: small)
        }
        #expect(try piecesOf("plain", count: 500).count > 1)
        #expect(try piecesOf("small", count: 500, small: 1601) == [.all])
        #expect(try piecesOf("few", count: 3) == [.all])
        #expect(try piecesOf("empty", count: 0) == [.all])
        #expect(try piecesOf("capped", [("capped", true), ("size", 1_000_000)], count: 500) == [.all])
        #expect(
            try piecesOf("clustered", [("clusteredIndex", ["key": ["_id": 1], "unique": true])], count: 500) == [.all])
        try server.deployment().dropDatabase(database)
    }

    @Test func equalBoundsCountOnce() {
        let sample = [1, 1, 1, 1, 2, 2, 3, 3].map { BSONDocument([("_id", .int32($0))]) }
        #expect(DumpSplitter.bounds(of: sample, pieces: 8) == [["_id": 2], ["_id": 3]])
        #expect(DumpSplitter.bounds(of: Array(repeating: ["_id": 1], count: 20), pieces: 4).isEmpty)
        #expect(DumpPiece.pieces(between: []) == [.all])
        #expect(
            DumpPiece.pieces(between: [["_id": 2]])
                == [DumpPiece(to: ["_id": 2]), DumpPiece(from: ["_id": 2]), DumpPiece(isMaxKey: true)])
    }

    /// A large collection through the whole engine: in pieces, in one range of the archive, and equal when restored.
    @Test func aLargeCollectionComesBackTheSame() throws {
        let database = scratchDatabase()
        let namespace = Namespace(database: database, collection: "large")
        let text = BSONValue.string(String(repeating: "x", count: 60_000))
        for start in stride(from: 0, to: 1200, by: 100) {
            try server.insert((start..<(start + 100)).map { ["_id": .int32(Int32($0)), "t": text] }, into: namespace)
        }
        try server.insert(
            (0..<50).map { ["_id": .int32(Int32($0))] }, into: Namespace(database: database, collection: "a"))
        for readers in [1, 4] {
            let (bytes, report) = try server.dump(
                .database(database), options: DumpOptions(parallelCollections: readers))
            #expect(report.namespaces.map(\.documents) == [50, 1200])
            let reader = ArchiveReader(handler: ArchiveIndexer())
            try bytes.withUnsafeBytes { try reader.feed($0) }
            try reader.finish()
            #expect(reader.handler.index.namespaces.allSatisfy { $0.ranges.count == 1 })
            _ = try server.restore(
                bytes, rename: { Namespace(database: database + "_b", collection: $0.collection) })
            #expect(try server.state(of: database + "_b") == server.state(of: database))
            try server.deployment().dropDatabase(database + "_b")
        }
        try server.deployment().dropDatabase(database)
    }
}
