/// The items that only the two fields of days have.
extension CronField {
    /// `L`, `L-3`, `LW`, `15W`, or a number.
    func read(dayItem item: ArraySlice<UInt8>, into days: inout CronDays) throws {
        if isAny, item.elementsEqual("?".utf8) {
            days.numbers = .max
        } else if item.first.map(Self.upper) == UInt8(ascii: "L") {
            try readLast(item, into: &days)
        } else if item.last.map(Self.upper) == UInt8(ascii: "W") {
            days.nearestWeekdays |= 1 << UInt32(try value(item.dropLast(), of: item))
        } else {
            days.numbers |= UInt32(truncatingIfNeeded: try values(of: item))
        }
    }

    private func readLast(_ item: ArraySlice<UInt8>, into days: inout CronDays) throws {
        let rest = item.dropFirst()
        if rest.isEmpty {
            days.fromEnd |= 1
        } else if rest.count == 1, rest.first.map(Self.upper) == UInt8(ascii: "W") {
            days.lastWeekday = true
        } else if rest.first == UInt8(ascii: "-"), let back = Self.number(rest.dropFirst()) {
            guard (1...30).contains(back) else { throw problem(item, "is not within L-1 and L-30") }
            days.fromEnd |= 1 << UInt32(back)
        } else {
            throw problem(item, "cannot be read", hint: "the forms are 'L', 'L-3', 'LW' and '15W'.")
        }
    }

    /// `5L`, `FRI#L`, `5#3`, or a number or name.
    func read(weekdayItem item: ArraySlice<UInt8>, into days: inout CronDays) throws {
        if isAny, item.elementsEqual("?".utf8) {
            days.weekdays = 0x7F
        } else if let sign = item.firstIndex(of: UInt8(ascii: "#")) {
            let weekday = try value(item[..<sign], of: item) % 7
            let which = item[(sign + 1)...]
            if which.count == 1, which.first.map(Self.upper) == UInt8(ascii: "L") {
                days.lastWeekdays |= 1 << UInt8(weekday)
            } else if let week = Self.number(which), (1...5).contains(week) {
                days.numberedWeekdays |= 1 << UInt64((week - 1) * 8 + weekday)
            } else {
                throw problem(item, "does not say which of the month", hint: "use '#1' to '#5', or '#L' for the last.")
            }
        } else if item.last.map(Self.upper) == UInt8(ascii: "L") {
            guard item.count > 1 else {
                throw problem(item, "does not say which week day", hint: "'5L' is the last Friday of the month.")
            }
            days.lastWeekdays |= 1 << UInt8(try value(item.dropLast(), of: item) % 7)
        } else {
            let values = try values(of: item)
            days.weekdays |= UInt8(truncatingIfNeeded: values & 0x7F | values >> 7)
        }
    }

    private static func upper(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte & ~0x20 : byte
    }
}
