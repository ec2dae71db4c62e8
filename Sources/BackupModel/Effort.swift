/// How hard a run compresses, and how much of the machine it may take for it.
package struct Effort: Hashable, Sendable {
    package static let threadCounts = 1...256
    package static let niceValues = 0...19

    package var compression: Compression
    /// How many threads compress, and read back; nil: one for each processor.
    package var threads: Int?
    /// How much the run's threads and tools give way to others, at the least (`nice(1)`); nil: as much as whoever starts
    /// them.
    package var nice: Int?

    package init(compression: Compression = .fast, threads: Int? = nil, nice: Int? = nil) {
        self.compression = compression
        self.threads = threads
        self.nice = nice
    }

    package var isDefault: Bool { self == Effort() }
}

extension Effort: Codable {
    private enum Key: String, CodingKey {
        case compression, threads, nice
    }

    /// Refuses a level that is unknown and numbers that no job can have.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        self.init(
            compression: try values.decode(Compression.self, forKey: .compression),
            threads: try values.decodeIfPresent(Int.self, forKey: .threads),
            nice: try values.decodeIfPresent(Int.self, forKey: .nice))
        try check()
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(compression, forKey: .compression)
        try values.encodeIfPresent(threads, forKey: .threads)
        try values.encodeIfPresent(nice, forKey: .nice)
    }
}
