import BackupModel
import BackupPipeline
import Foundation
import MongoArchive
import Testing

@Suite struct StageTests {
    @Test func theDigestIsSHA256() throws {
        let stage = DigestStage()
        for byte in "abc".utf8 { try stage.write([byte]) }
        stage.finish()
        #expect(stage.hexDigest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(stage.count == 3)
        let source = DigestSource(PiecewiseSource(Array("abc".utf8), sizes: [1]))
        #expect(try source.collect(limit: 3).count == 3)
        #expect(source.hexDigest == stage.hexDigest && source.count == 3)
    }

    @Test func theIndexIsThatOfTheArchive() throws {
        let archive = try fixture("10-base.archive")
        let sink = CollectingSink()
        let stage = IndexStage(into: sink)
        for byte in archive { try stage.write([byte]) }
        try stage.finish()
        #expect(sink.bytes == archive && sink.isFinished)
        #expect(stage.index.length == UInt64(archive.count) && !stage.index.namespaces.isEmpty)
    }

    @Test func aCutArchiveIsNeverFinished() throws {
        let archive = try fixture("10-base.archive")
        for length in 0..<archive.count {
            let sink = CollectingSink()
            let stage = IndexStage(into: sink)
            #expect(throws: ArchiveError.self) {
                try stage.write(Array(archive[..<length]))
                try stage.finish()
            }
            #expect(!sink.isFinished)
        }
    }

    @Test func collectingTooMuchIsAnError() throws {
        #expect(throws: StreamTooLong.self) { try PiecewiseSource([1, 2, 3]).collect(limit: 2) }
    }

    @Test func aFileThatEndsBeforeItsRangeIsAnError() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Data(sample(1000)).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try DiskFile(path: path)
        #expect(file.size == 1000)
        #expect(try file.source().collect(limit: 1000) == sample(1000))
        #expect(try file.source(100..<200).collect(limit: 1000) == Array(sample(1000)[100..<200]))
        #expect(throws: BackupError.self) { try file.source(900..<1001).collect(limit: 1000) }
        #expect(throws: BackupError.self) { try DiskFile(path: "/dev/null") }
        let missing = #expect(throws: BackupError.self) { try DiskFile(path: path + ".missing") }
        #expect(missing?.code == .snapshotNotFound)
    }

    @Test func whatReadingThrowsGetsAStableCode() {
        let cases: [(any Error, BackupError.Code)] = [
            (GzipError(.damaged, at: 1, "x"), .snapshotDamaged), (GzipError(.notGzip, at: 0, "x"), .notAnArchive),
            (ArchiveError(.truncated, "x", offset: 5), .snapshotDamaged),
            (BackupError(.cancelled, "cancelled"), .cancelled), (TestFailure(), .failed),
        ]
        for (error, code) in cases {
            #expect(BackupError(reading: "file", error, damaged: .snapshotDamaged).code == code)
        }
    }
}
