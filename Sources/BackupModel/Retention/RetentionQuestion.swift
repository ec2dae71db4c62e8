package import Foundation

/// What `retention plan` is asked: a policy and snapshots of one job, from JSON.
package struct RetentionQuestion: Sendable, Decodable {
    package var policy: RetentionPolicy
    /// The name of one.
    package var timeZone: String
    package var candidates: [RetentionCandidate]

    package init(given: GivenRetention, snapshots: [GivenSnapshot]) throws {
        var ids: Set<String> = []
        for snapshot in snapshots where !ids.insert(snapshot.candidate.id).inserted {
            throw GivenSnapshot.unreadable("'\(snapshot.candidate.id.escapedForDisplay)' is there twice")
        }
        policy = given.policy
        timeZone = given.timeZone ?? "UTC"
        candidates = snapshots.map(\.candidate)
    }

    /// A line of a batch, `{"policy": ..., "snapshots": [...]}`; other keys are left alone.
    package init(json: Data) throws {
        self = try GivenSnapshot.reading { try JSONDecoder().decode(RetentionQuestion.self, from: json) }
    }

    private enum CodingKeys: String, CodingKey { case policy, snapshots }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            given: container.decode(GivenRetention.self, forKey: .policy),
            snapshots: container.decode([GivenSnapshot].self, forKey: .snapshots))
    }

    package func plan(now: Date, in zone: TimeZoneRules) -> RetentionPlan {
        policy.plan(for: candidates, now: now, in: zone)
    }
}

/// A snapshot as scripts write it down: `{"id": ..., "time": RFC 3339, "status": "succeeded" | "failed"}`.
package struct GivenSnapshot: Sendable, Decodable {
    package var candidate: RetentionCandidate

    /// Reads a list of them.
    package static func list(json: Data) throws -> [GivenSnapshot] {
        try reading { try JSONDecoder().decode([GivenSnapshot].self, from: json) }
    }

    private enum CodingKeys: String, CodingKey { case id, time, status }

    /// What is no success fills no slot.
    private static let failures: Set<String> = ["failed", "partial", "damaged", "missing"]

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let id = try container.decode(String.self, forKey: .id)
        let text = try container.decode(String.self, forKey: .time)
        let status = try container.decode(String.self, forKey: .status)
        guard let time = GivenTime.parse(text) else {
            throw Self.unreadable("the time of '\(id.escapedForDisplay)' is not in the form of RFC 3339")
        }
        guard status == "succeeded" || Self.failures.contains(status) else {
            throw Self.unreadable("the status of '\(id.escapedForDisplay)' is neither 'succeeded' nor 'failed'")
        }
        candidate = RetentionCandidate(id: id, time: time, isGood: status == "succeeded")
    }

    fileprivate static func reading<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as BackupError {
            throw error
        } catch {
            throw unreadable("not JSON of the form that is documented")
        }
    }

    fileprivate static func unreadable(_ reason: String) -> BackupError {
        BackupError(
            .usage, "cannot read the snapshots: \(reason)",
            hint: #"each is {"id": "...", "time": "2026-01-14T02:00:00Z", "status": "succeeded"}."#)
    }
}

/// RFC 3339 with any offset; by hand, since a plan may be over a hundred thousand of them.
package enum GivenTime {
    package static func parse(_ text: String) -> Date? {
        var bytes = text.utf8.makeIterator()
        func number(_ digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let byte = bytes.next(), (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        func take(_ characters: String) -> Bool { bytes.next().map(characters.utf8.contains) ?? false }
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2), take("Tt "),
            let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var moment = CivilMoment(localSeconds: 0)
        (moment.year, moment.month, moment.day) = (year, month, day)
        moment.secondOfDay = hour * 3600 + minute * 60 + second
        // What the calendar does not have comes back as another day.
        guard CivilMoment(localSeconds: moment.localSeconds) == moment else { return nil }
        guard let rest = fractionAndOffset(&bytes) else { return nil }
        return Date(timeIntervalSince1970: Double(moment.localSeconds - rest.offset) + rest.fraction)
    }

    private static func fractionAndOffset(
        _ bytes: inout String.UTF8View.Iterator
    ) -> (fraction: Double, offset: Int64)? {
        var fraction = 0.0
        var next = bytes.next()
        if next == UInt8(ascii: ".") {
            var unit = 0.1
            next = bytes.next()
            guard let first = next, (48...57).contains(first) else { return nil }
            while let byte = next, (48...57).contains(byte) {
                fraction += Double(byte - 48) * unit
                unit /= 10
                next = bytes.next()
            }
        }
        guard let sign = next else { return nil }
        if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") { return bytes.next() == nil ? (fraction, 0) : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
        var digits: [Int64] = []
        while let byte = bytes.next() {
            if digits.count == 2, byte == UInt8(ascii: ":") { continue }
            guard (48...57).contains(byte) else { return nil }
            digits.append(Int64(byte - 48))
        }
        guard digits.count == 4 else { return nil }
        let (hours, minutes) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3])
        guard hours < 24, minutes < 60 else { return nil }
        return (fraction, (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1))
    }
}
