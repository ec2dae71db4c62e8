import Testing

@testable import BackupEngines
import MongoArchive

@Suite struct IndexDefinitionTests {
    static func restored(_ index: BSONDocument, options: BSONDocument = [:]) -> [BSONDocument] {
        IndexDefinition.restorable([index], of: CollectionMetadata(options: options, indexes: [index]))
    }

    @Test func versionAndNamespaceAreLeftToTheServer() {
        let made = Self.restored(["v": 1, "key": ["a": 1], "name": "a_1", "ns": "old.c", "unique": true])
        #expect(made == [["key": ["a": 1], "name": "a_1", "unique": true]])
    }

    @Test func theIndexOnIdComesWithTheCollection() {
        #expect(Self.restored(["v": 2, "key": ["_id": 1], "name": "_id_"]).isEmpty)
        #expect(Self.restored(["key": ["_id": .double(1)], "name": "_id_"]).isEmpty)
        #expect(Self.restored(["key": ["_id": true], "name": "_id_"]).isEmpty)
        #expect(!Self.restored(["key": ["_id": -1], "name": "x"]).isEmpty)
        #expect(!Self.restored(["key": ["_id": "hashed"], "name": "x"]).isEmpty)
        #expect(!Self.restored(["key": ["_id": 1, "a": 1], "name": "x"]).isEmpty)
    }

    @Test func aClusteredIndexComesWithTheCollection() {
        #expect(Self.restored(["v": 2, "key": ["_id": 1], "name": "c", "unique": true, "clustered": true]).isEmpty)
    }

    @Test func anIndexWithoutCollationKeepsComparingBytes() {
        let french: BSONDocument = ["collation": ["locale": "fr"]]
        let plain: BSONDocument = ["key": ["a": 1], "name": "a_1"]
        #expect(Self.restored(plain, options: french).first?["collation"] == ["locale": "simple"])
        #expect(Self.restored(plain, options: ["collation": ["locale": "simple"]]).first?["collation"] == nil)
        #expect(Self.restored(plain).first?["collation"] == nil)
        let german: BSONDocument = ["key": ["a": 1], "name": "a_1", "collation": ["locale": "de"]]
        #expect(Self.restored(german, options: french).first?["collation"] == ["locale": "de"])
    }

    static let legacyValues: [(BSONValue, BSONValue)] = [
        (true, 1), ("", 1), (0, 1), (.int64(0), 1), (.double(0), 1), (.double(-1e-12), -1), (.null, 1), (.undefined, 1),
        (.decimal128([UInt8](repeating: 0, count: 14) + [0x40, 0x30]), 1), (1, 1), (-1, -1), (.double(1), .double(1)),
        ("2dsphere", "2dsphere"), ("text", "text"), (.int64(-5), .int64(-5)),
        (
            .decimal128([1] + [UInt8](repeating: 0, count: 13) + [0x40, 0x30]),
            .decimal128([1] + [UInt8](repeating: 0, count: 13) + [0x40, 0x30])
        ),
    ]

    @Test(arguments: legacyValues) func keyValuesOfOldServersAreConverted(_ old: BSONValue, _ new: BSONValue) {
        #expect(Self.restored(["key": ["a": old], "name": "x"]).first?["key"] == ["a": new])
    }

    @Test func twoIndexesThatBecomeOneAreBuiltOnce() {
        let indexes: [BSONDocument] = [["key": ["a": 1], "name": "a_1"], ["key": ["a": true], "name": "a_true"]]
        let made = IndexDefinition.restorable(indexes, of: CollectionMetadata())
        #expect(made.map { $0["name"] } == ["a_1"])
    }

    @Test func anIndexWithoutANameGetsOne() {
        #expect(Self.restored(["key": ["a": 1, "b": "hashed"]]).first?["name"] == "a_1_b_hashed")
    }

    @Test func anExpiryThatIsNoNumberBecomesTheLongest() {
        let made = Self.restored(["key": ["a": 1], "name": "x", "expireAfterSeconds": .double(.nan)])
        #expect(made.first?["expireAfterSeconds"] == .int32(.max))
    }

    @Test func theIdIndexIsToldItsCollationOnly() {
        let index: BSONDocument = [
            "v": 2, "key": ["_id": 1], "name": "_id_", "ns": "a.b", "collation": ["locale": "fr"],
        ]
        #expect(
            IndexDefinition.identifierIndex([index]) == [
                "key": ["_id": 1], "name": "_id_", "collation": ["locale": "fr"],
            ])
        #expect(IndexDefinition.identifierIndex([["key": ["_id": 1], "name": "_id_"]]) == nil)
    }
}
