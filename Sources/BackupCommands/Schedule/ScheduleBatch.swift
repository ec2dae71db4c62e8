import BackupModel
import BackupOperations
import Foundation
import Glibc

/// Many questions, one a line; an answer or an error for each, in the same order. Memory does not grow with their number.
struct ScheduleBatch {
    private let zones: SystemTimeZones
    private let now: Date
    /// The zones that have been asked for: asked of the system once, so that a batch is answered by one state of it.
    private var rules: [String: TimeZoneRules] = [:]
    private let decoder = JSONDecoder()

    private static let longestLine = 1 << 16

    init(zones: SystemTimeZones, now: Date) {
        self.zones = zones
        self.now = now
    }

    /// Reads a file (`-`: standard input) to its end.
    mutating func answer(file: String, output: Output) throws {
        let handle = try Self.open(file)
        var rest = Data()
        var answers = ""
        while let part = try Self.read(handle, file), !part.isEmpty {
            rest += part
            var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            rest = lines.popLast().map { Data($0) } ?? Data()
            for line in lines {
                add(line, to: &answers)
                if answers.utf8.count > 1 << 16 {
                    try output.write(answers)
                    answers = ""
                }
            }
            guard rest.count <= Self.longestLine else {
                throw BackupError(.usage, "cannot read '\(file)': it has a line of more than \(Self.longestLine) bytes")
            }
        }
        if !rest.isEmpty { add(rest, to: &answers) }
        try output.write(answers)
    }

    private static func open(_ file: String) throws -> FileHandle {
        if file == "-" { return .standardInput }
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno)).lowercased()
            throw BackupError(.usage, "cannot read '\(file)': \(reason)")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    private static func read(_ handle: FileHandle, _ file: String) throws -> Data? {
        do {
            return try handle.read(upToCount: 1 << 16)
        } catch {
            let reason = ((error as? CocoaError)?.underlying as? POSIXError).map {
                String(cString: strerror($0.code.rawValue))
            }
            throw BackupError(.usage, "cannot read '\(file)': \(reason?.lowercased() ?? "it is not a readable file")")
        }
    }

    private mutating func add(_ line: Data, to answers: inout String) {
        do {
            answers += try Self.text(answer(line))
        } catch let error as BackupError {
            answers += "{\"error\":\(Self.quoted(error.message))}\n"
        } catch {
            answers += "{\"error\":\"cannot read the question: \(Self.reason(error))\"}\n"
        }
    }
}

extension ScheduleBatch {
    /// A question as it is written. Keys of others are none of ours.
    private struct Line: Decodable {
        var expression: String
        var timeZone: String?
        var after: String?
        var count: Int?
    }

    private mutating func answer(_ text: Data) throws -> ScheduleAnswer {
        let line = try decoder.decode(Line.self, from: text)
        let count = line.count ?? ScheduleQuestion.usualCount
        if let problem = ScheduleQuestion.problem(ofCount: count) {
            throw BackupError(.usage, "cannot read the question: 'count' \(problem)")
        }
        var after = now
        if let text = line.after {
            guard let time = Timestamp.parse(text) else {
                throw BackupError(
                    .usage, "cannot read the question: 'after' is not a time such as 2026-01-14T02:00:00Z")
            }
            after = time
        }
        let zone = line.timeZone ?? "UTC"
        let question = ScheduleQuestion(expression: line.expression, timeZone: zone, after: after, count: count)
        return try question.answer(zone: rules(of: zone))
    }

    private mutating func rules(of zone: String) throws -> TimeZoneRules {
        if let known = rules[zone] { return known }
        let found = try zones.rules(named: zone)
        rules[zone] = found
        return found
    }

    private static func text(_ answer: ScheduleAnswer) -> String {
        let instants = answer.instants.lazy.map { "\"\(Timestamp.rfc3339($0))\"" }.joined(separator: ",")
        return "{\"expression\":\(quoted(answer.question.expression)),"
            + "\"timeZone\":\(quoted(answer.question.timeZone)),\"next\":[\(instants)]}\n"
    }

    /// A JSON string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Constant words and our own names of keys, so nothing that must be escaped.
    private static func reason(_ error: any Error) -> String {
        let known = ["expression", "timeZone", "after", "count"]
        switch error {
        case DecodingError.keyNotFound(let key, _) where known.contains(key.stringValue):
            return "'\(key.stringValue)' is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            let key = context.codingPath.last?.stringValue ?? ""
            return known.contains(key) ? "'\(key)' is not of its type" : "it is not a JSON object"
        default: return "it is not a JSON object"
        }
    }
}
