package import BackupModel

/// What is wrong with an archive, where, and in which namespace.
package struct ArchiveError: Error, Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// It does not begin with the archive's magic number.
        case notAnArchive
        /// The stream ended where an archive cannot end.
        case truncated
        /// A length, a terminator or a document is impossible.
        case framing
        /// The archive's header says something it cannot mean.
        case header
        /// What the prelude says of a collection cannot be read.
        case metadata
        /// A block's header cannot be read.
        case blockHeader
        /// The prelude names a namespace twice, or two that share their data.
        case duplicateNamespace
        /// A block of a namespace that the prelude does not name.
        case unknownNamespace
        /// A block, or an end, of a namespace that had already ended; documents in the block that ends one.
        case afterEnd
        case checksum
        /// The archive ended and these had not.
        case missingNamespaces
        /// More than the reader's caps allow.
        case tooLarge
        /// A writer was asked for an archive that tools could not read.
        case unwritable
    }

    package var kind: Kind
    /// In the uncompressed stream, counted from its first byte.
    package var offset: UInt64
    package var namespace: Namespace?
    package var message: String

    package init(_ kind: Kind, _ message: String, offset: UInt64, namespace: Namespace? = nil) {
        self.kind = kind
        self.offset = offset
        self.namespace = namespace
        self.message = message
    }
}

extension ArchiveError: CustomStringConvertible {
    package var description: String {
        let place = namespace.map { "in namespace '\($0)' " } ?? ""
        return "\(message) (\(place)at byte \(offset))"
    }
}

extension ArchiveError {
    /// The same for people, under the stable codes.
    package var backupError: BackupError {
        switch kind {
        case .notAnArchive:
            BackupError(
                .notAnArchive, "cannot read the archive: \(self)",
                hint: "The input must be what 'mongodump --archive' writes, with or without gzip.")
        case .unwritable: BackupError(.unsupported, "cannot write the archive: \(self)")
        default: BackupError(.archiveDamaged, "cannot read the archive: \(self)")
        }
    }
}
