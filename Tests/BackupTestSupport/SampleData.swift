package import BackupEngines
package import MongoArchive

/// Databases to back up.
package enum SampleData {
    /// A name that only one test has.
    package static func databaseName(_ hint: String) -> String {
        // Of one length, so that none is the beginning of another.
        "t_\(hint)_\(UInt32.random(in: 1_000_000_000...4_000_000_000))"
    }

    /// Two collections and an index: enough where the data do not matter. 300 documents.
    package static func makeSmall(_ database: String, on deployment: MongoDeployment) throws {
        try deployment.insert(documents(0..<200), into: database, "orders")
        try deployment.insert(documents(0..<100), into: database, "users")
        try index(database, "orders", ["name": "number_1", "key": ["number": 1], "unique": true], on: deployment)
    }

    /// About so many MiB that compress badly, in documents of 8 KiB.
    package static func makeLarge(_ database: String, mebibytes: Int, on deployment: MongoDeployment) throws {
        for part in 0..<mebibytes {
            let batch: [BSONValue] = (0..<128).map { number in
                ["_id": .int32(Int32(part * 128 + number)), "noise": .binary(subtype: 0, noise(8100))]
            }
            try deployment.insert(batch, into: database, "large\(part % 3)")
        }
    }

    package static func documents(_ numbers: Range<Int>) -> [BSONValue] {
        numbers.map { number in
            [
                "_id": .int32(Int32(number)), "number": .int64(Int64(number) * 1_000_003),
                "name": .string("naïve 🦊 \(number)"), "at": .dateTime(1_700_000_000_000 + Int64(number)),
                "place": ["type": "Point", "coordinates": [.double(Double(number % 180)), 12.5]],
                "xy": [.double(Double(number % 90)), 1], "tags": ["a", .string("t\(number % 7)")],
                "price": .decimal128([UInt8](repeating: 0, count: 14) + [0x40, 0x30]),
                "odd": ["re": .regex(pattern: "^a", options: "i"), "code": .code("() => 1"), "never": .null],
            ]
        }
    }

    package static func noise(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }

    package static func index(
        _ database: String, _ collection: String, _ indexes: BSONValue..., on deployment: MongoDeployment
    ) throws {
        try deployment.perform(database, ["createIndexes": .string(collection), "indexes": .array(indexes)])
    }
}
