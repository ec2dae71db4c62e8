import ArgumentParser
import BackupModel

/// How hard a job's runs compress, and how much of the machine they may take.
struct EffortOptions: ParsableArguments {
    @Option(
        name: .customLong("compression"),
        help:
            "Compress the archive: \(Compression.allCases.map(\.rawValue).joined(separator: ", ")) (default: fast). Each gives a gzip file."
    )
    var compression: Compression?

    @Option(
        name: .customLong("threads"),
        help: "Compress on so many threads, \(Effort.threadCounts.inWords) (default: one for each processor).")
    var threads: Int?

    @Option(
        name: .customLong("nice"),
        help: "Give way to other programs, \(Effort.niceValues.inWords), also with mongodump (default: as inherited).")
    var nice: Int?

    /// Puts what was given into an effort; what was not given stays.
    func apply(to effort: inout Effort) {
        if let compression { effort.compression = compression }
        if let threads { effort.threads = threads }
        if let nice { effort.nice = nice }
    }
}

extension Compression: ExpressibleByArgument {}

extension ClosedRange<Int> {
    fileprivate var inWords: String { "\(lowerBound) to \(upperBound)" }
}
