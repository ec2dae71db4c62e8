import RegexBuilder

/// What readers of YAML take an unquoted scalar for, in version 1.1 or 1.2: `no` is a boolean to one of them, `1:30` a number.
enum YAMLScalarKind: String {
    case text
    case null = "no value"
    case boolean = "true or false"
    case number = "a number"
    case time = "a date"

    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case _ where Self.booleans.contains(text.lowercased()): self = .boolean
        case _ where text.utf8.count > 200: self = .text
        // What no number or date begins with: a pattern takes a thousand times as long.
        case _ where !(text.utf8.first.map("+-.0123456789".utf8.contains) ?? false): self = .text
        case _ where text.wholeMatch(of: YAMLPattern.number) != nil: self = .number
        case _ where text.wholeMatch(of: YAMLPattern.date) != nil: self = .time
        default: self = .text
        }
    }

    private static let booleans: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n"]
}

private enum YAMLPattern {
    static var number: Regex<Substring> {
        let whole = /[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(?::[0-5]?[0-9])*)/
        let fraction = /[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?/
        let special = /[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)/
        return Regex {
            ChoiceOf {
                whole
                special
                fraction
            }
        }
    }

    static var date: Regex<Substring> { /[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?/ }
}
