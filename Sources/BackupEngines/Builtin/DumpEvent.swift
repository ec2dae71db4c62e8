internal import BackupModel
internal import MongoArchive

/// What the reading side of a dump passes to the writing side, in the order of the archive.
enum DumpEvent: Sendable {
    case described(ServerDescription)
    case prelude([ArchiveCollection])
    /// Whole documents, one after the other.
    case documents([UInt8], count: Int, of: Namespace)
    case ended(DumpedNamespace)
    case warning(String)
    case failed(any Error)
}
