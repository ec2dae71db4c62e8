import MongoArchive
import Testing

@testable import BackupEngines

/// A lower bound of what stays: every doubt counts as "may have expired".
struct ExpiryRuleTests {
    private let day: Int64 = 86_400_000

    private func mayHaveExpired(_ document: BSONDocument, key: String = "at", seconds: BSONValue = 86400) -> Bool {
        let rules = ExpiryRule.all(
            options: .empty, indexes: [["key": .document([key: 1] as BSONDocument), "expireAfterSeconds": seconds]])
        return rules.contains { $0.mayHaveExpired(document, by: 10 * day) }
    }

    @Test func aDateDecides() {
        #expect(mayHaveExpired(["at": .dateTime(9 * day)]))
        #expect(!mayHaveExpired(["at": .dateTime(9 * day + 1)]))
        #expect(!mayHaveExpired(["at": .dateTime(.max)]))
        #expect(mayHaveExpired(["at": .dateTime(.min)]))
    }

    @Test func whatIsNoDateStays() {
        #expect(!mayHaveExpired([:]) && !mayHaveExpired(["at": 1]) && !mayHaveExpired(["at": .null]))
    }

    @Test func theOldestOfManyDecides() {
        #expect(mayHaveExpired(["at": [.dateTime(10 * day), .dateTime(day), "x"]]))
        #expect(!mayHaveExpired(["at": [.dateTime(10 * day), "x"]]))
        #expect(mayHaveExpired(["a": [["at": .dateTime(10 * day)], ["at": [.dateTime(day)]]]], key: "a.at"))
        #expect(mayHaveExpired(["a": [.dateTime(10 * day), .dateTime(day)]], key: "a.1"))
        #expect(!mayHaveExpired(["a": [.dateTime(10 * day), .dateTime(day)]], key: "a.0"))
        #expect(mayHaveExpired(["a": ["b": .dateTime(day)]], key: "a.b"))
    }

    /// Older servers take NaN as 0; what overflows is taken so as well.
    @Test(arguments: [BSONValue.double(.nan), .string("x"), .int64(.max), .int64(.min)])
    func anOddTimeIsNone(_ seconds: BSONValue) {
        #expect(mayHaveExpired(["at": .dateTime(10 * day)], seconds: seconds))
        #expect(!mayHaveExpired(["at": .dateTime(10 * day + 1)], seconds: seconds))
    }

    @Test func collectionsExpireByTheirKeyAndTimeSeriesByTheirBuckets() {
        let clustered = ExpiryRule.all(
            options: ["clusteredIndex": ["key": ["_id": 1]], "expireAfterSeconds": 0],
            indexes: [["key": ["_id": 1], "clustered": true, "expireAfterSeconds": 0]])
        #expect(clustered.count == 1)
        #expect(!clustered[0].mayHaveExpired(["_id": .dateTime(11 * day)], by: 10 * day))
        #expect(clustered[0].mayHaveExpired(["_id": .objectID([UInt8](repeating: 255, count: 12))], by: 10 * day))
        let series = ExpiryRule.all(
            options: ["timeseries": ["timeField": "t"], "expireAfterSeconds": 60], indexes: [])
        #expect(series[0].mayHaveExpired(["control": ["max": ["t": .dateTime(day)]]], by: 10 * day))
        #expect(!series[0].mayHaveExpired(["control": ["max": ["t": .dateTime(10 * day)]]], by: 10 * day))
        #expect(series[0].mayHaveExpired([:], by: 10 * day))
    }

    @Test func otherIndexesExpireNothing() {
        #expect(
            ExpiryRule.all(options: .empty, indexes: [["key": ["at": 1]], ["key": [:], "expireAfterSeconds": 1]])
                .isEmpty)
    }
}
