import Testing

@testable import BackupEngines
import MongoArchive

@Suite struct ZeroTimestampsTests {
    static func find(_ document: BSONDocument) -> (needsRepair: Bool, identifier: ZeroTimestamps.Identifier?) {
        document.bytes.withUnsafeBytes {
            let found = ZeroTimestamps.find(in: $0)
            // The quick look must not overlook what the walk finds.
            #expect(!found.needsRepair || ZeroTimestamps.mayBeIn($0))
            return found
        }
    }

    @Test func onlyAZeroAtTheTopLevelNeedsRepair() {
        #expect(Self.find(["_id": 1, "t": .timestamp(0)]).needsRepair)
        #expect(!Self.find(["_id": 1, "t": .timestamp(1)]).needsRepair)
        #expect(!Self.find(["_id": .timestamp(0)]).needsRepair)
        #expect(!Self.find(["_id": 1, "d": ["t": .timestamp(0)]]).needsRepair)
        #expect(!Self.find([:]).needsRepair)
    }

    @Test func everyTypeBeforeItIsSteppedOver() {
        let id = [UInt8](repeating: 7, count: 12)
        let values: [BSONValue] = [
            .double(1), "text", ["a": 1], .array([1, 2]), .binary(subtype: 0, [0x11, 0, 0]), .undefined, .objectID(id),
            true, .dateTime(1), .null, .regex(pattern: "a", options: "i"), .dbPointer("a.b", id), .code("x"),
            .symbol("y"),
            .codeWithScope("z", ["t": .timestamp(0)]), 1, .timestamp(5), .int64(1),
            .decimal128([UInt8](repeating: 0, count: 16)), .minKey, .maxKey,
        ]
        for value in values {
            #expect(Self.find(["v": value, "_id": "x", "t": .timestamp(0)]).needsRepair)
            let found = Self.find(["v": value, "_id": "x", "t": .timestamp(0)])
            #expect(found.identifier?.type == 2)
            #expect(!Self.find(["v": value, "_id": "x", "t": .timestamp(1)]).needsRepair)
        }
    }

    @Test func brokenDocumentsDoNoHarm() {
        let whole: BSONDocument = ["_id": 1, "s": "text", "t": .timestamp(0), "b": .binary(subtype: 0, [1, 2, 3])]
        for length in 0..<whole.bytes.count {
            _ = Array(whole.bytes[..<length]).withUnsafeBytes { ZeroTimestamps.find(in: $0) }
            _ = Array(whole.bytes[..<length]).withUnsafeBytes { ZeroTimestamps.mayBeIn($0) }
        }
        for index in whole.bytes.indices {
            var broken = whole.bytes
            broken[index] ^= 0xFF
            _ = broken.withUnsafeBytes { ZeroTimestamps.find(in: $0) }
        }
    }
}
