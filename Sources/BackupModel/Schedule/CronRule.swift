/// When a five-field rule fires, in local time: sets of minutes, hours and months, and what it says of the days.
struct CronRule: Hashable, Sendable {
    /// A bit for each of the values, 0 the lowest.
    var minutes: UInt64
    var hours: UInt32
    var months: UInt16
    var days: CronDays
    /// The minute or the hour begins with `*`: the rule follows the wall clock through clock changes. All others are
    /// fixed times, which no clock change takes away or doubles (Debian's cron).
    var isWildcard: Bool

    static let everyMonth: UInt16 = 0b1_1111_1111_1110
}

/// Which days of a month a rule means.
struct CronDays: Hashable, Sendable {
    /// By number: bits 1 to 31.
    var numbers: UInt32 = 0
    /// `L-n`: bit n, and bit 0 for `L`.
    var fromEnd: UInt32 = 0
    /// `15W`: bit 15.
    var nearestWeekdays: UInt32 = 0
    /// `LW`
    var lastWeekday = false
    /// The day of the month begins with `*`.
    var anyDay = false
    /// Bits 0 (Sunday) to 6.
    var weekdays: UInt8 = 0
    /// `5#3`: bit 5 at index 2, in the five bytes of one number.
    var numberedWeekdays: UInt64 = 0
    /// `5L`: bit 5.
    var lastWeekdays: UInt8 = 0
    /// The week day begins with `*`.
    var anyWeekday = false

    /// Vixie's rule, as Debian has it: with a `*` in front of either field both must match, otherwise either is enough.
    var mustBothMatch: Bool { anyDay || anyWeekday }
}

extension CronDays {
    /// The days of a month with this length and this week day of its first: bits 1 to 31.
    func mask(length: Int, firstWeekday: Int) -> UInt32 {
        let byDay = dayMask(length: length, firstWeekday: firstWeekday)
        let byWeekday = weekdayMask(length: length, firstWeekday: firstWeekday)
        let both = mustBothMatch ? byDay & byWeekday : byDay | byWeekday
        return both & UInt32.max >> UInt32(31 - length) & ~1
    }

    private func dayMask(length: Int, firstWeekday: Int) -> UInt32 {
        var mask = numbers
        if fromEnd != 0 {
            for back in 0..<length where fromEnd & 1 << UInt32(back) != 0 { mask |= 1 << UInt32(length - back) }
        }
        if lastWeekday {
            mask |= 1 << UInt32(Self.nearestWeekday(to: length, length: length, firstWeekday: firstWeekday))
        }
        if nearestWeekdays != 0 {
            for day in 1...length where nearestWeekdays & 1 << UInt32(day) != 0 {
                mask |= 1 << UInt32(Self.nearestWeekday(to: day, length: length, firstWeekday: firstWeekday))
            }
        }
        return mask
    }

    /// The day from Monday to Friday that is nearest, in the same month.
    private static func nearestWeekday(to day: Int, length: Int, firstWeekday: Int) -> Int {
        switch (firstWeekday + day - 1) % 7 {
        case 6: day > 1 ? day - 1 : day + 2
        case 0: day < length ? day + 1 : day - 2
        default: day
        }
    }

    private func weekdayMask(length: Int, firstWeekday: Int) -> UInt32 {
        guard weekdays != 0x7F else { return .max }
        var mask: UInt32 = 0
        for weekday in 0..<7 {
            let first = 1 + (weekday - firstWeekday + 7) % 7
            let bit = UInt8(1) << UInt8(weekday)
            if weekdays & bit != 0 { mask |= 0x1020_4081 << UInt32(first) }
            if lastWeekdays & bit != 0 { mask |= 1 << UInt32(first + (length - first) / 7 * 7) }
            if numberedWeekdays != 0 {
                for week in 0..<5 where numberedWeekdays >> UInt64(week * 8) & UInt64(bit) != 0 {
                    let day = first + week * 7
                    if day <= length { mask |= 1 << UInt32(day) }
                }
            }
        }
        return mask
    }
}

extension CronRule {
    /// The matching days of a month: bits 1 to 31; nothing in a month that the rule leaves out.
    func mask(ofMonth month: Int, in year: Int) -> UInt32 {
        guard months & 1 << UInt16(month) != 0 else { return 0 }
        return days.mask(
            length: CivilTime.length(ofMonth: month, in: year),
            firstWeekday: CivilTime.weekday(ofDay: CivilTime.day(year, month, 1)))
    }

    /// Whether there is any day for it. The calendar has 14 years that differ: the first week day, and leap or not.
    var hasDays: Bool {
        for firstWeekday in 0..<7 {
            for february in 28...29 {
                var weekday = firstWeekday
                for month in 1...12 {
                    let length = month == 2 ? february : CivilTime.length(ofMonth: month, in: 2001)
                    if months & 1 << UInt16(month) != 0, days.mask(length: length, firstWeekday: weekday) != 0 {
                        return true
                    }
                    weekday = (weekday + length) % 7
                }
            }
        }
        return false
    }
}
