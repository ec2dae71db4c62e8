package import BackupCatalog
package import BackupModel
import BackupStorage
import Foundation

extension Workspace {
    /// The absolute path of a snapshot's file.
    package func file(of snapshot: Snapshot) throws -> String {
        try repositoryPath(snapshot.repository).map { $0 + "/" + snapshot.file } ?? snapshot.file
    }

    private func repositoryPath(_ name: String) throws -> String? {
        try catalog.repository(named: name).map(path(of:))
    }

    /// Snapshots, newest first, each in the state it is in at this moment: a file that is gone or has another size is
    /// not shown as good, whatever the catalog has.
    package func snapshots(job: String?) throws -> [Snapshot] {
        let snapshots = try catalog.snapshots(job: job)
        let folders = try repositoryFolders(of: snapshots)
        return snapshots.map { Self.withPresentState($0, in: folders[$0.repository]) }
    }

    /// A part of them, with the path of each one's file.
    package func snapshots(in page: ListingPage) throws -> [(snapshot: Snapshot, file: String)] {
        let snapshots = try catalog.snapshots(in: page)
        var places: [String: (path: String, folder: HeldFolder?)] = [:]
        for name in Set(snapshots.map(\.repository)) {
            places[name] = try repositoryPath(name).map { ($0, HeldFolder($0)) }
        }
        return snapshots.map { snapshot in
            let place = places[snapshot.repository]
            return (
                Self.withPresentState(snapshot, in: place?.folder),
                place.map { $0.path + "/" + snapshot.file } ?? snapshot.file
            )
        }
    }

    package func withPresentState(_ snapshot: Snapshot) throws -> Snapshot {
        Self.withPresentState(snapshot, in: try repositoryFolders(of: [snapshot])[snapshot.repository])
    }

    /// The repositories of snapshots by name, where there are such: each is looked for once, however many snapshots it has.
    func repositoryFolders(of snapshots: some Sequence<Snapshot>) throws -> [String: HeldFolder] {
        var folders: [String: HeldFolder] = [:]
        for name in Set(snapshots.map(\.repository)) {
            folders[name] = try repositoryPath(name).flatMap(HeldFolder.init)
        }
        return folders
    }

    /// `folder`: its repository; nil when that is not there.
    static func withPresentState(_ snapshot: Snapshot, in folder: HeldFolder?) -> Snapshot {
        guard [.good, .damaged].contains(snapshot.state) else { return snapshot }
        var shown = snapshot
        guard let status = folder?.status(of: snapshot.file) else {
            shown.state = .missing
            return shown
        }
        // What is damaged was found so by reading it; only reading it whole says anything else.
        if Int64(status.st_size) != snapshot.storedBytes || status.st_mode & S_IFMT != S_IFREG {
            shown.state = .damaged
        }
        return shown
    }

    /// The snapshot that a name means.
    package func findSnapshot(_ text: String) throws -> Snapshot {
        let reference = try SnapshotReference(parsing: text, timeZone: .current)
        switch reference {
        case .id(let prefix): return try withPresentState(catalog.snapshot(matching: prefix))
        case .latest(let job): return try newestGood(of: job, notAfter: nil)
        case .atOrBefore(let job, let time): return try newestGood(of: job, notAfter: time)
        }
    }

    /// The level at which a snapshot was compressed, by its manifest; nil where that does not say it, is not there, or is not
    /// the one that the catalog knows.
    package func compression(of snapshot: Snapshot) -> String? {
        guard let location = try? SnapshotLocation(id: snapshot.id),
            let read = try? repository(snapshot.repository).manifest(of: location),
            read.sha256 == snapshot.manifestSHA256
        else { return nil }
        return read.manifest.compression
    }

    private func newestGood(of job: JobName, notAfter time: Date?) throws -> Snapshot {
        let candidates = try snapshots(job: job.text)
        let good = candidates.filter { $0.state == .good }
        // What was made under a clock that was ahead is the newest only where there is nothing else.
        if let found = good.first(where: { $0.createdAt <= time ?? Self.latestTrusted }) { return found }
        if time == nil, let found = good.first { return found }
        if candidates.isEmpty { _ = try catalog.job(named: job) }
        let when = time.map { " at or before \(Timestamp.rfc3339($0))" } ?? ""
        throw BackupError(
            .snapshotNotFound, "cannot find a good snapshot of job '\(job)'\(when)",
            hint: candidates.isEmpty
                ? "run 'backupctl run \(job)' to make one." : "run 'backupctl list \(job)' to see what there is.")
    }

    /// Why `JOB@latest` passed over a newer snapshot of the job; nil when it did not.
    func passedOver(newerThan found: Snapshot, namedAs text: String) throws -> String? {
        guard case .latest = try SnapshotReference(parsing: text, timeZone: .current),
            let newest = try snapshots(job: found.job).first, newest.id != found.id
        else { return nil }
        let isGood = newest.state == .good
        return isGood
            ? "'\(text)' means '\(found.id)': snapshot '\(newest.id)' is dated in the future"
            : "'\(text)' means '\(found.id)': the newer snapshot '\(newest.id)' is \(newest.state.rawValue)"
    }

    /// Later times are of a clock that was ahead.
    private static var latestTrusted: Date { Date.now.addingTimeInterval(RetentionPolicy.clockTolerance) }

    /// The run that a name means: an id, the beginning of one, or a job's newest.
    package func findRun(_ text: String) throws -> Run {
        // A run is followed by a prune; the log that is asked for is that of the run.
        let recent = try catalog.runs(job: text, limit: 20)
        if let newest = recent.first(where: { $0.kind != .prune }) ?? recent.first { return newest }
        if try catalog.hasJob(text) {
            throw BackupError(
                .runNotFound, "cannot find a run of job '\(text)'", hint: "run 'backupctl run \(text)' to make one.")
        }
        return try catalog.run(matching: text)
    }

    /// What a run said, a line each.
    package func logLines(of run: RunID) throws -> [String] {
        do {
            let text = try String(contentsOfFile: state.log(of: run), encoding: .utf8)
            return text.split(separator: "\n").map(String.init)
        } catch {
            throw BackupError(.runNotFound, "cannot read the log of run '\(run)': \(PrivateFile.reason(error))")
        }
    }
}

/// Tells paths from names of snapshots.
package enum SnapshotName {
    /// The path, when the text is one: it has a slash, or it is the name of a file here and looks like no id.
    package static func path(_ text: String) -> String? {
        if text.contains("/") { return text }
        let looksLikeFile = text.hasSuffix(".gz") || text.hasSuffix(".archive")
        return looksLikeFile || FileManager.default.fileExists(atPath: text) ? text : nil
    }
}

/// A folder that is held open, so that looking at many files in it does not look for it again each time.
final class HeldFolder: Sendable {
    private let descriptor: Int32

    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Of the file itself, should it be a link; nil where there is none.
    func status(of file: String) -> stat? {
        var status = stat()
        return fstatat(descriptor, file, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
    }
}
