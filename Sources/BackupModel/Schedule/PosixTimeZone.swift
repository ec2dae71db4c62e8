/// The rule for the future in a TZif file: a POSIX `TZ` string with the extensions of RFC 9636, such as
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixTimeZone {
    /// Seconds east of Greenwich (the text has them west of it).
    var standardOffset: Int
    /// The other time of the year; nil when the clocks are never changed.
    var dst: Season?

    struct Season {
        var offset: Int
        var start: Change
        var end: Change
    }

    /// A day of each year, and seconds from its midnight (negative or more than a day possible).
    struct Change {
        var day: Day
        var time: Int
    }

    enum Day {
        /// `M3.5.0`: the nth (5: last) such week day of a month.
        case week(month: Int, week: Int, weekday: Int)
        /// `J60`: 1 to 365, without 29 February.
        case julian(Int)
        /// `59`: 0 to 365, with 29 February.
        case number(Int)
    }

    /// All changes of these years, ascending. Of two at one instant the one to daylight saving time counts: so a rule says
    /// that it holds the whole year.
    func changes(years: ClosedRange<Int>) -> [(at: Int, offset: Int)] {
        guard let dst else { return [] }
        var all: [(at: Int, offset: Int, isStart: Bool)] = []
        for year in years {
            all.append((dst.start.local(in: year) - standardOffset, dst.offset, true))
            all.append((dst.end.local(in: year) - dst.offset, standardOffset, false))
        }
        all.sort { ($0.at, $0.isStart ? 1 : 0) < ($1.at, $1.isStart ? 1 : 0) }
        return all.indices.compactMap { index in
            index + 1 < all.count && all[index + 1].at == all[index].at ? nil : (all[index].at, all[index].offset)
        }
    }
}

extension PosixTimeZone.Change {
    /// Seconds of the wall clock that is valid before the change.
    fileprivate func local(in year: Int) -> Int { day.number(in: year) * 86400 + time }
}

extension PosixTimeZone.Day {
    /// From 1970-01-01.
    fileprivate func number(in year: Int) -> Int {
        switch self {
        case .week(let month, let week, let weekday):
            let first = CivilTime.day(year, month, 1)
            let day = first + (weekday - CivilTime.weekday(ofDay: first) + 7) % 7 + (week - 1) * 7
            return day - first < CivilTime.length(ofMonth: month, in: year) ? day : day - 7
        case .julian(let number):
            return CivilTime.day(year, 1, 1) + number - (number >= 60 && CivilTime.isLeap(year) ? 0 : 1)
        case .number(let number):
            return CivilTime.day(year, 1, 1) + number
        }
    }
}

extension PosixTimeZone {
    /// Nil for anything but a whole and complete rule.
    init?(parsing text: ArraySlice<UInt8>) {
        var cursor = Cursor(rest: text)
        guard cursor.name(), let west = cursor.clock(hours: 24) else { return nil }
        standardOffset = -west
        guard !cursor.isAtEnd else { return }
        guard cursor.name() else { return nil }
        var offset = standardOffset + 3600
        if cursor.rest.first != UInt8(ascii: ",") {
            guard let west = cursor.clock(hours: 24) else { return nil }
            offset = -west
        }
        guard let start = cursor.change(), let end = cursor.change(), cursor.isAtEnd else { return nil }
        dst = Season(offset: offset, start: start, end: end)
    }

    private struct Cursor {
        var rest: ArraySlice<UInt8>

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ byte: Character) -> Bool {
            guard let value = byte.asciiValue, rest.first == value else { return false }
            rest.removeFirst()
            return true
        }

        /// An abbreviation: three letters or more, or anything of letters, digits and signs in `<...>`.
        mutating func name() -> Bool {
            let quoted = take("<")
            let part = rest.prefix {
                Self.isLetter($0) || quoted && (Self.isDigit($0) || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-"))
            }
            rest = rest.dropFirst(part.count)
            return part.count >= 3 && (!quoted || take(">"))
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func clock(hours limit: Int) -> Int? {
            let negative = take("-")
            if !negative { _ = take("+") }
            guard let hours = number(upTo: limit) else { return nil }
            var seconds = hours * 3600
            if take(":") {
                guard let minutes = number(upTo: 59) else { return nil }
                seconds += minutes * 60
                if take(":") {
                    guard let rest = number(upTo: 59) else { return nil }
                    seconds += rest
                }
            }
            return negative ? -seconds : seconds
        }

        /// `,M3.5.0/2`
        mutating func change() -> Change? {
            guard take(","), let day = day() else { return nil }
            guard take("/") else { return Change(day: day, time: 7200) }
            return clock(hours: 167).map { Change(day: day, time: $0) }
        }

        private mutating func day() -> Day? {
            if take("M") {
                guard let month = number(upTo: 12), month > 0, take("."), let week = number(upTo: 5), week > 0,
                    take("."), let weekday = number(upTo: 6)
                else { return nil }
                return .week(month: month, week: week, weekday: weekday)
            }
            if take("J") {
                return number(upTo: 365).flatMap { $0 > 0 ? .julian($0) : nil }
            }
            return number(upTo: 365).map { .number($0) }
        }

        /// One to three digits.
        private mutating func number(upTo limit: Int) -> Int? {
            let digits = rest.prefix(while: Self.isDigit)
            guard (1...3).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return value <= limit ? value : nil
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
    }
}
