/// One of the five fields of a rule, as it is written: items between commas.
struct CronField {
    let kind: Kind
    let text: ArraySlice<UInt8>

    enum Kind: String {
        case minute
        case hour
        case day = "day of month"
        case month
        case weekday = "day of week"
    }

    init(_ kind: Kind, _ text: ArraySlice<UInt8>) {
        self.kind = kind
        self.text = text
    }

    /// Vixie's star: only the first character counts, so `*/2` is one too. `?` is a `*` in the fields of days.
    var isAny: Bool { text.first == UInt8(ascii: "*") || isQuestionMark }

    var items: [ArraySlice<UInt8>] { text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) }

    private var isQuestionMark: Bool {
        text.count == 1 && text.first == UInt8(ascii: "?") && (kind == .day || kind == .weekday)
    }
}

/// What is wrong with a rule, or with a field of it.
package struct CronProblem: Error {
    package var reason: String
    package var hint: String?
}

extension CronField.Kind {
    /// Sunday is 0 and 7.
    var range: ClosedRange<Int> {
        switch self {
        case .minute: 0...59
        case .hour: 0...23
        case .day: 1...31
        case .month: 1...12
        case .weekday: 0...7
        }
    }

    /// Their names, from the number `firstName` on.
    var names: [StaticString] {
        switch self {
        case .month: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        case .weekday: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        default: []
        }
    }

    private var firstName: Int { self == .month ? 1 : 0 }

    /// The number of a name of three letters, in any case.
    func number(ofName text: ArraySlice<UInt8>) -> Int? {
        guard text.count == 3, self == .month || self == .weekday else { return nil }
        return names.firstIndex { name in
            name.withUTF8Buffer { zip($0, text).allSatisfy { $0 == $1 & ~0x20 } }
        }.map { $0 + firstName }
    }
}

extension CronField {
    /// The values of all items, a bit for each.
    func values() throws -> UInt64 {
        try items.reduce(0) { try $0 | values(of: $1) }
    }

    /// `*`, `5`, `1-5`, each with `/step`: a step counts from the low end, and from a single value to the field's high end.
    func values(of item: ArraySlice<UInt8>) throws -> UInt64 {
        let parts = item.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        let step = parts.count > 1 ? try self.step(parts[1], of: item) : nil
        let bounds = try bounds(parts[0], of: item, isOpen: step != nil)
        var values: UInt64 = 0
        for value in stride(from: bounds.lowerBound, through: bounds.upperBound, by: step ?? 1) {
            values |= 1 << UInt64(value)
        }
        return values
    }

    private func bounds(_ text: ArraySlice<UInt8>, of item: ArraySlice<UInt8>, isOpen: Bool) throws -> ClosedRange<Int>
    {
        if text.elementsEqual("*".utf8) { return kind.range }
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")) else {
            let value = try value(text, of: item)
            return value...(isOpen ? kind.range.upperBound : value)
        }
        let low = try value(text[..<dash], of: item)
        var high = try value(text[(dash + 1)...], of: item)
        // A week that ends on Sunday.
        if kind == .weekday, high == 0, low > 0 { high = 7 }
        guard low <= high else {
            throw problem(
                item, "runs backwards",
                hint: "write '\(low)-\(kind.range.upperBound),\(kind.range.lowerBound)-\(high)'.")
        }
        return low...high
    }

    private func step(_ text: ArraySlice<UInt8>, of item: ArraySlice<UInt8>) throws -> Int {
        guard let step = Self.number(text) else { throw problem(item, "has a step that is not a number") }
        guard step > 0 else { throw problem(item, "has a step of 0") }
        return step
    }

    /// A number or a name in the field's range.
    func value(_ text: ArraySlice<UInt8>, of item: ArraySlice<UInt8>) throws -> Int {
        if let named = kind.number(ofName: text) { return named }
        guard let number = Self.number(text) else { throw problem(item, "cannot be read", hint: reading) }
        guard kind.range.contains(number) else {
            throw problem(item, "is not within \(kind.range.lowerBound)-\(kind.range.upperBound)")
        }
        return number
    }

    private var reading: String {
        var forms = "numbers"
        if let first = kind.names.first, let last = kind.names.last { forms += ", \(first) to \(last)" }
        return "a \(kind.rawValue) is made of \(forms), ranges 'a-b', steps '/n' and commas."
    }

    /// Digits only; what is too large for any use becomes the largest.
    static func number(_ text: ArraySlice<UInt8>) -> Int? {
        guard !text.isEmpty else { return nil }
        var value = 0
        for byte in text {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000)
        }
        return value
    }

    func problem(_ item: ArraySlice<UInt8>, _ what: String, hint: String? = nil) -> CronProblem {
        let reason =
            item.isEmpty
            ? "the \(kind.rawValue) has an empty item"
            : "\(kind.rawValue) '\(String(decoding: item, as: UTF8.self))' \(what)"
        return CronProblem(reason: reason, hint: hint)
    }
}
