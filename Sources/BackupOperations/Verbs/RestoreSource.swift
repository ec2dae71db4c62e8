import BackupCatalog
import BackupModel
import BackupPipeline
import BackupStorage
import MongoArchive

/// The archive that a restore reads: a snapshot with its manifest, or a file that anyone made.
struct RestoreSource {
    /// A snapshot's id, or a path.
    let name: String
    let job: String?
    let snapshot: String?
    let file: any StoredFile
    let content: Content

    enum Content {
        case snapshot(SnapshotManifest, collections: [ArchiveCollection])
        case file(ArchiveIndex)
    }

    /// Opens what a name or a path means. A file that has the manifest of a repository beside it is described by that; all
    /// others are read to their end first. A snapshot is held for `reader`, the run that restores it, so that nothing
    /// deletes it meanwhile.
    static func open(
        _ text: String, workspace: Workspace, progress: RunProgress, reader: RunID? = nil
    ) throws -> RestoreSource {
        if let path = SnapshotName.path(text) {
            let file = try DiskFile(path: path)
            if let manifest = SnapshotManifest.beside(file) {
                return try blamingTheManifestToo { try RestoreSource(file, named: path, manifest) }
            }
            let inspected = try InspectArchive(progress: progress).inspect(file, path: path)
            return RestoreSource(name: path, job: nil, snapshot: nil, file: file, content: .file(inspected.index))
        }
        let found = try workspace.findSnapshot(text)
        guard found.state == .good || found.state == .damaged else {
            let path = try workspace.file(of: found)
            throw BackupError(.snapshotMissing, "cannot read snapshot '\(found.id)': its file '\(path)' is missing")
        }
        if let reason = try workspace.passedOver(newerThan: found, namedAs: text) { progress.warning(reason) }
        if let reader { try workspace.catalog.hold(snapshot: found.id, by: reader) }
        let repository = try workspace.repository(found.repository)
        let location = try SnapshotLocation(id: found.id)
        let read = try repository.manifest(of: location)
        guard read.sha256 == found.manifestSHA256 else {
            throw BackupError(
                .snapshotDamaged,
                "cannot trust snapshot '\(found.id)': its manifest is not the one that the catalog knows")
        }
        let file = try repository.openArchive(location)
        let collections = try Self.collections(file, read.manifest)
        return RestoreSource(
            name: found.id, job: found.job, snapshot: found.id, file: file,
            content: .snapshot(read.manifest, collections: collections))
    }

    /// The prelude: how each collection is made again.
    private static func collections(
        _ file: any StoredFile, _ manifest: SnapshotManifest
    ) throws -> [ArchiveCollection] {
        let stage = IndexStage(options: ArchiveReaderOptions { _ in false })
        do {
            if let piece = manifest.prelude.piece {
                try StoredRangesSource(file, [piece]).copy(to: stage)
            } else {
                try PlainOrGzipSource.detect(file.source(), name: file.name).archive.copy(to: stage)
            }
            try stage.finish()
        } catch {
            throw BackupError(reading: file.name, error, damaged: .snapshotDamaged)
        }
        return stage.index.collections
    }
}

extension RestoreSource {
    /// A file that a manifest describes, wherever it lies.
    init(_ file: any StoredFile, named name: String, _ manifest: SnapshotManifest) throws {
        self.init(
            name: name, job: nil, snapshot: nil, file: file,
            content: .snapshot(manifest, collections: try Self.collections(file, manifest)))
    }

    /// Every namespace, as a plan needs to know it.
    func namespaces() throws -> [ArchivedNamespace] {
        switch content {
        case .file(let index):
            return try archived(index.collections) { namespace in
                index.namespaces.first { $0.namespace == namespace }.map { ($0.kind.rawValue, $0.documents) }
            }
        case .snapshot(let manifest, let collections):
            return try archived(collections) { namespace in
                manifest.namespaces.first { $0.namespace == namespace }.map { ($0.type, $0.documents) }
            }
        }
    }

    private func archived(
        _ collections: [ArchiveCollection], counts: (Namespace) -> (type: String, documents: Int64)?
    ) throws -> [ArchivedNamespace] {
        try collections.map { collection in
            guard let count = counts(collection.namespace) else {
                throw BackupError(
                    .snapshotDamaged, "cannot read '\(name)': '\(collection.namespace)' is in its prelude only")
            }
            let options = count.type == "view" ? try collection.metadata()?.options : nil
            return ArchivedNamespace(
                namespace: collection.namespace, type: count.type, documents: count.documents,
                definition: try options.map(ExtendedJSON.canonical))
        }
    }

    /// More namespaces may be open at once than an archive announces; the built-in engine does not mind.
    var concurrentCollections: Int32? {
        guard case .file(let index) = content else { return nil }
        return Int32(clamping: max(index.maximumOpen, Int(index.header.concurrentCollections ?? 1), 1))
    }

    /// The uncompressed archive, or of a snapshot no more than its prelude and the ranges of these namespaces.
    func open(_ selected: Set<Namespace>) throws -> any ByteSource {
        if case .snapshot(let manifest, _) = content, let pieces = pieces(of: selected, manifest) {
            return try StoredRangesSource(file, pieces)
        }
        return try PlainOrGzipSource.detect(file.source(), name: name).archive
    }

    /// The parts of the file to read; nil when it is all of it, or the manifest does not say.
    private func pieces(of selected: Set<Namespace>, _ manifest: SnapshotManifest) -> [StoredRangesSource.Piece]? {
        let wanted = manifest.namespaces.filter { selected.contains($0.namespace) }
        guard wanted.count < manifest.namespaces.count, let prelude = manifest.prelude.piece else { return nil }
        var pieces = [prelude]
        for entry in wanted {
            guard let ranges = entry.ranges else { return nil }
            for range in ranges {
                guard let piece = range.piece else { return nil }
                pieces.append(piece)
            }
        }
        return pieces.sorted { $0.offset < $1.offset }
    }

    /// Proves all that a restore of these namespaces will read, and says whether that is the whole snapshot. A file was
    /// walked when it was opened.
    @discardableResult
    func check(_ selected: Set<Namespace>, progress: RunProgress) throws -> Bool {
        guard snapshot == nil else { return try prove(selected, progress: progress) }
        return try Self.blamingTheManifestToo { try prove(selected, progress: progress) }
    }

    /// Of a file and its manifest, either may be the damaged one.
    private static func blamingTheManifestToo<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var error as BackupError where [.snapshotDamaged, .archiveDamaged].contains(error.code) {
            error.hint =
                error.hint ?? "take another copy; or move its manifest away, and the file is read like any archive."
            throw error
        }
    }

    private func prove(_ selected: Set<Namespace>, progress: RunProgress) throws -> Bool {
        guard case .snapshot(let manifest, _) = content else { return false }
        progress.enter(.checking)
        let passed: (Int) throws -> Void = { count in
            try progress.cancellation.check()
            progress.checked(bytes: Int64(count))
        }
        guard pieces(of: selected, manifest) != nil else {
            // What is in it was proven when it was published; the restore reads and checks it once more as it goes.
            try SnapshotChecker.requireUnchanged(file, manifest, check: passed)
            return true
        }
        guard file.size == UInt64(clamping: manifest.storedBytes) else {
            throw damaged("its file has \(file.size) bytes, not \(manifest.storedBytes)")
        }
        let stage = IndexStage(options: ArchiveReaderOptions { selected.contains($0) })
        do {
            try open(selected).copy(to: CountingStage(into: stage, passed: passed))
            try stage.finish()
        } catch {
            throw BackupError(reading: file.name, error, damaged: .snapshotDamaged)
        }
        let found = stage.index.namespaces.map { entry in
            (entry.namespace, ArchivedContent(documents: entry.documents, bytes: entry.bytes, crc64: entry.crc64))
        }
        try requireAgreement(Dictionary(found) { first, _ in first }, selected)
        return false
    }

    /// What was read of these namespaces must be what the manifest says of them.
    func requireAgreement(_ found: [Namespace: ArchivedContent], _ selected: Set<Namespace>) throws {
        guard case .snapshot(let manifest, _) = content else { return }
        for expected in manifest.namespaces where selected.contains(expected.namespace) {
            let content = ArchivedContent(
                documents: expected.documents, bytes: expected.bytes, crc64: expected.crc64)
            guard found[expected.namespace] == content else {
                throw damaged("'\(expected.namespace)' is not what the manifest says")
            }
        }
    }

    /// Passes all of it on, uncompressed, and throws unless it is what the manifest says.
    func copyWhole(to sink: any ByteSink, _ passed: (Int) throws -> Void) throws {
        guard case .snapshot(let manifest, _) = content else { return }
        try SnapshotChecker.require(file, manifest, into: sink, check: passed)
    }

    private func damaged(_ reason: String) -> BackupError {
        BackupError(.snapshotDamaged, "cannot trust snapshot '\(name)': it is damaged: \(reason)")
    }
}

/// What was found of one namespace when it had ended.
struct ArchivedContent: Equatable {
    var documents: Int64
    var bytes: Int64
    var crc64: UInt64
}
