import BackupModel
import BackupStorage
import Foundation
import MongoArchive
import Synchronization
import Testing

@testable import BackupOperations

/// Compression, threads and niceness of a job reach its run, and nothing beside it.
@Suite struct EffortTests {
    private func site(_ effort: Effort) throws -> Site {
        var site = try Site()
        site.job.settings.effort = effort
        return site
    }

    @Test func eachLevelIsInTheManifestAndInTheFile() throws {
        // Text that compresses, so that the levels differ.
        var text = ""
        for number in 0..<60_000 { text += "order \(number &* 2_654_435_761 % 99_991) of customer \(number % 977)\n" }
        let archive = try archive(holding: text)
        var sizes: [Compression: Int64] = [:]
        for level in Compression.allCases {
            let site = try site(Effort(compression: level, threads: 2))
            let run = try site.run(FakeEngine(archive))
            let snapshot = try site.workspace.findSnapshot(#require(run.snapshot))
            sizes[level] = snapshot.storedBytes
            #expect(site.workspace.compression(of: snapshot) == level.rawValue)
            try site.expectConsistent()
        }
        let fast = try #require(sizes[.fast])
        let (balanced, small) = (sizes[.balanced] ?? .max, sizes[.small] ?? .max)
        #expect(balanced < fast && small < balanced, "\(sizes)")
    }

    private func archive(holding text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var writer = ArchiveWriter { bytes.append(contentsOf: $0) }
        let namespace = Namespace(database: "d", collection: "c")
        try writer.prelude(
            ArchiveHeader(serverVersion: "6.0.5", toolVersion: "100.18.0"),
            [ArchiveCollection(namespace: namespace, kind: .collection, metadataJSON: #"{"options":{},"indexes":[]}"#)])
        var builder = BSONBuilder()
        builder.append("text", .string(text))
        try builder.build().bytes.withUnsafeBytes { try writer.append($0, to: namespace) }
        try writer.end(namespace)
        try writer.finish()
        return bytes
    }

    @Test func aManifestThatIsNotTheSnapshotsSaysNothing() throws {
        let site = try site(Effort())
        _ = try site.run(.base())
        var snapshot = try site.workspace.findSnapshot("orders@latest")
        #expect(site.workspace.compression(of: snapshot) == "fast")
        snapshot.manifestSHA256 = String(repeating: "0", count: 64)
        #expect(site.workspace.compression(of: snapshot) == nil)
        snapshot = try site.workspace.findSnapshot("orders@latest")
        unlink(site.repositoryPath + "/" + snapshot.file.replacing(".archive.gz", with: ".manifest.json"))
        #expect(site.workspace.compression(of: snapshot) == nil)
    }

    @Test func theRunIsAsNiceAsTheJobWantsAndNobodyElse() throws {
        let before = Niceness.current
        let wanted = before + 3
        let site = try site(Effort(nice: wanted))
        let seen = Mutex<[Int]>([])
        var engine = try FakeEngine.base()
        engine.midway = {
            let own = Niceness.current
            let inherited = Mutex<Int>(-100)
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                inherited.withLock { $0 = Niceness.current }
                done.signal()
            }
            done.wait()
            seen.withLock { $0 = [own, inherited.withLock { $0 }] }
        }
        let run = try site.run(engine)
        #expect(run.state == .succeeded && !run.warnings.contains { $0.contains("niceness") })
        #expect(seen.withLock { $0 } == [wanted, wanted])
        #expect(Niceness.current == before)
    }

    @Test func nicenessIsOnlyEverRaised() throws {
        let before = Niceness.current
        try onThreadOfItsOwn {
            try Niceness.raise(to: before + 4)
            #expect(Niceness.current == before + 4)
            try Niceness.raise(to: before + 1)
            #expect(Niceness.current == before + 4)
        }
        #expect(Niceness.current == before)
    }

    private func onThreadOfItsOwn(_ body: @escaping @Sendable () throws -> Void) throws {
        let result = Mutex<Result<Void, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let outcome = Result { try body() }
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        try result.withLock { $0 }?.get()
    }

    @Test func aNicenessThatCannotBeSetIsAWarning() throws {
        var site = try site(Effort(nice: 5))
        site.workspace.beNice = { throw BackupError(.failed, "cannot set niceness \($0): not permitted") }
        let run = try site.run(.base())
        #expect(run.state == .succeeded)
        #expect(run.warnings.contains("cannot set niceness 5: not permitted"))
    }

    @Test func withoutASettingNicenessIsNotTouched() throws {
        var site = try site(Effort())
        site.workspace.beNice = { _ in throw TestFailure() }
        #expect(try site.run(.base()).warnings == ["a warning of the engine", "a warning of the report"])
    }
}
