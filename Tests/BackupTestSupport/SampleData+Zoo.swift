package import BackupEngines
import MongoArchive

extension SampleData {
    /// Names that MongoDB takes and that make programs stumble.
    package static let oddNames = [
        "dots.in.its.name", "with space", "emoji 🦊🚀", "percent%2Fslash/back\\slash", "quote\"'`", "star*", "-rf",
        "ends.",
        "a..b", "tab\tinside", String(repeating: "n", count: 180), "admin", "prelude.json",
    ]

    /// One collection of every kind, every kind of index, odd names, and a document of 16 MiB.
    package static func makeZoo(_ database: String, on deployment: MongoDeployment) throws {
        try makePlain(database, on: deployment)
        try makeKinds(database, on: deployment)
        try makeTimeSeries(database, on: deployment)
        try makeFiles(database, on: deployment)
        for name in oddNames { try deployment.insert(documents(0..<5), into: database, name) }
        try index(database, "emoji 🦊🚀", ["name": "ключ", "key": ["name": -1]], on: deployment)
        try deployment.perform(database, ["create": "empty"])
        try index(database, "empty", ["name": "n", "key": ["n": 1], "unique": true], on: deployment)
        try deployment.insert([.document(largestDocument)], into: database, "largest")
    }

    private static func makePlain(_ database: String, on deployment: MongoDeployment) throws {
        try deployment.insert(documents(0..<1000), into: database, "plain")
        try index(
            database, "plain",
            ["name": "unique", "key": ["number": 1], "unique": true],
            ["name": "compound", "key": ["name": 1, "number": -1]],
            ["name": "sparse", "key": ["missing": 1], "sparse": true],
            ["name": "partial", "key": ["at": 1], "partialFilterExpression": ["number": ["$gt": 5]]],
            ["name": "ttl", "key": ["expires": 1], "expireAfterSeconds": 3600],
            ["name": "text", "key": ["name": "text"], "weights": ["name": 7], "default_language": "en"],
            ["name": "sphere", "key": ["place": "2dsphere"]],
            ["name": "flat", "key": ["xy": "2d"], "min": -200, "max": 200],
            ["name": "hashed", "key": ["name": "hashed"]],
            ["name": "wildcard", "key": ["odd.$**": 1]],
            ["name": "hidden", "key": ["tags": 1], "hidden": true],
            ["name": "collated", "key": ["name": 1], "collation": ["locale": "pl", "strength": 2]],
            on: deployment)
        try deployment.perform(
            database,
            [
                "create": "view", "viewOn": "plain",
                "pipeline": [["$match": ["number": ["$gt": 10]]], ["$project": ["name": 1]]],
            ])
        try deployment.perform(
            database, ["create": "view of view", "viewOn": "view", "pipeline": []])
        try deployment.perform(
            database, ["create": "collated view", "viewOn": "clustered", "pipeline": [], "collation": ["locale": "fr"]])
    }

    private static func makeKinds(_ database: String, on deployment: MongoDeployment) throws {
        try deployment.perform(database, ["create": "capped", "capped": true, "size": 1_048_576, "max": 500])
        try deployment.insert(documents(0..<600), into: database, "capped")
        try deployment.perform(
            database, ["create": "clustered", "clusteredIndex": ["key": ["_id": 1], "unique": true, "name": "by id"]])
        try deployment.insert(documents(0..<50), into: database, "clustered")
        try deployment.perform(database, ["create": "collated", "collation": ["locale": "de", "strength": 1]])
        try deployment.insert(documents(0..<50), into: database, "collated")
        try index(
            database, "collated", ["name": "default", "key": ["name": 1]],
            ["name": "simple", "key": ["number": 1], "collation": ["locale": "simple"]], on: deployment)
        try deployment.perform(
            database,
            [
                "create": "validated",
                "validator": ["$jsonSchema": ["required": ["must"], "properties": ["must": [:]]]],
                "validationAction": "error", "validationLevel": "strict",
            ])
        // Some of them do not pass the validator.
        try deployment.insert(documents(0..<20), into: database, "validated")
    }

    private static func makeTimeSeries(_ database: String, on deployment: MongoDeployment) throws {
        try deployment.perform(
            database,
            [
                "create": "climate",
                "timeseries": ["timeField": "at", "metaField": "sensor", "granularity": "minutes"],
                "expireAfterSeconds": 1_000_000_000,
            ])
        let measurements: [BSONValue] = (0..<2000).map { number in
            [
                "at": .dateTime(1_700_000_000_000 + Int64(number) * 60_000),
                "sensor": ["hall": .int32(Int32(number % 4))],
                "celsius": .double(Double(number % 40) / 2),
            ]
        }
        try deployment.insert(measurements, into: database, "climate")
        try index(database, "climate", ["name": "hall", "key": ["sensor.hall": 1, "at": -1]], on: deployment)
    }

    /// A GridFS bucket as drivers make it.
    private static func makeFiles(_ database: String, on deployment: MongoDeployment) throws {
        try deployment.insert(
            [["_id": 1, "filename": "a.bin", "length": .int64(600_000), "chunkSize": 261_120]], into: database,
            "fs.files")
        let chunks: [BSONValue] = (0..<3).map { number in
            [
                "_id": .int32(Int32(number)), "files_id": 1, "n": .int32(Int32(number)),
                "data": .binary(subtype: 0, noise(200_000)),
            ]
        }
        try deployment.insert(chunks, into: database, "fs.chunks")
        try index(database, "fs.files", ["name": "f", "key": ["filename": 1, "uploadDate": 1]], on: deployment)
        try index(
            database, "fs.chunks", ["name": "c", "key": ["files_id": 1, "n": 1], "unique": true], on: deployment)
    }

    /// Exactly 16 MiB, the most that the server takes.
    private static var largestDocument: BSONDocument {
        let frame = BSONDocument(["_id": 1, "zeros": .binary(subtype: 0, [])]).bytes.count
        return ["_id": 1, "zeros": .binary(subtype: 0, [UInt8](repeating: 0, count: 16_777_216 - frame))]
    }
}
