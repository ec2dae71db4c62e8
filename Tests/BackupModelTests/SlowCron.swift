import Foundation

/// A second implementation of the rules, slow and obvious: it walks through the wall clock minute by minute, as Debian's
/// cron does (`cron.c`), with sets of numbers. It shares no code with the first one, nor its time zones.
struct SlowCron {
    private let fields: [Set<Int>]
    private let parts: [String]
    private let isWildcard: Bool
    private let mustBothMatch: Bool

    private static let bounds = [0...59, 0...23, 1...31, 1...12, 0...7]
    private static let names = [
        3: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        4: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    ]

    /// Takes good rules only.
    init(_ text: String) {
        parts = text.split(separator: " ").map { $0.uppercased() }
        isWildcard = parts[0].hasPrefix("*") || parts[1].hasPrefix("*")
        mustBothMatch = parts[2].hasPrefix("*") || parts[4].hasPrefix("*")
        fields = parts.enumerated().map { index, part in
            Set(part.split(separator: ",").flatMap { Self.plainValues(String($0), index) })
        }
    }

    private static func plainValues(_ item: String, _ index: Int) -> [Int] {
        let bounds = bounds[index]
        if index == 2 && (item.contains("L") || item.contains("W")) { return [] }
        if index == 4 && (item.hasSuffix("L") || item.contains("#")) { return [] }
        let halves = item.split(separator: "/").map(String.init)
        let step = halves.count == 2 ? Self.plain(halves[1]) : 1
        var low = bounds.lowerBound
        var high = bounds.upperBound
        if halves[0] != "*" {
            let ends = halves[0].split(separator: "-").map { number(String($0), index) }
            low = ends[0]
            high = ends.count == 2 ? ends[1] : halves.count == 2 ? high : low
            if index == 4 && high == 0 && ends.count == 2 && low > 0 { high = 7 }
        }
        return (low...high).filter { ($0 - low) % step == 0 }
    }

    private static func number(_ text: String, _ index: Int) -> Int {
        names[index]?.firstIndex(of: text).map { index == 3 ? $0 + 1 : $0 } ?? plain(text)
    }

    private static func plain(_ text: String) -> Int { Int(text) ?? -1 }

    /// A day of the calendar, from Foundation's.
    struct Day {
        var year: Int
        var month: Int
        var day: Int
        var weekday: Int
        var length: Int

        init(number: Int) {
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = .gmt
            let date = Date(timeIntervalSince1970: Double(number) * 86400)
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
            year = parts.year ?? 0
            month = parts.month ?? 0
            day = parts.day ?? 0
            weekday = (parts.weekday ?? 0) - 1
            length = calendar.range(of: .day, in: .month, for: date)?.count ?? 0
        }
    }

    func matches(_ day: Day) -> Bool {
        guard fields[3].contains(day.month) else { return false }
        let byNumber =
            fields[2].contains(day.day) || parts[2].split(separator: ",").contains { special(String($0), day) }
        let byWeekday =
            fields[4].contains(day.weekday) || fields[4].contains(day.weekday == 0 ? 7 : day.weekday)
            || parts[4].split(separator: ",").contains { specialWeekday(String($0), day) }
        return mustBothMatch ? byNumber && byWeekday : byNumber || byWeekday
    }

    private func special(_ item: String, _ day: Day) -> Bool {
        if item == "L" { return day.day == day.length }
        if item == "LW" { return day.day == Self.nearest(to: day.length, day) }
        if item.hasPrefix("L-") { return day.day == day.length - Self.plain(String(item.dropFirst(2))) }
        if item.hasSuffix("W"), let wanted = Int(item.dropLast()) {
            return wanted <= day.length && day.day == Self.nearest(to: wanted, day)
        }
        return false
    }

    /// Of the days from Monday to Friday in this month the one with the least distance; of two, the one on the same side
    /// of the weekend, which is nearer, or there is only one.
    private static func nearest(to wanted: Int, _ day: Day) -> Int {
        let weekdays = (1...day.length).filter { (1...5).contains(((day.weekday + $0 - day.day) % 7 + 7) % 7) }
        return weekdays.min { abs($0 - wanted) < abs($1 - wanted) } ?? 0
    }

    private func specialWeekday(_ item: String, _ day: Day) -> Bool {
        if item.hasSuffix("L") && !item.contains("#") {
            return Self.number(String(item.dropLast()), 4) % 7 == day.weekday && day.day > day.length - 7
        }
        let halves = item.split(separator: "#").map(String.init)
        guard halves.count == 2, Self.number(halves[0], 4) % 7 == day.weekday else { return false }
        return halves[1] == "L" ? day.day > day.length - 7 : (day.day - 1) / 7 + 1 == Self.plain(halves[1])
    }

    /// Whether the clock shows a time of the rule; `minute` is the number of minutes of a wall clock from 1970.
    private func matches(_ minute: Int, _ days: inout [Int: Bool]) -> Bool {
        let number = Int((Double(minute) / 1440).rounded(.down))
        let time = minute - number * 1440
        guard fields[0].contains(time % 60), fields[1].contains(time / 60) else { return false }
        if let known = days[number] { return known }
        let matched = matches(Day(number: number))
        days[number] = matched
        return matched
    }

    /// The instants (minutes from 1970) within the offsets (in minutes) of as many minutes, one after the other.
    func instants(from start: Int, offsets: [Int]) -> [Int] {
        var days: [Int: Bool] = [:]
        var found: [Int] = []
        // How far the clock has come: what it shows again is nothing new.
        var reached = start - 1 + offsets[0]
        for (index, offset) in offsets.enumerated() {
            let clock = start + index + offset
            let ahead = clock - reached
            var fires = false
            if isWildcard || ahead > 180 || ahead <= -180 {
                fires = matches(clock, &days)
            } else if ahead > 0 {
                for minute in (reached + 1)...clock where matches(minute, &days) { fires = true }
            }
            if fires { found.append(start + index) }
            if ahead > 0 || ahead <= -180 { reached = clock }
        }
        return found
    }
}
