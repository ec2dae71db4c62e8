import MongoArchive
import Testing

/// An archive that says something it cannot mean.
struct Lie: Sendable, CustomTestStringConvertible {
    let name: String
    let kind: ArchiveError.Kind
    let forge: Forge
    let body: @Sendable (inout Forge) -> Void

    init(
        _ name: String, _ kind: ArchiveError.Kind, _ forge: Forge = .oneCollection,
        _ body: @escaping @Sendable (inout Forge) -> Void = { _ in }
    ) {
        self.name = name
        self.kind = kind
        self.forge = forge
        self.body = body
    }

    var testDescription: String { name }

    static let all = prelude + blocks + framing

    private static func header(_ header: BSONDocument) -> Forge { Forge(header: header, collections: []) }

    private static func collection(_ document: BSONDocument) -> Forge { Forge(prelude: [document]) }

    private static let prelude = [
        Lie("no header", .header, Forge()) { $0.bytes += Forge.terminator },
        Lie("version is a number", .header, header(["version": 1])),
        Lie("server version is a number", .header, header(["server_version": 6.0])),
        Lie("concurrency is text", .header, header(["concurrent_collections": "4"])),
        Lie("concurrency is half", .header, header(["concurrent_collections": 1.5])),
        Lie("concurrency is huge", .header, header(["concurrent_collections": .int64(1 << 40)])),
        Lie("a header field twice", .header, header(["version": "0.1", "version": "0.2"])),
        Lie("no database", .metadata, collection(["collection": "c"])),
        Lie("no collection", .metadata, collection(["db": "d"])),
        Lie("empty database", .metadata, collection(["db": "", "collection": "c"])),
        Lie("empty collection", .metadata, collection(["db": "d", "collection": ""])),
        Lie("dot in the database", .metadata, collection(["db": "d.e", "collection": "c"])),
        Lie("zero in the name", .metadata, collection(["db": "d", "collection": "c\0d"])),
        Lie("name is no text", .metadata, collection(["db": "d", "collection": 5])),
        Lie("unknown type", .metadata, collection(["db": "d", "collection": "c", "type": "table"])),
        Lie("size is text", .metadata, collection(["db": "d", "collection": "c", "size": "0"])),
        Lie("metadata is a document", .metadata, collection(["db": "d", "collection": "c", "metadata": [:]])),
        Lie("metadata is no JSON", .metadata, collection(Forge.collection("c", metadata: "{"))),
        Lie("metadata is an array", .metadata, collection(Forge.collection("c", metadata: "[]"))),
        Lie("indexes are numbers", .metadata, collection(Forge.collection("c", metadata: #"{"indexes":[1]}"#))),
        Lie("options are text", .metadata, collection(Forge.collection("c", metadata: #"{"options":"x"}"#))),
        Lie("metadata too deep", .metadata, collection(Forge.collection("c", metadata: deep))),
        Lie(
            "announced twice, differently", .duplicateNamespace,
            Forge(prelude: [Forge.collection("c"), Forge.collection("c", type: "view")])),
        Lie(
            "time series and its buckets", .duplicateNamespace,
            Forge(prelude: [Forge.collection("c", type: "timeseries"), Forge.collection("system.buckets.c")])),
        Lie("a second prelude", .framing, .oneCollection) { $0.bytes += Forge.oneCollection.bytes },
    ]

    private static let deep = #"{"a":"# + String(repeating: "[", count: 1_000_000)

    private static let blocks = [
        Lie("nothing", .missingNamespaces),
        Lie("no end", .missingNamespaces) { $0.data("c", [Forge.document(1)]) },
        Lie("unknown namespace", .unknownNamespace) { $0.data("x") },
        Lie("unknown namespace ends", .unknownNamespace) { $0.end("x") },
        Lie("end twice", .afterEnd) {
            $0.end("c"); $0.end("c")
        },
        Lie("block after the end", .afterEnd) {
            $0.end("c"); $0.data("c")
        },
        Lie("the same header after the end", .afterEnd) {
            $0.data("c"); $0.end("c"); $0.data("c")
        },
        Lie("documents in the end", .afterEnd) {
            $0.block(Forge.blockHeader("c", end: Forge.checksum([])), [Forge.document(1)])
        },
        Lie("wrong checksum", .checksum) {
            $0.data("c", [Forge.document(1)]); $0.end("c", [Forge.document(2)])
        },
        Lie("checksum without documents", .checksum) { $0.end("c", [Forge.document(2)]) },
        Lie("order of documents", .checksum) {
            $0.data("c", [Forge.document(1), Forge.document(2)])
            $0.end("c", [Forge.document(2), Forge.document(1)])
        },
        Lie("no checksum", .checksum) { $0.block(["db": "d", "collection": "c", "EOF": true]) },
        Lie("checksum is an int32", .blockHeader) {
            $0.block(["db": "d", "collection": "c", "EOF": true, "CRC": .int32(0)])
        },
        Lie("checksum of a data block is an int32", .blockHeader) {
            $0.block(["db": "d", "collection": "c", "EOF": false, "CRC": .int32(0)])
        },
        Lie("end is a number", .blockHeader) { $0.block(["db": "d", "collection": "c", "EOF": 1, "CRC": .int64(0)]) },
        Lie("unknown field", .blockHeader) { $0.block(["db": "d", "collection": "c", "x": 1]) },
        Lie("field twice", .blockHeader) { $0.block(["db": "d", "collection": "c", "collection": "c"]) },
        Lie("block without a database", .blockHeader) { $0.block(["collection": "c"]) },
        Lie("block without a collection", .blockHeader) { $0.block(["db": "d"]) },
        Lie("block of an empty name", .blockHeader) { $0.block(["db": "d", "collection": ""]) },
        Lie("a name that is not UTF-8", .blockHeader) {
            var builder = BSONBuilder()
            builder.append("db", "d")
            builder.append("collection", type: 0x02, raw: [2, 0, 0, 0, 0xFF, 0])
            $0.block(builder.build())
        },
        Lie(
            "both names of a time series", .unknownNamespace,
            Forge(prelude: [Forge.collection("c", type: "timeseries")])
        ) {
            $0.data("c")
            $0.data("system.buckets.c")
        },
        Lie("buckets of an ordinary collection", .unknownNamespace) { $0.data("system.buckets.c") },
    ]

    private static let framing = [
        Lie("empty", .notAnArchive, Forge()) { $0.bytes = [] },
        Lie("gzip", .notAnArchive, Forge()) { $0.bytes = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0] },
        Lie("only the magic", .truncated, Forge()),
        Lie("two terminators", .framing) {
            $0.end("c"); $0.bytes += Forge.terminator
        },
        Lie("zero after the end", .truncated) {
            $0.end("c"); $0.bytes += [0]
        },
        Lie("zeros after the end", .framing) {
            $0.end("c"); $0.bytes += [0, 0, 0, 0]
        },
        Lie("length 4", .framing) { $0.data("c", [[4, 0, 0, 0]]) },
        Lie("negative length", .framing) { $0.data("c", [[0xFE, 0xFF, 0xFF, 0xFF, 0]]) },
        Lie("length of 2 GiB", .framing) { $0.data("c", [[0xFF, 0xFF, 0xFF, 0x7F, 0]]) },
        Lie("length of 16 MiB and one", .framing) { $0.data("c", [[1, 0, 0, 1, 0]]) },
        Lie("document without its zero", .framing) { $0.data("c", [[5, 0, 0, 0, 1]]) },
        Lie("block header of garbage", .blockHeader) { $0.bytes += [8, 0, 0, 0, 0x55, 0x55, 0x55, 0] },
        Lie("header beyond the cut", .truncated) { $0.bytes += [100, 0, 0, 0, 2] },
    ]
}
