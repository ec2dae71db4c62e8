import BackupModel
import Foundation

/// Reads a configuration strictly, and collects all that is wrong with it.
struct ConfigurationReader {
    private(set) var problems: [ConfigurationProblem] = []

    /// Throws `ConfigurationProblems`.
    static func read(_ text: String, named name: String) throws -> Configuration {
        var reader = ConfigurationReader()
        let configuration = reader.attempt { reader in
            reader.configuration(try YAMLValue(parsing: text), named: name)
        }
        guard reader.problems.isEmpty, let configuration = configuration ?? nil else {
            throw ConfigurationProblems(reader.problems, in: name)
        }
        return configuration
    }

    mutating func report(_ line: Int, _ message: String, hint: String? = nil) {
        problems.append(ConfigurationProblem(line: line, message, hint: hint))
    }

    mutating func attempt<Result>(_ body: (inout ConfigurationReader) throws -> Result) -> Result? {
        do {
            return try body(&self)
        } catch let problem as ConfigurationProblem {
            problems.append(problem)
        } catch {
            problems.append(ConfigurationProblem(line: 1, error: BackupError(error)))
        }
        return nil
    }

    /// A rule of the model, at this line.
    mutating func attempt<Result>(at line: Int, _ body: () throws -> Result) -> Result? {
        do {
            return try body()
        } catch {
            problems.append(ConfigurationProblem(line: line, error: BackupError(error)))
            return nil
        }
    }

    private mutating func configuration(_ root: YAMLValue, named name: String) -> Configuration? {
        guard let keys = fields(root, of: "the file", known: ["version", "repositories", "jobs"]) else { return nil }
        if let version = keys["version"] {
            if let number = number(version, "version"), number != 1 {
                report(version.line, "version \(number) is unknown", hint: "this backupctl reads version 1.")
            }
        } else {
            report(root.line, "there is no version", hint: YAMLValue.beginning)
        }
        guard let jobs = keys["jobs"] else {
            report(root.line, "there are no jobs", hint: "write 'jobs: {}' if this is meant.")
            return nil
        }
        let repositories = keys["repositories"].map { self.repositories($0) } ?? []
        guard let entries = entries(jobs, of: "jobs") else { return nil }
        let definitions = entries.compactMap { entry -> JobDefinition? in
            guard let name = attempt(at: entry.line, { try JobName(entry.key) }) else { return nil }
            return job(name, entry)
        }
        return Configuration(name: name, repositories: repositories, jobs: definitions)
    }

    private mutating func repositories(_ value: YAMLValue) -> [RepositoryDefinition] {
        (entries(value, of: "repositories") ?? []).compactMap { entry in
            guard entry.key == Workspace.defaultRepository else {
                report(
                    entry.line, "there is no repository '\(YAMLValue.shown(entry.key))'",
                    hint: "'default' is all there is.")
                return nil
            }
            guard let keys = fields(entry.value, of: "repository 'default'", known: ["kind", "path"]) else {
                return nil
            }
            if let kind = keys["kind"], let text = text(kind, "kind"), text != "directory" {
                report(
                    kind.line, "there is no kind of repository '\(YAMLValue.shown(text))'", hint: "write 'directory'.")
            }
            guard let path = keys["path"] else {
                report(entry.line, "repository 'default' has no path")
                return nil
            }
            return self.path(path, "path").map {
                RepositoryDefinition(name: entry.key, path: $0, line: path.line)
            }
        }
    }
}

// MARK: - Typed values

extension ConfigurationReader {
    struct KeyedValue {
        var key: String
        var line: Int
        var value: YAMLValue
    }

    /// The keys of a mapping, which must be text.
    mutating func entries(_ value: YAMLValue, of what: String) -> [KeyedValue]? {
        guard case .map(let entries) = value.content else {
            report(value.line, "\(what) is \(value.kind), and not a mapping of keys")
            return nil
        }
        return entries.compactMap { entry in
            guard case .scalar(let key, let isPlain) = entry.key.content else {
                report(entry.key.line, "a key of \(what) is \(entry.key.kind), and not text")
                return nil
            }
            let kind = isPlain ? YAMLScalarKind(plain: key) : .text
            guard kind == .text else {
                report(
                    entry.key.line, "key '\(YAMLValue.shown(key))' is \(kind.rawValue) to YAML, and not text",
                    hint: "put it in quotes if it is a name.")
                return nil
            }
            return KeyedValue(key: key, line: entry.key.line, value: entry.value)
        }
    }

    /// The same, where only some keys have a meaning.
    mutating func fields(_ value: YAMLValue, of what: String, known: [String]) -> [String: YAMLValue]? {
        guard let entries = entries(value, of: what) else { return nil }
        var found: [String: YAMLValue] = [:]
        for entry in entries {
            guard known.contains(entry.key) else {
                let near = known.first { $0.isNear(entry.key) }
                report(
                    entry.line, "there is no key '\(YAMLValue.shown(entry.key))' in \(what)",
                    hint: near.map { "did you mean '\($0)'?" } ?? "keys are \(known.joined(separator: ", ")).")
                continue
            }
            found[entry.key] = entry.value
        }
        return found
    }

    mutating func text(_ value: YAMLValue, _ key: String) -> String? {
        guard case .scalar(let text, let isPlain) = value.content else {
            report(value.line, "\(key) is \(value.kind), and not text")
            return nil
        }
        let kind = isPlain ? YAMLScalarKind(plain: text) : .text
        switch kind {
        case .text: return text
        case .null:
            report(value.line, "\(key) has no value", hint: "leave the key out for the default.")
        default:
            report(
                value.line, "\(key): '\(YAMLValue.shown(text))' is \(kind.rawValue) to YAML, and not text",
                hint: "put it in quotes.")
        }
        return nil
    }

    mutating func flag(_ value: YAMLValue, _ key: String) -> Bool? {
        if case .scalar(let text, isPlain: true) = value.content, text == "true" || text == "false" {
            return text == "true"
        }
        report(value.line, "\(key) is neither true nor false", hint: "write true or false, without quotes.")
        return nil
    }

    mutating func number(_ value: YAMLValue, _ key: String) -> Int? {
        if case .scalar(let text, isPlain: true) = value.content, let number = Int(text), String(number) == text {
            return number
        }
        report(value.line, "\(key) is not a whole number", hint: "write decimal digits, without quotes.")
        return nil
    }

    mutating func texts(_ value: YAMLValue, _ key: String) -> [String]? {
        guard case .list(let items) = value.content else {
            report(value.line, "\(key) is \(value.kind), and not a list", hint: "write [\"a\", \"b\"].")
            return nil
        }
        let before = problems.count
        let texts = items.compactMap { text($0, "an entry of \(key)") }
        return problems.count == before ? texts : nil
    }

    /// Seconds; `0` only where it has a meaning.
    mutating func duration(_ value: YAMLValue, _ key: String, orZero: Bool = false) -> Int? {
        if case .scalar(let text, _) = value.content {
            if text == "0" && orZero { return 0 }
            if let seconds = DurationText.seconds(text) { return seconds }
        }
        report(value.line, "\(key) is not a time such as 90s, 15m, 6h or 2d")
        return nil
    }

    mutating func path(_ value: YAMLValue, _ key: String) -> String? {
        guard let text = text(value, key) else { return nil }
        guard text.hasPrefix("/"), !text.utf8.contains(0) else {
            report(value.line, "\(key) is not an absolute path", hint: "write a path that begins with '/'.")
            return nil
        }
        return URL(filePath: text).standardizedFileURL.path(percentEncoded: false)
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ value: YAMLValue, _ key: String, _ type: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        guard let text = text(value, key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        report(
            value.line, "\(key) cannot be '\(YAMLValue.shown(text))'",
            hint: "write one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
        return nil
    }
}

extension YAMLValue {
    fileprivate var kind: String {
        switch content {
        case .map: "a mapping"
        case .list: "a list"
        case .scalar(let text, let isPlain):
            switch isPlain ? YAMLScalarKind(plain: text) : .text {
            case .text: "text"
            case let kind: kind.rawValue
            }
        }
    }
}

extension String {
    /// Whether one is the other with at most two letters added, left out or changed, and upper and lower case aside.
    fileprivate func isNear(_ other: String) -> Bool {
        let (left, right) = (Array(lowercased().utf8), Array(other.lowercased().utf8))
        guard right.count < 40, abs(left.count - right.count) <= 2 else { return false }
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var next = [index + 1]
            for (column, other) in right.enumerated() {
                next.append(Swift.min(row[column] + (byte == other ? 0 : 1), row[column + 1] + 1, next[column] + 1))
            }
            row = next
        }
        return (row.last ?? .max) <= 2
    }
}
