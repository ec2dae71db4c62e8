internal import BackupModel
internal import MongoArchive

/// What the reading side of a dump passes to the writing side.
///
/// In the first lane: what it is about, up to the prelude. Then each collection of the prelude has a lane.
enum DumpEvent: Sendable {
    case described(ServerDescription)
    case prelude([ArchiveCollection])
    /// Whole documents of the lane's collection.
    case documents(DocumentBuffer)
    /// The lane's collection is complete.
    case ended(documents: Int64, bytes: Int64)
    case warning(String)
}
