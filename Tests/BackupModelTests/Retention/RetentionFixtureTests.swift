import BackupModel
import Foundation
import Testing

/// 160 policies and histories with the answers of an implementation that agrees with real restic.
@Suite struct RetentionFixtureTests {
    private struct Case: Decodable {
        struct Kept: Decodable {
            var id: String
            var reasons: [String]
        }

        struct Answer: Decodable {
            var keep: [Kept]?
            var remove: [String]?
            var error: String?
        }

        var expect: Answer
    }

    private static func plan(_ line: some StringProtocol, now: Date) throws -> RetentionPlan {
        let question = try RetentionQuestion(json: Data(line.utf8))
        return question.plan(now: now, in: try SystemZones.rules(named: question.timeZone))
    }

    @Test func theAnswersAreThoseOfTheFixture() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/retention.jsonl")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 160)
        let now = try #require(GivenTime.parse("2026-11-22T00:00:00Z"))
        var refused = 0
        for (number, line) in lines.enumerated() {
            let expected = try JSONDecoder().decode(Case.self, from: Data(line.utf8)).expect
            let what = Comment(rawValue: "line \(number + 1): \(line.prefix(150))")
            if expected.error != nil {
                #expect(throws: BackupError.self, what) { try Self.plan(line, now: now) }
                refused += 1
                continue
            }
            let plan = try Self.plan(line, now: now)
            let kept = plan.kept.map { "\($0.candidate.id) \($0.reasons.filter(\.isRule).map(\.word))" }
            // The fixture writes 'oldest-monthly'.
            let wanted = (expected.keep ?? []).map { kept in
                "\(kept.id) \(kept.reasons.map { $0.replacing("oldest-", with: "oldest ") })"
            }
            #expect(kept == wanted, what)
            #expect(plan.removed.map(\.id) == expected.remove, what)
        }
        #expect(refused == 3)
    }
}
