package import Foundation

extension RetentionPolicy: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: RetentionKey.self)
        for unit in Unit.allCases {
            if let count = counts[unit] { try container.encode(count, forKey: RetentionKey(unit.countKey)) }
            if let span = spans[unit] { try container.encode("\(span)", forKey: RetentionKey(unit.spanKey)) }
        }
    }

    /// An object with the keys in alphabetical order, as the catalog keeps it.
    package var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Reads a policy as `json` writes it; refuses a time zone, which belongs to the job.
    package init(json: String) throws {
        let given = try GivenRetention(json: Data(json.utf8))
        guard given.timeZone == nil else { throw GivenRetention.unreadable("'timeZone' is not a rule") }
        self = given.policy
    }
}

/// A policy as people and scripts write it down, with the time zone whose days and months it counts.
package struct GivenRetention: Sendable, Decodable {
    package var policy: RetentionPolicy
    /// The name of one; nil: UTC.
    package var timeZone: String?

    /// Refuses what it does not know: a rule that is misspelled must not read as none.
    package init(json: Data) throws {
        do {
            self = try JSONDecoder().decode(GivenRetention.self, from: json)
        } catch let error as BackupError {
            throw error
        } catch {
            throw Self.unreadable("not a JSON object of rules")
        }
    }

    package init(from decoder: any Decoder) throws {
        guard let container = try? decoder.container(keyedBy: RetentionKey.self) else {
            throw Self.unreadable("not a JSON object of rules")
        }
        var counts: [RetentionPolicy.Unit: Int] = [:]
        var spans: [RetentionPolicy.Unit: RetentionSpan] = [:]
        for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
            let name = key.stringValue
            if let unit = RetentionPolicy.Unit.allCases.first(where: { $0.countKey == name }) {
                guard let count = try? container.decode(Int.self, forKey: key) else {
                    throw Self.unreadable("\(name) is not a whole number")
                }
                counts[unit] = count
            } else if let unit = RetentionPolicy.Unit.allCases.first(where: { $0.spanKey == name }) {
                guard let text = try? container.decode(String.self, forKey: key), let span = RetentionSpan(text) else {
                    throw Self.unreadable("\(name) is not a length of time such as '1y2m3d4h'")
                }
                spans[unit] = span
            } else if name == "timeZone" {
                guard let zone = try? container.decode(String.self, forKey: key) else {
                    throw Self.unreadable("timeZone is not a text")
                }
                timeZone = zone
            } else {
                throw Self.unreadable("there is no rule '\(name.escapedForDisplay)'")
            }
        }
        policy = try RetentionPolicy(counts: counts, spans: spans)
    }

    static func unreadable(_ reason: String) -> BackupError {
        BackupError(
            .invalidPolicy, "cannot use retention policy: \(reason)",
            hint: "rules are keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, and keepWithin, "
                + "keepWithinHourly to keepWithinYearly.")
    }
}

private struct RetentionKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
