/// Searching in local time: seconds of a wall clock from 1970-01-01T00:00:00, `from` included, `before` not.
extension CronRule {
    /// The first match, at a whole minute.
    func first(from: Int, before: Int) -> Int? {
        let minute = CivilTime.floorDivide(from + 59, 60)
        let day = CivilTime.floorDivide(minute, 1440)
        let lastDay = CivilTime.floorDivide(before - 1, 86400)
        guard day <= lastDay, let found = firstDay(from: day, through: lastDay) else { return nil }
        var result = found * 1440 + firstTime
        if found == day {
            if let time = time(from: minute - day * 1440) {
                result = day * 1440 + time
            } else if let next = firstDay(from: day + 1, through: lastDay) {
                result = next * 1440 + firstTime
            } else {
                return nil
            }
        }
        return result * 60 < before ? result * 60 : nil
    }

    /// The last match, at a whole minute.
    func last(from: Int, before: Int) -> Int? {
        let minute = CivilTime.floorDivide(before - 1, 60)
        let day = CivilTime.floorDivide(minute, 1440)
        let firstDay = CivilTime.floorDivide(from, 86400)
        guard day >= firstDay, let found = lastDay(from: firstDay, through: day) else { return nil }
        var result = found * 1440 + lastTime
        if found == day {
            if let time = time(through: minute - day * 1440) {
                result = day * 1440 + time
            } else if let next = lastDay(from: firstDay, through: day - 1) {
                result = next * 1440 + lastTime
            } else {
                return nil
            }
        }
        return result * 60 >= from ? result * 60 : nil
    }

    /// How many matches there are; costs a step a month, not one a match.
    func count(from: Int, before: Int) -> Int {
        let start = CivilTime.floorDivide(from + 59, 60)
        let end = CivilTime.floorDivide(before + 59, 60)
        guard start < end else { return 0 }
        let startDay = CivilTime.floorDivide(start, 1440)
        let endDay = CivilTime.floorDivide(end, 1440)
        return dayCount(from: startDay, before: endDay) * timesADay
            - (matches(day: startDay) ? timeCount(before: start - startDay * 1440) : 0)
            + (matches(day: endDay) ? timeCount(before: end - endDay * 1440) : 0)
    }
}

/// Days, as numbers from 1970-01-01.
extension CronRule {
    func matches(day: Int) -> Bool {
        let date = CivilTime.date(ofDay: day)
        return mask(ofMonth: date.month, in: date.year) & 1 << UInt32(date.day) != 0
    }

    func firstDay(from day: Int, through last: Int) -> Int? {
        guard day <= last else { return nil }
        var (year, month, number) = CivilTime.date(ofDay: day)
        var start = day - number
        while start < last {
            let found = mask(ofMonth: month, in: year) & .max << UInt32(number)
            if found != 0 {
                let result = start + found.trailingZeroBitCount
                return result <= last ? result : nil
            }
            start += CivilTime.length(ofMonth: month, in: year)
            number = 1
            (year, month) = month < 12 ? (year, month + 1) : (year + 1, 1)
        }
        return nil
    }

    private func lastDay(from first: Int, through day: Int) -> Int? {
        guard first <= day else { return nil }
        var (year, month, number) = CivilTime.date(ofDay: day)
        var start = day - number
        while true {
            let found = mask(ofMonth: month, in: year) & .max >> UInt32(31 - number)
            if found != 0 {
                let result = start + 31 - found.leadingZeroBitCount
                return result >= first ? result : nil
            }
            guard start >= first else { return nil }
            (year, month) = month > 1 ? (year, month - 1) : (year - 1, 12)
            number = CivilTime.length(ofMonth: month, in: year)
            start -= number
        }
    }

    private func dayCount(from day: Int, before end: Int) -> Int {
        var (year, month, number) = CivilTime.date(ofDay: day)
        var start = day - number
        var count = 0
        while start + number < end {
            var found = mask(ofMonth: month, in: year) & .max << UInt32(number)
            if end - start <= 31 { found &= ~(.max << UInt32(end - start)) }
            count += found.nonzeroBitCount
            start += CivilTime.length(ofMonth: month, in: year)
            number = 1
            (year, month) = month < 12 ? (year, month + 1) : (year + 1, 1)
        }
        return count
    }
}

/// Times of a day, in minutes from its midnight.
extension CronRule {
    var timesADay: Int { hours.nonzeroBitCount * minutes.nonzeroBitCount }
    var firstTime: Int { hours.trailingZeroBitCount * 60 + minutes.trailingZeroBitCount }
    var lastTime: Int { (31 - hours.leadingZeroBitCount) * 60 + 63 - minutes.leadingZeroBitCount }

    private func time(from minute: Int) -> Int? {
        let hour = minute / 60
        if hours & 1 << UInt32(hour) != 0 {
            let rest = minutes & .max << UInt64(minute % 60)
            if rest != 0 { return hour * 60 + rest.trailingZeroBitCount }
        }
        let later = hours & .max << UInt32(hour + 1)
        return later != 0 ? later.trailingZeroBitCount * 60 + minutes.trailingZeroBitCount : nil
    }

    private func time(through minute: Int) -> Int? {
        let hour = minute / 60
        if hours & 1 << UInt32(hour) != 0 {
            let rest = minutes & .max >> UInt64(63 - minute % 60)
            if rest != 0 { return hour * 60 + 63 - rest.leadingZeroBitCount }
        }
        let earlier = hours & ~(.max << UInt32(hour))
        return earlier != 0 ? (31 - earlier.leadingZeroBitCount) * 60 + 63 - minutes.leadingZeroBitCount : nil
    }

    private func timeCount(before minute: Int) -> Int {
        let hour = minute / 60
        let whole = (hours & ~(.max << UInt32(hour))).nonzeroBitCount * minutes.nonzeroBitCount
        guard hours & 1 << UInt32(hour) != 0 else { return whole }
        return whole + (minutes & ~(.max << UInt64(minute % 60))).nonzeroBitCount
    }
}
