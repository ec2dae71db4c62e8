/// How far apart the instants of a rule lie, by the calendar: an hour that a clock change adds or takes away is left out.
extension Schedule {
    /// The shortest and the longest time between two neighbouring instants, in seconds: what a jitter must stay below, and
    /// after how long at most the next one comes. Nil when there is none, or only one.
    package var intervals: ClosedRange<Int>? {
        switch rule {
        case .every(let seconds): return seconds...seconds
        case .cron(let rule):
            guard rule.hasDays, let days = rule.dayGaps else { return nil }
            let night = (rule.lastTime - rule.firstTime) * 60
            let times = rule.timeGaps
            let acrossDays = (days.lowerBound * 86400 - night)...(days.upperBound * 86400 - night)
            guard let times else { return acrossDays }
            return min(times.lowerBound, acrossDays.lowerBound)...max(times.upperBound, acrossDays.upperBound)
        }
    }
}

extension CronRule {
    /// The shortest and the longest time between two instants of one day, in seconds; nil when there is one a day.
    fileprivate var timeGaps: ClosedRange<Int>? {
        var previous: Int?
        var result: ClosedRange<Int>?
        for hour in 0..<24 where hours & 1 << UInt32(hour) != 0 {
            for minute in 0..<60 where minutes & 1 << UInt64(minute) != 0 {
                let time = hour * 60 + minute
                if let previous { result = result.widened(to: (time - previous) * 60) }
                previous = time
            }
        }
        return result
    }

    /// The shortest and the longest time between two days, in days; nil when there is no day.
    ///
    /// 29 years have every year of the calendar beside every one that can follow it, so they tell all of a rule that fires
    /// every year; for the others there are the 400 years in which the calendar repeats.
    fileprivate var dayGaps: ClosedRange<Int>? {
        let gaps = dayGaps(years: 2001...2029)
        if let gaps, gaps.upperBound <= 366 { return gaps }
        return dayGaps(years: 2000...2399)
    }

    private func dayGaps(years: ClosedRange<Int>) -> ClosedRange<Int>? {
        let start = CivilTime.day(years.lowerBound, 1, 1)
        let end = CivilTime.day(years.upperBound + 1, 1, 1)
        guard let first = firstDay(from: start, through: end - 1) else { return nil }
        var gaps: ClosedRange<Int>?
        var previous = first
        while let day = firstDay(from: previous + 1, through: end - 1) {
            if day - previous != gaps?.lowerBound { gaps = gaps.widened(to: day - previous) }
            previous = day
        }
        // What comes after the last year begins anew.
        return years.count == 400 ? gaps.widened(to: first + (end - start) - previous) : gaps
    }
}

extension ClosedRange<Int>? {
    fileprivate func widened(to value: Int) -> ClosedRange<Int> {
        guard let self else { return value...value }
        return Swift.min(self.lowerBound, value)...Swift.max(self.upperBound, value)
    }
}
