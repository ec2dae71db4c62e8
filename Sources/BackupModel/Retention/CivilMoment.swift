import Foundation

/// Local time for rules that count hours, days and months; the calendar itself is plain arithmetic.
extension TimeZoneRules {
    /// Seconds east of UTC at a time in seconds since 1970.
    private func offset(at seconds: Int64) -> Int64 {
        Int64(offset(at: Date(timeIntervalSince1970: Double(seconds))))
    }

    /// What calendar and clock show at a time in seconds since 1970.
    func moment(at seconds: Int64) -> CivilMoment { CivilMoment(localSeconds: seconds + offset(at: seconds)) }

    /// The time at which calendar and clock show this. Of two, or of none (a clock change), it is the one that Go's
    /// `time.Date` takes, and restic with it.
    func seconds(of moment: CivilMoment) -> Int64 {
        let local = moment.localSeconds
        let first = offset(at: local)
        return local - (first == 0 ? 0 : offset(at: local - first))
    }
}

/// A day of the Gregorian calendar and a second of it. Days of a month beyond its end run on into the next ones.
struct CivilMoment: Hashable {
    var year: Int64
    /// 1 to 12.
    var month: Int64
    var day: Int64
    var secondOfDay: Int64

    init(localSeconds: Int64) {
        let days = localSeconds.flooringQuotient(86400)
        secondOfDay = localSeconds - days * 86400
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": eras of 400 years that begin on 1 March.
        let shifted = days + 719_468
        let era = shifted.flooringQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var hour: Int64 { secondOfDay / 3600 }

    /// Days since 1 January 1970.
    var days: Int64 {
        let shiftedYear = year - (month <= 2 ? 1 : 0)
        let era = shiftedYear.flooringQuotient(400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    var localSeconds: Int64 { days * 86400 + secondOfDay }

    /// The ISO 8601 week: weeks begin on Monday and belong to the year that has their Thursday.
    var week: (year: Int64, number: Int64) {
        let days = days
        // 1970-01-01 was a Thursday.
        let monday = days - (days + 3) + (days + 3).flooringQuotient(7) * 7
        let thursday = CivilMoment(localSeconds: (monday + 3) * 86400)
        var newYear = thursday
        (newYear.month, newYear.day) = (1, 1)
        return (thursday.year, (monday + 3 - newYear.days) / 7 + 1)
    }

    /// Takes years, months and days off by the calendar: what the month does not have runs on into the next one, as in
    /// Go's `AddDate`.
    func subtracting(years: Int64, months: Int64, days: Int64) -> CivilMoment {
        var result = self
        let month = self.month - 1 - months
        result.year = year - years + month.flooringQuotient(12)
        result.month = month - month.flooringQuotient(12) * 12 + 1
        result.day = day - days
        return result
    }
}

extension Int64 {
    /// Rounded down, for a positive divisor.
    fileprivate func flooringQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self < quotient * divisor ? quotient - 1 : quotient
    }
}
