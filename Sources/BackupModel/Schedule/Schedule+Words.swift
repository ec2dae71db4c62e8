/// Rules for people.
extension Schedule {
    /// `at 02:30 every Sunday (Europe/Warsaw)`. Where both the day of the month and the week day are given, it says whether
    /// both must match or either is enough.
    package func inWords(zoneName: String) -> String {
        switch rule {
        case .every(let seconds): "every \(Self.length(seconds))"
        case .cron(let rule): "\(rule.inWords) (\(zoneName))"
        }
    }

    private static func length(_ seconds: Int) -> String {
        for (unit, noun) in [(86400, "day"), (3600, "hour"), (60, "minute")] where seconds.isMultiple(of: unit) {
            return seconds == unit ? noun : "\(seconds / unit) \(noun)s"
        }
        return "\(seconds) seconds"
    }
}

extension CronRule {
    fileprivate var inWords: String {
        let times = timesInWords
        let days = days.inWords(
            months: months == Self.everyMonth ? nil : Words.list(Self.values(UInt64(months)), Words.month))
        // 'every 15 minutes' needs no 'every day' behind it.
        let isDaily = times.hasPrefix("every ") || times.hasSuffix(" of every hour")
        return isDaily && days == "every day" ? times : "\(times) \(days)"
    }

    private static func values(_ mask: UInt64) -> [Int] { (0..<64).filter { mask & 1 << UInt64($0) != 0 } }

    private var timesInWords: String {
        let minutes = Self.values(minutes)
        let hours = Self.values(UInt64(hours))
        let lastMinute = minutes.last ?? 0
        let firstHour = hours.first ?? 0
        let lastHour = hours.last ?? 0
        // Minutes that go on evenly from one hour to the next.
        if minutes.first == 0, let step = Words.step(minutes), 60.isMultiple(of: step), lastMinute == 60 - step {
            let every = step == 1 ? "every minute" : "every \(step) minutes"
            if hours.count == 24 { return every }
            if hours.count == 1 || Words.step(hours) == 1 {
                return "\(every) from \(Words.clock(firstHour, 0)) to \(Words.clock(lastHour, lastMinute))"
            }
            return "\(every) of the hours \(Words.list(hours))"
        }
        if hours.count == 24 { return "at minute\(minutes.count == 1 ? "" : "s") \(Words.list(minutes)) of every hour" }
        if minutes.count == 1, hours.count > 3, let step = Words.step(hours) {
            let range = "from \(Words.clock(firstHour, lastMinute)) to \(Words.clock(lastHour, lastMinute))"
            return step == 1 ? "every hour \(range)" : "every \(step) hours \(range)"
        }
        if minutes.count * hours.count <= 6 {
            return "at " + Words.join(hours.flatMap { hour in minutes.map { Words.clock(hour, $0) } })
        }
        return "at minute\(minutes.count == 1 ? "" : "s") \(Words.list(minutes)) of the hour"
            + "\(hours.count == 1 ? "" : "s") \(Words.list(hours))"
    }
}

extension CronDays {
    fileprivate func inWords(months: String?) -> String {
        let ofMonth = months.map { "of \($0)" } ?? "of every month"
        let inMonth = months.map { " in \($0)" } ?? ""
        let everyNumber = numbers & ~1 == ~1
        let everyWeekday = weekdays == 0x7F
        switch (everyNumber, everyWeekday) {
        case (true, true): return "every day\(inMonth)"
        case (true, false) where mustBothMatch: return weekdaysInWords(ofMonth: ofMonth, inMonth: inMonth)
        case (false, true) where mustBothMatch: return "on \(daysInWords) \(ofMonth)"
        default:
            let days = "on \(daysInWords) \(ofMonth)"
            guard mustBothMatch else {
                return "\(days), and \(weekdaysInWords(ofMonth: ofMonth, inMonth: inMonth)) (either is enough)"
            }
            return "\(days), but only \(weekdaysInWords("on ", ofMonth: ofMonth, inMonth: "")) (both must match)"
        }
    }

    private var daysInWords: String {
        var parts: [String] = []
        let plain = (1...31).filter { numbers & 1 << UInt32($0) != 0 }
        if !plain.isEmpty { parts.append("day\(plain.count == 1 ? "" : "s") \(Words.list(plain))") }
        for day in 1...31 where nearestWeekdays & 1 << UInt32(day) != 0 {
            parts.append("the weekday (Monday to Friday) nearest to day \(day)")
        }
        for back in (1...30).reversed() where fromEnd & 1 << UInt32(back) != 0 {
            parts.append("the day \(back) before the last")
        }
        if lastWeekday { parts.append("the last weekday (Monday to Friday)") }
        if fromEnd & 1 != 0 { parts.append("the last day") }
        return Words.join(parts)
    }

    private func weekdaysInWords(_ each: String = "every ", ofMonth: String, inMonth: String) -> String {
        var parts: [String] = []
        // Sunday last, as 7: so that a range over the week's end reads as one.
        let plain = (1...7).filter { weekdays & 1 << UInt8($0 % 7) != 0 }
        if !plain.isEmpty {
            let isRange = plain.count > 2 && Words.step(plain) == 1
            parts.append((isRange ? "from " : each) + Words.list(plain, Words.weekday) + inMonth)
        }
        var numbered: [String] = []
        for week in 1...5 {
            for weekday in 1...7 where numberedWeekdays >> UInt64((week - 1) * 8 + weekday % 7) & 1 != 0 {
                numbered.append("the \(Words.ordinal(week)) \(Words.weekday(weekday))")
            }
        }
        for weekday in 1...7 where lastWeekdays & 1 << UInt8(weekday % 7) != 0 {
            numbered.append("the last \(Words.weekday(weekday))")
        }
        if !numbered.isEmpty { parts.append("on \(Words.join(numbered)) \(ofMonth)") }
        return Words.join(parts)
    }
}

/// Numbers and names in sentences.
private enum Words {
    static func month(_ number: Int) -> String {
        let names = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November",
            "December",
        ]
        return names.indices.contains(number - 1) ? names[number - 1] : "\(number)"
    }

    /// 0 and 7 are Sunday.
    static func weekday(_ number: Int) -> String {
        let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
        return names[((number % 7) + 7) % 7]
    }

    static func ordinal(_ number: Int) -> String {
        let names = ["first", "second", "third", "fourth", "fifth"]
        return names.indices.contains(number - 1) ? names[number - 1] : "\(number)."
    }

    static func clock(_ hour: Int, _ minute: Int) -> String { "\(pad(hour)):\(pad(minute))" }

    private static func pad(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// The distance of numbers that lie evenly; nil when they do not, or when there is only one.
    static func step(_ values: [Int]) -> Int? {
        guard let first = values.first, values.count > 1 else { return nil }
        let step = values[1] - first
        return values.indices.allSatisfy { values[$0] == first + $0 * step } ? step : nil
    }

    /// `1, 3 and 9 to 17`
    static func list(_ values: [Int], _ name: (Int) -> String = { "\($0)" }) -> String {
        var parts: [String] = []
        var rest = values[...]
        while let first = rest.first {
            var last = first
            rest.removeFirst()
            while let next = rest.first, next == last + 1 {
                last = next
                rest.removeFirst()
            }
            switch last - first {
            case 0: parts.append(name(first))
            case 1: parts += [name(first), name(last)]
            default: parts.append("\(name(first)) to \(name(last))")
            }
        }
        return join(parts)
    }

    static func join(_ parts: [String]) -> String {
        guard let last = parts.last, parts.count > 1 else { return parts.first ?? "" }
        return parts.dropLast().joined(separator: ", ") + " and " + last
    }
}
