import BackupModel
import Foundation
import Testing

/// `Fixtures/cron.jsonl`: cases that were computed by cronsim, or by the rules themselves where cronsim differs from Debian.
@Suite struct ScheduleFixtureTests {
    struct Case: Decodable {
        var expression: String
        var timeZone: String
        var after: String
        var count: Int
        var expect: Expectation
    }

    enum Expectation: Decodable, Equatable {
        case instants([String])
        case reject

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let instants = try? container.decode([String].self) {
                self = .instants(instants)
            } else {
                guard try container.decode(String.self) == "reject" else {
                    throw DecodingError.dataCorruptedError(
                        in: container, debugDescription: "neither times nor 'reject'")
                }
                self = .reject
            }
        }
    }

    static func cases() throws -> [Case] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/cron.jsonl")
        let decoder = JSONDecoder()
        return try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(Case.self, from: Data($0))
        }
    }

    @Test func everyCaseIsAnsweredAsItIsWritten() throws {
        let cases = try Self.cases()
        #expect(cases.count == 1968)
        for example in cases {
            #expect(try Self.answer(example) == example.expect, "\(example)")
        }
    }

    private static func answer(_ example: Case) throws -> Expectation {
        guard let schedule = try? Schedule(evenIfItNeverFires: example.expression) else { return .reject }
        let zone = try SystemZones.rules(named: example.timeZone)
        var instants: [String] = []
        var after = try #require(Timestamp.parse(example.after))
        while instants.count < example.count, let next = schedule.next(after: after, in: zone, anchor: after) {
            instants.append(Timestamp.rfc3339(next))
            after = next
        }
        return .instants(instants)
    }
}
