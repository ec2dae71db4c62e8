/// How long a failed attempt waits for the next one: a minute, and twice as long each time, up to an hour.
package enum RetryBackoff {
    package static let first = 60
    package static let longest = 3600
    /// More would be a way to hammer on a server, not to get a backup.
    package static let mostRetries = 10

    /// Seconds after attempt `attempt` (from 1) has ended.
    package static func seconds(after attempt: Int) -> Int {
        guard attempt < 7 else { return longest }
        return min(longest, first << max(0, attempt - 1))
    }
}
