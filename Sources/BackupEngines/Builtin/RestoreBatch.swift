internal import BackupModel

/// Documents of one namespace on their way to the server, or the order to get the namespace ready for them.
struct RestoreBatch: Sendable {
    /// The namespace to make: such a batch has no documents, and goes before all of its namespace that have.
    var making: RestoreTarget?
    /// Which namespace: its index in the tally.
    var index: Int
    var place: Namespace
    /// Of the time series whose buckets these are, to widen it when the server asks for that.
    var timeSeries: Namespace?
    var bypassesValidation: Bool
    /// All batches of one lane go through one connection, in order.
    var lane: Int?
    var documents: DocumentBuffer?

    var count: Int { documents?.documents ?? 0 }
    var bytes: Int { documents?.count ?? 0 }
}

/// Cuts the documents of the namespaces into batches.
///
/// A namespace's beginnings wait here until they make a batch or the namespace ends. Archives may interleave many
/// namespaces, so what waits is bounded over all of them.
struct BatchCutter {
    /// Of what the server takes in one message (48 MB, 100,000 documents) as much as still leaves several in memory.
    static let maximumBytes = 2 << 20
    private static let maximumDocuments = 10_000
    private static let maximumWaiting = 12 << 20
    /// What a collection of few documents gets at first.
    private static let smallBuffer = 1 << 14

    private let pool: DocumentBufferPool
    private var waiting: [Int: RestoreBatch] = [:]
    /// Memory of those, used or not.
    private var waitingBytes = 0

    init(pool: DocumentBufferPool) { self.pool = pool }

    /// Takes whole documents; gives the batches that are full.
    mutating func add(
        _ bytes: UnsafeRawBufferPointer, count: Int, to empty: RestoreBatch,
        send: (RestoreBatch) throws -> Void
    ) throws {
        var batch = waiting.removeValue(forKey: empty.index) ?? empty
        waitingBytes -= batch.documents?.capacity ?? 0
        var rest = bytes
        var left = count
        while left > 0 {
            let (length, documents) = Self.room(in: batch, rest, left)
            if documents == 0 || length == 0 {
                try send(batch)
                batch = empty
                continue
            }
            let buffer = batch.documents ?? buffer(for: length)
            buffer.append(UnsafeRawBufferPointer(rebasing: rest[..<length]), documents: documents)
            batch.documents = buffer
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
            left -= documents
        }
        waiting[empty.index] = batch
        waitingBytes += batch.documents?.capacity ?? 0
        if waitingBytes > Self.maximumWaiting { try sendAll(send) }
    }

    mutating func end(_ index: Int, send: (RestoreBatch) throws -> Void) throws {
        guard let batch = waiting.removeValue(forKey: index) else { return }
        waitingBytes -= batch.documents?.capacity ?? 0
        if batch.count > 0 { try send(batch) }
    }

    private func buffer(for length: Int) -> DocumentBuffer {
        length < Self.smallBuffer ? DocumentBuffer(capacity: Self.smallBuffer) : pool.take()
    }

    private mutating func sendAll(_ send: (RestoreBatch) throws -> Void) throws {
        for index in waiting.keys.sorted() { try end(index, send: send) }
    }

    /// How many of the documents, and bytes, the batch still takes; always one when it is empty.
    private static func room(
        in batch: RestoreBatch, _ bytes: UnsafeRawBufferPointer, _ count: Int
    ) -> (length: Int, documents: Int) {
        let freeDocuments = maximumDocuments - batch.count
        let freeBytes = maximumBytes - batch.bytes
        if count <= freeDocuments, bytes.count <= freeBytes { return (bytes.count, count) }
        var length = 0
        var documents = 0
        while documents < min(freeDocuments, count), bytes.count - length >= 5 {
            let next = Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: length, as: Int32.self)))
            guard next >= 5, next <= bytes.count - length else { break }
            guard length + next <= freeBytes || (batch.count == 0 && documents == 0) else { break }
            length += next
            documents += 1
        }
        return (length, documents)
    }
}
