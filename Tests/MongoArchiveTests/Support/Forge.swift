import BackupModel
import MongoArchive

/// Archives with any content, right or wrong.
struct Forge {
    var bytes: [UInt8] = [0x6D, 0xE2, 0x99, 0x81]

    static let terminator: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    static let header: BSONDocument = [
        "concurrent_collections": 4, "version": "0.1", "server_version": "6.0.5", "tool_version": "100.18.0",
    ]

    /// A header and one collection `d.c`.
    static var oneCollection: Forge { Forge(collections: ["c"]) }

    init() {}

    init(header: BSONDocument = Forge.header, collections: [String]) {
        bytes += header.bytes
        for name in collections { bytes += Self.collection(name).bytes }
        bytes += Self.terminator
    }

    init(header: BSONDocument = Forge.header, prelude: [BSONDocument]) {
        bytes += header.bytes
        for document in prelude { bytes += document.bytes }
        bytes += Self.terminator
    }

    static func collection(_ name: String, type: String = "collection", metadata: String = "{}") -> BSONDocument {
        ["db": "d", "collection": .string(name), "metadata": .string(metadata), "size": 0, "type": .string(type)]
    }

    static func document(_ number: Int64) -> [UInt8] { BSONDocument(["_id": .integer(number)]).bytes }

    mutating func block(_ header: BSONDocument, _ documents: [[UInt8]] = []) {
        bytes += header.bytes + documents.joined() + Self.terminator
    }

    mutating func data(_ name: String, _ documents: [[UInt8]] = []) {
        block(Self.blockHeader(name), documents)
    }

    mutating func end(_ name: String, _ documents: [[UInt8]] = []) {
        block(Self.blockHeader(name, end: Self.checksum(documents)))
    }

    static func blockHeader(_ name: String, end: UInt64? = nil) -> BSONDocument {
        [
            "db": "d", "collection": .string(name), "EOF": .bool(end != nil),
            "CRC": .int64(Int64(bitPattern: end ?? 0)),
        ]
    }

    static func checksum(_ documents: [[UInt8]]) -> UInt64 {
        var crc = CRC64()
        for document in documents { document.withUnsafeBytes { crc.update($0) } }
        return crc.value
    }
}
