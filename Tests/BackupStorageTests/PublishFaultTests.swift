import BackupModel
import BackupPipeline
import BackupStorage
import Foundation
import Glibc
import Testing

/// A run that fails, or is killed, at each change of the file system it makes.
@Suite struct PublishFaultTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path(of: "repository")
        try Example.publish(
            Example.location("good", job: "earlier"), in: DirectoryRepository.create(path: path, id: UUID()))
    }

    /// Snapshots other than the earlier one, which must always be whole.
    private func others(_ repository: DirectoryRepository) throws -> [SnapshotEntry] {
        for entry in try repository.snapshots() where entry.hasManifest {
            let manifest = try repository.manifest(of: entry.location).manifest
            #expect(try SnapshotChecker.problems(of: repository.openArchive(entry.location), manifest) == [])
        }
        #expect(try repository.snapshots().contains { $0.location.job.text == "earlier" && $0.hasManifest })
        return try repository.snapshots().filter { $0.location.job.text != "earlier" }
    }

    private func expectClean(_ repository: DirectoryRepository) throws {
        _ = try repository.swept(repository.incomingRuns().count)
        // Waiting for each of hundreds would take hours.
        try #require(try repository.incomingRuns().isEmpty)
        let rest = try others(repository)
        #expect(rest.allSatisfy { $0.hasManifest && $0.archiveBytes != nil })
        for entry in rest { try repository.delete(entry.location) }
    }

    private func steps(_ work: (any FileCalls) throws -> Void) throws -> Int {
        let counting = FaultyFileCalls(.fails(EIO), at: .max)
        try work(counting)
        return counting.calls
    }

    @Test func aRunKilledAnywhereLeavesNoHalfSnapshot() throws {
        let total = try steps {
            try Example.publish(Example.location("0000"), in: DirectoryRepository(path: path, calls: $0))
        }
        #expect(total > 15)
        var committed = 0
        for place in 1...total {
            // Another year each time, so that the folders are made again.
            let run = try #require(RunID("\(3000 + place)0114T020000Z-aaaa"))
            let location = try SnapshotLocation(job: JobName("job\(place)"), run: run)
            #expect(throws: (any Error).self) {
                try Example.publish(
                    location, in: DirectoryRepository(path: path, calls: FaultyFileCalls(.stops, at: place)))
            }
            let repository = try DirectoryRepository(path: path)
            if try others(repository).contains(where: { $0.location == location && $0.hasManifest }) { committed += 1 }
            try expectClean(repository)
        }
        // Only a stop after the renaming of the manifest, while folders are brought to the disk.
        #expect((1...4).contains(committed))
    }

    @Test func aSweepKilledAnywhereCanBeRepeated() throws {
        let total = try steps {
            try Example.publish(Example.location("0000"), in: DirectoryRepository(path: path, calls: $0))
        }
        for place in 1...total {
            for second in 1...6 {
                let location = try Example.location(String(format: "%02d%02d", place, second))
                _ = try? Example.publish(
                    location, in: DirectoryRepository(path: path, calls: FaultyFileCalls(.stops, at: place)))
                _ = try? DirectoryRepository(path: path, calls: FaultyFileCalls(.stops, at: second))
                    .sweepIncoming { _ in false }
                try expectClean(try DirectoryRepository(path: path))
            }
        }
    }

    @Test(arguments: [EIO, ENOSPC, EROFS, EDQUOT])
    func aCallThatFailsAnywhereFailsTheRunAndNothingElse(code: Int32) throws {
        let total = try steps {
            try Example.publish(Example.location("0000"), in: DirectoryRepository(path: path, calls: $0))
        }
        for place in 1...total {
            let location = try Example.location(String(format: "%04d", place), job: "job\(place)")
            let calls = FaultyFileCalls(.fails(code), at: place)
            let error = #expect(throws: BackupError.self) {
                try Example.publish(location, in: DirectoryRepository(path: path, calls: calls))
            }
            let expected: BackupError.Code =
                [ENOSPC, EDQUOT].contains(code) ? .storageFull : code == EROFS ? .storageReadOnly : .storageFailed
            #expect(error?.code == expected)
            #expect(error?.message.hasPrefix("cannot write to repository '\(path)': ") == true)
            let repository = try DirectoryRepository(path: path)
            #expect(try others(repository).filter { $0.location == location }.isEmpty)
            try expectClean(repository)
            try Example.publish(location, in: repository)
        }
    }

    @Test func aDeleteKilledAnywhereCanBeRepeated() throws {
        for place in 1...4 {
            let location = try Example.location(String(format: "%04d", place))
            try Example.publish(location, in: DirectoryRepository(path: path))
            let calls = FaultyFileCalls(.stops, at: place)
            _ = try? DirectoryRepository(path: path, calls: calls).delete(location)
            let repository = try DirectoryRepository(path: path)
            // Never a manifest without its archive.
            #expect(try others(repository).allSatisfy { $0.archiveBytes != nil })
            try repository.delete(location)
            #expect(try others(repository).isEmpty)
        }
    }

    @Test func afterAFailedFsyncTheFileIsLost() throws {
        for place in 1...60 {
            let calls = FaultyFileCalls(.fails(EIO), at: place)
            let repository = try DirectoryRepository(path: path, calls: calls)
            guard let incoming = try? repository.createIncoming(for: Example.run(String(format: "%04d", place))),
                (try? incoming.write([1, 2, 3])) != nil, (try? incoming.finish()) == nil
            else { continue }
            #expect(throws: BackupError.self) { try incoming.finish() }
            #expect(throws: BackupError.self) { try incoming.write([4]) }
            return
        }
        Issue.record("no fsync failed")
    }
}
