/// How an archive is compressed. Every level gives a gzip file that any reader takes.
package enum Compression: String, Hashable, Sendable, Codable, CaseIterable {
    /// The least processor time: about a tenth of what `mongodump --gzip` needs, for some 10 % more bytes.
    case fast
    /// The size of `mongodump --gzip`, in half of its time.
    case balanced
    /// The fewest bytes, at any price.
    case small
}
