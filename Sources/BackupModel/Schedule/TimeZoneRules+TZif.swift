extension TimeZoneRules {
    /// Reads a TZif file of version 2 or newer, whose rule for the future is its last line.
    ///
    /// Refuses what is damaged, contradicts itself, or counts leap seconds (the zones under `right/`); no bytes make it
    /// trap, and a file costs time and memory in proportion to its length.
    package init(name: String, tzif bytes: [UInt8]) throws {
        do {
            var reader = TZifReader(bytes: bytes)
            try self.init(name: name, file: reader.read())
        } catch let problem as TZifProblem {
            throw BackupError(
                .timeZoneDamaged, "cannot read the rules of time zone '\(name.escapedForDisplay)': \(problem.reason)",
                hint: "install the package 'tzdata' again, or set TZDIR to a folder with good time zone files.")
        }
    }

    private init(name: String, file: TZifFile) throws {
        guard let future = file.future else {
            self.init(name: name, initialOffset: file.initialOffset, changes: file.changes)
            return
        }
        let last = file.changes.last
        guard future.dst != nil else {
            guard future.standardOffset == last?.offset ?? file.initialOffset else { throw TZifProblem.contradiction }
            self.init(name: name, initialOffset: file.initialOffset, changes: file.changes)
            return
        }
        // A file without any change has its rule from the beginning: here, from before all schedules.
        let listedEnd = last?.at ?? CivilTime.day(1900, 1, 1) * 86400
        guard CivilTime.range.contains(listedEnd) else { throw TZifProblem.range }
        let year = CivilTime.date(ofDay: CivilTime.floorDivide(listedEnd, 86400)).year
        let coming = future.changes(years: (year - 1)...(year + 403))
        let offset = coming.last { $0.at <= listedEnd }?.offset
        guard last == nil || offset == last?.offset else { throw TZifProblem.contradiction }
        self.init(
            name: name, initialOffset: file.initialOffset, changes: file.changes + coming.filter { $0.at > listedEnd },
            horizon: listedEnd + CivilTime.cycle + 2 * 366 * 86400)
    }
}

/// What a TZif file says.
struct TZifFile {
    var initialOffset: Int
    var changes: [(at: Int, offset: Int)]
    var future: PosixTimeZone?
}

enum TZifProblem: Error {
    case notTZif, version, truncated, counts, range, order, leapSeconds, footer, contradiction

    var reason: String {
        switch self {
        case .notTZif: "it is not a time zone file"
        case .version: "its format is version 1, which has no rule for the future"
        case .truncated: "the file is cut off"
        case .counts: "the counts in its header are wrong"
        case .range: "a time or an offset in it is out of range"
        case .order: "its changes are not in order"
        case .leapSeconds: "it counts leap seconds, as the zones under 'right/' do"
        case .footer: "its rule for the future is damaged"
        case .contradiction: "its rule for the future contradicts its last change"
        }
    }
}

/// Walks over the bytes of a file; every access is checked.
struct TZifReader {
    private let bytes: [UInt8]
    private var position = 0
    private static let magic = Array("TZif".utf8)

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func read() throws -> TZifFile {
        let old = try header()
        try skip(old.dataLength(timeSize: 4))
        let counts = try header()
        guard counts.types > 0, counts.types <= 256, counts.characters > 0,
            counts.isUT == 0 || counts.isUT == counts.types, counts.isStandard == 0 || counts.isStandard == counts.types
        else { throw TZifProblem.counts }
        guard counts.leapSeconds == 0 else { throw TZifProblem.leapSeconds }
        guard counts.dataLength(timeSize: 8) <= bytes.count - position else { throw TZifProblem.truncated }
        let times = try (0..<counts.times).map { _ in try integer(8) }
        let indices = try (0..<counts.times).map { _ in try integer(1) }
        let types = try (0..<counts.types).map { _ in try type(characters: counts.characters) }
        try skip(counts.characters + counts.isStandard + counts.isUT)
        let future = try footer()
        guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }) else { throw TZifProblem.order }
        guard times.allSatisfy({ (-(1 << 59)...1 << 59).contains($0) }),
            types.allSatisfy({ (-89_999...93_599).contains($0) })
        else { throw TZifProblem.range }
        let changes = try zip(times, indices).map { time, index in
            guard types.indices.contains(index) else { throw TZifProblem.counts }
            // What changed before the year 1 (a "Big Bang" entry of some compilers) changed at its beginning.
            return (at: max(time, CivilTime.range.lowerBound), offset: types[index])
        }
        return TZifFile(initialOffset: types[0], changes: changes, future: future)
    }

    private mutating func header() throws -> TZifCounts {
        guard bytes.starts(with: Self.magic) else { throw TZifProblem.notTZif }
        guard try take(4).elementsEqual(Self.magic) else { throw TZifProblem.counts }
        guard let version = try take(1).first, version >= UInt8(ascii: "2") else { throw TZifProblem.version }
        try skip(15)
        let counts = try (0..<6).map { _ in try integer(4) }
        // More than any file has; a bound for the sums below.
        guard counts.allSatisfy({ (0...1_000_000).contains($0) }) else { throw TZifProblem.counts }
        return TZifCounts(
            isUT: counts[0], isStandard: counts[1], leapSeconds: counts[2], times: counts[3], types: counts[4],
            characters: counts[5])
    }

    /// The offset of a type of local time; daylight saving or not makes no difference here.
    private mutating func type(characters: Int) throws -> Int {
        let offset = try integer(4)
        let isDaylight = try integer(1)
        let abbreviation = try integer(1)
        guard (0...1).contains(isDaylight), abbreviation < characters else { throw TZifProblem.counts }
        return offset
    }

    private mutating func footer() throws -> PosixTimeZone? {
        let rest = bytes[position...]
        guard rest.first == UInt8(ascii: "\n") else { throw rest.isEmpty ? TZifProblem.truncated : .footer }
        guard let end = rest.dropFirst().firstIndex(of: UInt8(ascii: "\n")) else { throw TZifProblem.truncated }
        let text = bytes[(position + 1)..<end]
        guard !text.isEmpty else { return nil }
        guard let future = PosixTimeZone(parsing: text) else { throw TZifProblem.footer }
        return future
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.count - position else { throw TZifProblem.truncated }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    private mutating func skip(_ count: Int) throws { _ = try take(count) }

    /// A signed number, the most significant byte first.
    private mutating func integer(_ width: Int) throws -> Int {
        let digits = try take(width)
        let value = digits.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return width == 8 ? Int(Int64(bitPattern: value)) : Int(Int32(truncatingIfNeeded: value))
    }
}

/// The six counts of a header.
private struct TZifCounts {
    var isUT: Int
    var isStandard: Int
    var leapSeconds: Int
    var times: Int
    var types: Int
    var characters: Int

    func dataLength(timeSize: Int) -> Int {
        times * (timeSize + 1) + types * 6 + characters + leapSeconds * (timeSize + 4) + isStandard + isUT
    }
}
