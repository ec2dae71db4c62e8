package import Foundation

/// What a retention plan needs to know of one snapshot.
package struct RetentionCandidate: Hashable, Sendable {
    package var id: String
    package var time: Date
    /// Only a good one fills a slot, and only a good one is ever removed.
    package var isGood: Bool
    package var isVerified: Bool
    /// Why it is pinned; nil when it is not, or not any more.
    package var pin: String?
    /// A restore or a check is reading it.
    package var isBeingRead: Bool
    package var storedBytes: Int64

    package init(
        id: String, time: Date, isGood: Bool = true, isVerified: Bool = false, pin: String? = nil,
        isBeingRead: Bool = false, storedBytes: Int64 = 0
    ) {
        self.id = id
        self.time = time
        self.isGood = isGood
        self.isVerified = isVerified
        self.pin = pin
        self.isBeingRead = isBeingRead
        self.storedBytes = storedBytes
    }
}

/// Why a snapshot is kept.
package enum RetentionReason: Hashable, Sendable {
    /// The newest of its period; `period` is its key among those of the unit.
    case counted(RetentionPolicy.Unit, period: Int64)
    /// The oldest one there is, kept by a rule that has slots left.
    case oldest(RetentionPolicy.Unit)
    case within(RetentionPolicy.Unit, RetentionSpan)
    case oldestWithin(RetentionPolicy.Unit, RetentionSpan)
    case lastGood
    case lastVerified
    case pinned(String)
    case beingRead
    /// Its time is in the future: it fills no slot.
    case future

    /// Whether a rule of the policy wants it; the other reasons hold with any policy.
    package var isRule: Bool {
        switch self {
        case .counted, .oldest, .within, .oldestWithin: true
        case .lastGood, .lastVerified, .pinned, .beingRead, .future: false
        }
    }

    /// The reason's name, for scripts: `daily`, `oldest monthly`, `within`, `last good`.
    package var word: String {
        switch self {
        case .counted(let unit, _): unit.rawValue
        case .oldest(let unit): "oldest \(unit.rawValue)"
        case .within(let unit, _): unit == .last ? "within" : "\(unit.rawValue) within"
        case .oldestWithin(let unit, _): "oldest \(unit.rawValue) within"
        case .lastGood: "last good"
        case .lastVerified: "last verified"
        case .pinned: "pinned"
        case .beingRead: "being read"
        case .future: "future"
        }
    }
}

extension RetentionReason: CustomStringConvertible {
    /// For people: `daily 2026-11-20`, `within 7d`, `pinned: before migration`.
    package var description: String {
        switch self {
        case .counted(.last, _), .oldest, .lastGood, .lastVerified, .beingRead, .future: word
        case .counted(let unit, let period): "\(word) \(unit.name(ofPeriod: period))"
        case .within(_, let span), .oldestWithin(_, let span): "\(word) \(span)"
        case .pinned(let reason): "pinned: \(reason.escapedForDisplay)"
        }
    }
}

extension RetentionPolicy.Unit {
    /// A number that moments of one period share, and no two periods that follow each other.
    func period(of moment: CivilMoment, position: Int) -> Int64 {
        switch self {
        case .last: Int64(position)
        case .hourly: ((moment.year * 100 + moment.month) * 100 + moment.day) * 100 + moment.hour
        case .daily: (moment.year * 100 + moment.month) * 100 + moment.day
        case .weekly: moment.week.year * 100 + moment.week.number
        case .monthly: moment.year * 100 + moment.month
        case .yearly: moment.year
        }
    }

    /// `2026-11-20T14`, `2026-11-20`, `2026-W47`, `2026-11`, `2026`
    fileprivate func name(ofPeriod period: Int64) -> String {
        func pair(_ place: Int64) -> String {
            let number = period / place % 100
            return number < 10 ? "0\(number)" : "\(number)"
        }
        return switch self {
        case .last: "\(period + 1)"
        case .hourly: "\(period / 1_000_000)-\(pair(10000))-\(pair(100))T\(pair(1))"
        case .daily: "\(period / 10000)-\(pair(100))-\(pair(1))"
        case .weekly: "\(period / 100)-W\(pair(1))"
        case .monthly: "\(period / 100)-\(pair(1))"
        case .yearly: "\(period)"
        }
    }
}
