import BackupModel
import Foundation

/// What a clock on the wall shows.
struct LocalTime {
    private let wall: Date
    private let offset: Int

    init(_ instant: Date, in zone: TimeZoneRules) {
        self.init(instant, offset: zone.offset(at: instant))
    }

    init(_ instant: Date, offset: Int) {
        wall = instant.addingTimeInterval(Double(offset))
        self.offset = offset
    }

    /// Seconds of a wall clock from 1970.
    init(wall: Int) {
        self.wall = Date(timeIntervalSince1970: Double(wall))
        offset = 0
    }

    /// `Sun 2026-03-29 03:00:00 +02:00`
    var text: String { "\(weekday) \(day) \(time) \(offsetText)" }

    /// `2026-03-29`
    var day: String { String(Timestamp.rfc3339(wall).prefix(10)) }

    /// `02:30`, and the seconds when there are any.
    var clock: String { time.hasSuffix(":00") ? String(time.dropLast(3)) : time }

    private var time: String { String(Timestamp.rfc3339(wall).dropFirst(11).prefix(8)) }

    private var weekday: String {
        let days = Int((wall.timeIntervalSince1970 / 86400).rounded(.down))
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        return names[(days % 7 + 7) % 7]
    }

    private var offsetText: String {
        let size = abs(offset)
        let parts = [size / 3600, size / 60 % 60] + (size.isMultiple(of: 60) ? [] : [size % 60])
        return (offset < 0 ? "-" : "+") + parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }
}
