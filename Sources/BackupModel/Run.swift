package import Foundation

/// One attempt at a job, or one act upon a snapshot.
package struct Run: Hashable, Sendable {
    package var id: RunID
    package var kind: RunKind
    package var job: String?
    package var trigger: RunTrigger
    package var scheduledFor: Date?
    package var attempt: Int
    package var state: RunState
    package var queuedAt: Date
    package var startedAt: Date?
    package var finishedAt: Date?
    package var heartbeatAt: Date?
    package var owner: ProcessIdentity?
    /// Who asked for the end of the run while it went on.
    package var cancelRequestedBy: String?
    package var engine: EngineIdentity?
    /// The snapshot that the run made, or that it read.
    package var snapshot: String?
    package var counters: RunCounters
    package var warnings: [String]
    package var error: BackupError?

    package init(
        id: RunID, kind: RunKind, job: String?, trigger: RunTrigger, scheduledFor: Date? = nil, attempt: Int = 1,
        state: RunState = .queued, queuedAt: Date
    ) {
        self.id = id
        self.kind = kind
        self.job = job
        self.trigger = trigger
        self.scheduledFor = scheduledFor
        self.attempt = attempt
        self.state = state
        self.queuedAt = queuedAt
        counters = RunCounters()
        warnings = []
    }
}

package enum RunKind: String, Sendable, Codable, CaseIterable {
    case backup, restore, verify, prune, `import`
}

package enum RunTrigger: String, Sendable, Codable, CaseIterable {
    case schedule
    case catchUp = "catch-up"
    case manual, retry, api
}

package enum RunState: String, Sendable, Codable, CaseIterable {
    case queued, running
    case succeeded, partial, failed, cancelled, interrupted, missed, skipped

    package var isTerminal: Bool { self != .queued && self != .running }
}

/// What a run counted. Bytes are those of the uncompressed archive and of the file that was stored or read.
package struct RunCounters: Hashable, Sendable, Codable {
    package var documents: Int64
    package var failedDocuments: Int64
    package var namespaces: Int64
    package var uncompressedBytes: Int64
    package var storedBytes: Int64

    package init(
        documents: Int64 = 0, failedDocuments: Int64 = 0, namespaces: Int64 = 0, uncompressedBytes: Int64 = 0,
        storedBytes: Int64 = 0
    ) {
        self.documents = documents
        self.failedDocuments = failedDocuments
        self.namespaces = namespaces
        self.uncompressedBytes = uncompressedBytes
        self.storedBytes = storedBytes
    }
}

/// An engine's name and version as the run met it.
package struct EngineIdentity: Hashable, Sendable, Codable {
    package var name: String
    package var version: String

    package init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

/// What tells one process from any other that ever had its number: the number, its start in clock ticks since boot,
/// and the boot.
package struct ProcessIdentity: Hashable, Sendable, Codable {
    package var processID: Int32
    package var startTicks: UInt64
    package var bootID: String

    package init(processID: Int32, startTicks: UInt64, bootID: String) {
        self.processID = processID
        self.startTicks = startTicks
        self.bootID = bootID
    }
}

/// A run's name: its start in UTC to the second and four random characters, `20260114T020000Z-k3f9`.
package struct RunID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    /// Reads an id; nil when it is not of that form.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard bytes.count == 21, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z"),
            bytes[16] == UInt8(ascii: "-"), (bytes[0..<8] + bytes[9..<15]).allSatisfy(digits.contains),
            bytes[17...].allSatisfy({ digits.contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        else { return nil }
        self.text = text
    }

    /// Makes an id from a time and a source of random numbers.
    package init(at time: Date, using generator: inout some RandomNumberGenerator) {
        let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz")
        let suffix = (0..<4).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        text = "\(Timestamp.compact(time))-\(String(suffix))"
    }

    package var description: String { text }

    package static func < (left: RunID, right: RunID) -> Bool { left.text < right.text }
}

extension RunID: Codable {
    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = RunID(text) else {
            throw BackupError(.catalogFailed, "cannot read run id '\(text.escapedForDisplay)': not of the right form")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
