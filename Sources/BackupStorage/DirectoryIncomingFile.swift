import BackupModel
import BackupPipeline
import Glibc

/// An unfinished archive in `.incoming/RUN`, locked for as long as its process lives and works on it.
final class DirectoryIncomingFile: IncomingFile {
    let run: RunID
    private(set) var writtenBytes: UInt64 = 0
    private(set) var isFinished = false
    private let folder: Folder
    private let repository: String
    private var descriptor: Int32?
    private var flushedBytes: UInt64 = 0

    /// The disk starts to work after so many bytes, so that the end has less to wait for.
    private static let flushInterval: UInt64 = 8 << 20

    init(run: RunID, in folder: Folder, repository: String) throws {
        self.run = run
        self.folder = folder
        self.repository = repository
        do {
            let descriptor = try folder.createFile(run.text)
            self.descriptor = descriptor
            try folder.lock(descriptor, LOCK_EX | LOCK_NB)
        } catch let error as CallFailed where error.code == EEXIST {
            throw BackupError(
                .storageFailed, "cannot write to repository '\(repository)': run '\(run)' has an unfinished file there")
        } catch {
            // The descriptor is closed by `deinit`, which runs: everything is set.
            throw BackupError.storage("write to repository", repository, error)
        }
    }

    deinit { close() }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        let descriptor = try openDescriptor()
        do { try folder.calls.writeAll(bytes, to: descriptor) } catch { throw lost(error) }
        writtenBytes += UInt64(bytes.count)
        if writtenBytes - flushedBytes >= Self.flushInterval {
            folder.calls.startWriting(descriptor, from: flushedBytes, count: writtenBytes - flushedBytes)
            flushedBytes = writtenBytes
        }
    }

    /// Brings the file to the disk and drops it from memory, so that what is read back comes from the disk.
    func finish() throws {
        let descriptor = try openDescriptor()
        do { try folder.calls.sync(descriptor) } catch { throw lost(error) }
        folder.calls.dropCache(descriptor)
        isFinished = true
    }

    func discard() throws {
        close()
        isFinished = false
        do { try folder.remove(run.text) } catch {
            throw BackupError.storage("remove", folder.path(of: run.text), error)
        }
    }

    /// Ends our hold on the file: it is published, or left to the sweep.
    func close() {
        if let descriptor { folder.calls.close(descriptor) }
        descriptor = nil
    }

    private func openDescriptor() throws -> Int32 {
        if let descriptor, !isFinished { return descriptor }
        throw BackupError(
            .storageFailed, "cannot write to repository '\(repository)': the file of run '\(run)' is lost")
    }

    /// After a failed write or fsync nobody knows what is on the disk: the file takes no more, and is never published.
    private func lost(_ error: any Error) -> BackupError {
        close()
        return BackupError.storage("write to repository", repository, error)
    }
}

extension Folder {
    /// Locks an open file; file systems without locks go without.
    func lock(_ descriptor: Int32, _ operation: Int32) throws {
        do {
            try calls.lock(descriptor, operation)
        } catch let error as CallFailed where [EOPNOTSUPP, ENOTSUP, ENOLCK, ENOSYS].contains(error.code) {
        }
    }

    /// Locks an open file against all others, or throws EWOULDBLOCK. A child that is being started has copies of all
    /// descriptors, and so of their locks, until it runs its own program: that moment is waited for.
    func lockAlone(_ descriptor: Int32) throws {
        var tries = 0
        while true {
            do { return try lock(descriptor, LOCK_EX | LOCK_NB) } catch let error as CallFailed
                where error.code == EWOULDBLOCK && tries < 20
            {
                tries += 1
                usleep(10_000)
            }
        }
    }
}
