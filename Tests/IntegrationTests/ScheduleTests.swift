import BackupTestSupport
import Foundation
import Testing

/// Rules on the command line, without a server and without a state directory.
@Suite(.enabled(if: Backupctl.isAvailable, Backupctl.skipReason))
struct ScheduleTests {
    private let fixture = Fixture()
    private let backupctl: Backupctl

    init() {
        backupctl = Backupctl(fixture)
    }

    @Test func theNextTimesAreToldAndNothingIsMade() throws {
        let result = try backupctl(
            "schedule", "next", "30 2 * * *", "--time-zone", "Europe/Warsaw", "--after", "2026-03-28T12:00:00Z",
            "--count",
            "2", "--json")
        #expect(result.status == 0)
        let json = try result.json()
        #expect(json.keys == ["expression", "next", "timeZone"])
        #expect(json["next"].strings == ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])
        #expect(!FileManager.default.fileExists(atPath: backupctl.state))
    }

    @Test func aBatchIsAnsweredLineByLine() throws {
        let good = #"{"expression":"@daily","timeZone":"Europe/Warsaw","after":"2026-01-01T00:00:00Z","count":1,"x":0}"#
        let questions = [
            good, "", "[]", "{", #"{"expression":"60 * * * *"}"#, #"{"expression":5}"#, #"{"timeZone":"UTC"}"#,
            #"{"expression":"@daily","timeZone":"europe/warsaw"}"#, #"{"expression":"@daily","count":0}"#,
            #"{"expression":"@daily","count":1.5}"#, #"{"expression":"@daily","after":"soon"}"#, "\u{0}", good,
        ]
        let file = try fixture.write(questions.joined(separator: "\n"), to: "questions.jsonl")
        let result = try backupctl("schedule", "next", "--batch", file, "--json")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        let answers = result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(answers.count == questions.count)
        let answer = #"{"expression":"@daily","timeZone":"Europe/Warsaw","next":["2026-01-01T23:00:00Z"]}"#
        #expect(answers.first.map(String.init) == answer && answers.last.map(String.init) == answer)
        for answer in answers.dropFirst().dropLast() {
            let read = try JSONDecoder().decode([String: String].self, from: Data(answer.utf8))
            #expect(read.keys.elementsEqual(["error"]) && read["error"]?.hasPrefix("cannot ") == true, "\(answer)")
        }
    }

    @Test func aLongBatchKeepsItsOrderAcrossTheBuffers() throws {
        let questions = (0..<5000).map { number in
            #"{"expression":"\#(number % 60) \#(number / 60 % 24) * * *","after":"2026-01-01T00:00:00Z","count":3}"#
        }
        let file = try fixture.write(questions.joined(separator: "\n") + "\n", to: "questions.jsonl")
        let answers = try backupctl("schedule", "next", "--batch", file).output.split(separator: "\n")
        #expect(answers.count == questions.count)
        for (number, answer) in answers.enumerated() {
            #expect(answer.hasPrefix(#"{"expression":"\#(number % 60) \#(number / 60 % 24) * * *","#))
        }
    }

    @Test(arguments: [
        ["0 0 31 2 *"], ["* * * * * *"], ["@daily", "--time-zone", "../UTC"],
        ["@daily", "--after", "2026-02-30T00:00:00Z"],
        ["@daily", "--count", "x"], ["--batch", "/no/such/file"], ["--batch", "/"], [],
    ])
    func badInputIsRefusedWithOneErrorAndItsRemedy(arguments: [String]) throws {
        let result = try backupctl.run(["schedule", "next"] + arguments)
        #expect(result.status == 64, "\(result)")
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("error: cannot "), "\(result)")
        #expect(result.errors.split(separator: "\n").count <= 2)
    }

    @Test func theVersionNamesTheSourceOfTheZones() throws {
        let json = try backupctl.json("version")
        #expect(json["timeZones"]["folder"].string == "/usr/share/zoneinfo")
        var slim = backupctl
        slim.environment["TZDIR"] = fixture.path("none")
        #expect(try slim("version").output.contains("compiled in"))
        #expect(try slim("schedule", "next", "@daily", "--time-zone", "Europe/Warsaw").status == 0)
    }
}
