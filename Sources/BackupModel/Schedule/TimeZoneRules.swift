package import Foundation

/// When the clocks of a time zone show what: its offset from UTC at every instant, from a TZif file (RFC 9636).
///
/// Good for all times: behind the last change that the file lists, its own rule for the future goes on for ever.
package struct TimeZoneRules: Hashable, Sendable {
    package let name: String
    /// The instants at which the offset changes, ascending, in seconds from 1970.
    let changes: [Int]
    /// The offsets in seconds: the first before all changes, then one from each change on.
    let offsets: [Int]
    /// From here on everything repeats what was 400 years before; nil when nothing changes any more.
    let horizon: Int?

    package static let utc = TimeZoneRules(name: "UTC", initialOffset: 0, changes: [])

    /// Rules that are listed in full: from each change on its offset, from the last one on for ever.
    package init(name: String, initialOffset: Int, changes: [(at: Int, offset: Int)]) {
        self.init(name: name, initialOffset: initialOffset, changes: changes, horizon: nil)
    }

    /// Changes that change nothing are left out.
    init(name: String, initialOffset: Int, changes: [(at: Int, offset: Int)], horizon: Int?) {
        var instants: [Int] = []
        var offsets = [initialOffset]
        for change in changes where change.offset != offsets[offsets.count - 1] {
            instants.append(change.at)
            offsets.append(change.offset)
        }
        self.name = name
        self.changes = instants
        self.offsets = offsets
        self.horizon = horizon
    }

    /// Seconds east of Greenwich.
    package func offset(at instant: Date) -> Int { stretch(at: instant.wholeSeconds).offset }
}

/// A time between two changes of the offset, or behind the last one.
struct TimeZoneStretch: Hashable, Sendable {
    /// The first second of it, and the first one that is not in it any more.
    var start: Int
    var end: Int
    var offset: Int
    /// What the clocks had reached when it began: later than its first local time after they were put back, earlier
    /// after they were put forward, and equal to it when a change is too large to be one of the season.
    var reached: Int

    var localStart: Int { start + offset }
    var localEnd: Int { end + offset }
}

extension TimeZoneRules {
    /// Far beyond all times in use, and far from an overflow.
    static let beyond = 1 << 56
    /// Clocks that are put back by more than this were wrong before: nothing has been there already
    /// (Debian's cron, `cron.c`; so has cronie).
    private static let largestSetBack = 3 * 3600

    func stretch(at instant: Int) -> TimeZoneStretch {
        guard let horizon, instant >= horizon else { return listedStretch(at: instant) }
        let shift = ((instant - horizon) / CivilTime.cycle + 1) * CivilTime.cycle
        var stretch = listedStretch(at: instant - shift)
        stretch.start += shift
        stretch.end += shift
        stretch.reached += shift
        return stretch
    }

    private func listedStretch(at instant: Int) -> TimeZoneStretch {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        let start = low > 0 ? changes[low - 1] : -Self.beyond
        let localStart = start + offsets[low]
        var reached = localStart
        if low > 0 {
            reached = start + offsets[low - 1]
            // Changes within hours of each other: the clocks may have been further still before the last one.
            var earlier = low - 2
            while earlier >= 0, start - changes[earlier] <= Self.largestSetBack {
                reached = max(reached, changes[earlier] + offsets[earlier])
                earlier -= 1
            }
            if reached - localStart > Self.largestSetBack { reached = localStart }
        }
        return TimeZoneStretch(
            start: start, end: low < changes.count ? changes[low] : Self.beyond, offset: offsets[low], reached: reached)
    }
}

extension Date {
    /// Seconds from 1970, rounded down, within what RFC 3339 can write.
    var wholeSeconds: Int {
        let seconds = timeIntervalSince1970
        guard seconds > Double(CivilTime.range.lowerBound) else { return CivilTime.range.lowerBound }
        guard seconds < Double(CivilTime.range.upperBound) else { return CivilTime.range.upperBound }
        return Int(seconds.rounded(.down))
    }

    init(wholeSeconds: Int) {
        self.init(timeIntervalSince1970: Double(wholeSeconds))
    }
}
