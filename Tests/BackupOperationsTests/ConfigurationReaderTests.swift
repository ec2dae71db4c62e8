import BackupModel
import Foundation
import Testing

@testable import BackupOperations

/// What is wrong in a file is refused, and named by its line.
@Suite struct ConfigurationReaderTests {
    struct Bad: Sendable, CustomTestStringConvertible {
        var line: Int
        var part: String
        var text: String
        var testDescription: String { part }

        init(_ line: Int, _ part: String, _ text: String) {
            (self.line, self.part, self.text) = (line, part, text)
        }

        /// What stands in a job, from line 4.
        static func job(_ line: Int, _ part: String, _ text: String) -> Bad {
            let lines = text.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
            return Bad(line, part, "version: 1\njobs:\n  a:\n\(lines)\n")
        }
    }

    private static let source = "source: { uri: \"mongodb://h\" }\n"

    static let bad: [Bad] = [
        Bad(1, "there is nothing in it", ""),
        Bad(1, "there is nothing in it", "# only words\n"),
        Bad(1, "the file is text", "words"),
        Bad(1, "the file is a list", "[1, 2]"),
        Bad(1, "there is no version", "jobs: {}"),
        Bad(1, "version 2 is unknown", "version: 2\njobs: {}"),
        Bad(1, "version is not a whole number", "version: \"1\"\njobs: {}"),
        Bad(1, "there are no jobs", "version: 1"),
        Bad(2, "jobs is no value", "version: 1\njobs:\n"),
        Bad(2, "there is no key 'job'", "version: 1\njob: {}\njobs: {}"),
        Bad(3, "another document", "version: 1\njobs: {}\n---\nversion: 1\n"),
        Bad(1, "more than once", "version: 1\njobs: {}\nversion: 1\n"),
        Bad(3, "not YAML", "version: 1\njobs:\n\ta: {}\n"),
        Bad(3, "not YAML", "version: 1\njobs: [\n"),
        Bad(3, "cannot use job name 'Orders'", "version: 1\njobs:\n  Orders: {}\n"),
        Bad(3, "key 'no' is true or false", "version: 1\njobs:\n  no: {}\n"),
        Bad(3, "key '2026' is a number", "version: 1\njobs:\n  2026: {}\n"),
        Bad(3, "a key of jobs is a list", "version: 1\njobs:\n  ? [a]\n  : {}\n"),
        Bad(3, "job 'a' is no value", "version: 1\njobs:\n  a:\n"),
        Bad(3, "has no source", "version: 1\njobs:\n  a: {}\n"),
        Bad(3, "anchors and aliases", "version: 1\njobs:\n  a: &x {}\n  b: *x\n"),
        Bad(3, "anchors and aliases", "version: 1\njobs:\n  a: &x {}\n"),
        Bad(3, "undefined alias", "version: 1\njobs:\n  a: *x\n"),
        Bad(3, "tags such as", "version: 1\njobs:\n  a: !!set {}\n"),
        Bad(3, "there is no repository 'other'", "version: 1\nrepositories:\n  other: {}\njobs: {}\n"),
        Bad(3, "kind of repository 's3'", "version: 1\nrepositories:\n  default: { kind: s3, path: /x }\njobs: {}\n"),
        Bad(3, "path is not an absolute", "version: 1\nrepositories:\n  default: { path: x }\njobs: {}\n"),
        .job(4, "source of job 'a' is text", "source: \"mongodb://h\""),
        .job(4, "none of uri, uriFile", "source: {}"),
        .job(4, "more than one of uri", "source: { uri: \"mongodb://h\", uriEnv: X }"),
        .job(4, "cannot be one variable", "source: { uri: \"${URI}\" }"),
        .job(4, "uriFile is not an absolute", "source: { uriFile: x.uri }"),
        .job(6, "database: 'no' is true or false", "source:\n  uri: mongodb://h\n  database: no"),
        .job(6, "database: '12' is a number", "source:\n  uri: mongodb://h\n  database: 12"),
        .job(6, "database: '0o10' is a number", "source:\n  uri: mongodb://h\n  database: 0o10"),
        .job(6, "database: '2026-01-14' is a date", "source:\n  uri: mongodb://h\n  database: 2026-01-14"),
        .job(6, "database has no value", "source:\n  uri: mongodb://h\n  database: ~"),
        .job(6, "cannot use database name 'a.b'", "source:\n  uri: mongodb://h\n  database: a.b"),
        .job(6, "there is no database", "source:\n  uri: mongodb://h\n  collection: c"),
        .job(6, "exclude is text, and not a list", "source:\n  uri: mongodb://h\n  exclude: a.b"),
        .job(6, "not YAML", "source:\n  uri: mongodb://h\n  exclude: [*.sessions]"),
        .job(6, "'$' is not allowed", "source:\n  uri: mongodb://h\n  include: [\"a.$x$\"]"),
        .job(6, "withUsers is neither", "source:\n  uri: mongodb://h\n  withUsers: yes"),
        .job(5, "there is no key 'timout'", source + "timout: 6h"),
        .job(5, "timeout is not a time", source + "timeout: 90"),
        .job(5, "timeout is not a time", source + "timeout: 0"),
        .job(5, "allowEmpty is neither", source + "allowEmpty: \"true\""),
        .job(5, "engine cannot be 'magic'", source + "engine: magic"),
        .job(5, "there is no key 'tools'", source + "settings: { tools: /x }"),
        .job(5, "mongoVersion: '8.0' is a number", source + "settings: { mongoVersion: 8.0 }"),
        .job(5, "parallelCollections is not a whole", source + "settings: { parallelCollections: 0x4 }"),
        .job(5, "compression cannot be 'best'", source + "settings: { compression: best }"),
        .job(5, "compression: '6' is a number", source + "settings: { compression: 6 }"),
        .job(6, "threads is not a whole number", source + "settings:\n  threads: all"),
        .job(5, "nice is not a whole number", source + "settings: { nice: \"5\" }"),
        .job(3, "cannot use --threads 0: not within 1 to 256", source + "settings: { threads: 0 }"),
        .job(3, "cannot use --nice 20: not within 0 to 19", source + "settings: { nice: 20 }"),
        .job(3, "cannot use --query without", source + "settings: { query: \"{}\" }"),
        .job(3, "engine 'docker' without an image", source + "engine: docker"),
        .job(5, "line 5", source + "schedule: \"61 * * * *\""),
        .job(5, "not YAML", source + "schedule: @daily"),
        .job(5, "catchUp has no meaning", source + "catchUp: 1d"),
        .job(5, "retries is not a whole number", source + "retries: 010\nschedule: \"@daily\""),
        .job(5, "keepDaily is not a whole number", source + "retention: { keepDaily: 7d }"),
        .job(5, "there is no key 'keepDays'", source + "retention: { keepDays: 7 }"),
        .job(5, "keepWithin is not a length", source + "retention: { keepWithin: 3w }"),
        .job(5, "the policy keeps nothing", source + "retention: {}"),
        .job(5, "there is no repository 'x'", source + "repository: x"),
        .job(5, "paused is neither", source + "paused: on"),
    ]

    private func parse(_ text: String) throws -> Configuration {
        try Configuration.parse(Data(text.utf8), named: "f")
    }

    private func errors(_ text: String) -> [BackupError] {
        do {
            _ = try parse(text)
            return []
        } catch {
            return (error as? ConfigurationProblems)?.errors ?? [BackupError(error)]
        }
    }

    @Test(arguments: bad)
    func aBadFileIsRefusedByItsLine(file: Bad) throws {
        let first = try #require(errors(file.text).first)
        #expect(first.message.hasPrefix("cannot apply 'f': line \(file.line): "), "\(first.message)")
        #expect(first.message.contains(file.part), "\(first.message)")
        #expect(first.code.exitStatus == 64)
    }

    @Test func everythingWrongIsSaidAtOnce() {
        let lines = errors("version: 1\njobs:\n  a: {}\n  b: { source: 1 }\n  C: {}\n").map(\.message)
        #expect(lines.count == 3)
        for (line, message) in zip(3...5, lines) { #expect(message.contains("line \(line): "), "\(message)") }
    }

    @Test func aMisspelledKeyIsRecognized() {
        let error = errors("version: 1\njobs:\n  a: { source: { urifile: /x } }\n").first
        #expect(error?.hint == "did you mean 'uriFile'?")
    }

    @Test func noErrorShowsAConnectionString() {
        for text in [
            "source: \"mongodb://u:canary@h\"", "source: { mongodb://u:canary@h: 1 }",
            "source: { uri: [\"mongodb://u:canary@h\"] }",
        ] {
            let found = errors("version: 1\njobs:\n  a:\n    \(text)\n")
            #expect(!found.isEmpty)
            for error in found { #expect(!"\(error.message) \(error.hint ?? "")".contains("canary"), "\(error)") }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["[", "{", "- ", "? ", "a: ", "\"", "&a ", "!t ", "\n"])
    func aMebibyteOfAnythingEndsSoon(piece: String) {
        let text = String(repeating: piece, count: (1 << 20) / piece.utf8.count)
        #expect(!errors(text).isEmpty)
    }

    @Test func moreThanEightMebibytesAreRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "configuration-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(repeating: UInt8(ascii: "#"), count: (8 << 20) + 1).write(to: folder)
        #expect(failure { _ = try Configuration.read(folder.path) }?.message.contains("more than 8 MiB") == true)
    }

    @Test func textInQuotesIsText() throws {
        let file = try parse(
            "version: 1\njobs:\n  \"2026\":\n    source: { uri: mongodb://h, database: \"no\", exclude: [\"*.a & *b\"] }\n"
        )
        #expect(file.jobs.first?.scope == .database("no"))
        #expect(file.jobs.first?.name.text == "2026")
    }
}
