internal import BackupModel
internal import MongoArchive

/// A part of a collection that one connection reads: all of it, or the documents whose `_id` lies in a range.
///
/// The bounds are places in the index on `_id`, which orders values of all types and by the collection's collation. So
/// adjacent ranges without bounds at the ends hold each document once, whatever is written meanwhile.
struct DumpPiece: Sendable, Equatable {
    /// The first `_id`, as a document with that one field; nil for the beginning.
    var from: BSONDocument?
    /// The first `_id` after the range; nil for the end.
    var to: BSONDocument?

    /// Only the document whose `_id` is `MaxKey`: a range without an end ends before it, as the server has it.
    var isMaxKey = false

    static let all = DumpPiece()

    var isAll: Bool { self == .all }

    /// The pieces between these bounds, which must be in the index's order and all different.
    static func pieces(between bounds: [BSONDocument]) -> [DumpPiece] {
        var pieces: [DumpPiece] = []
        var from: BSONDocument?
        for bound in bounds {
            pieces.append(DumpPiece(from: from, to: bound))
            from = bound
        }
        guard from != nil else { return [.all] }
        return pieces + [DumpPiece(from: from), DumpPiece(isMaxKey: true)]
    }
}

/// Decides in which pieces a collection is read.
struct DumpSplitter {
    /// Below this a second connection costs more than it brings.
    static let smallestSplit: Int64 = 64 << 20
    private static let maximumPieces = 64
    /// Sampled ids for each piece, so that their sizes do not differ much.
    private static let samplesPerPiece = 16

    let connection: MongoConnection
    let server: ServerDescription
    var smallestSplit = DumpSplitter.smallestSplit
    var pieceBytes: Int64 = 32 << 20

    /// One piece where a split would not help, or could give a document twice: small collections; capped ones, whose
    /// order is to be kept; those without an index on `_id` that has every document once (clustered, time series);
    /// mongos, which has documents twice while it moves them; reads that may go to several members, which are not at the
    /// same moment; collections with few different values.
    func pieces(of collection: DumpCollection, data: Namespace, bytes: Int64) throws -> [DumpPiece] {
        guard bytes >= smallestSplit, server.topology != .sharded, connection.readsFromOneMember,
            collection.filter.isEmpty, collection.archived.kind == .collection,
            let options = try collection.archived.metadata()?.options,
            options["capped"] == nil, options["clusteredIndex"] == nil
        else { return [.all] }
        let indexes = try collection.archived.metadata()?.indexes ?? []
        guard indexes.contains(where: { $0["name"]?.stringValue == "_id_" }) else { return [.all] }
        let count = Int(min(Int64(Self.maximumPieces), bytes / pieceBytes))
        let sample = try sample(data, count: count * Self.samplesPerPiece)
        return DumpPiece.pieces(between: Self.bounds(of: sample, pieces: count))
    }

    /// Ids in the order of the index.
    private func sample(_ data: Namespace, count: Int) throws -> [BSONDocument] {
        let pipeline: [BSONValue] = [
            .document(["$sample": ["size": .int32(Int32(clamping: count))]]),
            .document(["$project": ["_id": 1]]),
            .document(["$sort": ["_id": 1]]),
        ]
        let command: BSONDocument = [
            "aggregate": .string(data.collection), "pipeline": .array(pipeline), "cursor": ["batchSize": 10_000],
        ]
        do {
            return try connection.list(command, on: data.database)
        } catch is ServerError {
            // It is an offer only: a server that does not want to sample can be read all the same.
            return []
        }
    }

    /// Every so many-th of the sample; equal neighbours, of which a random sample has some, count once.
    static func bounds(of sample: [BSONDocument], pieces: Int) -> [BSONDocument] {
        guard pieces > 1, sample.count >= pieces else { return [] }
        var bounds: [BSONDocument] = []
        for number in 1..<pieces {
            let candidate = sample[number * sample.count / pieces]
            if bounds.last != candidate, sample.first != candidate { bounds.append(candidate) }
        }
        return bounds
    }
}
