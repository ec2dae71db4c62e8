import BackupModel
import BackupPipeline
import Testing

@Suite struct PlainOrGzipSourceTests {
    @Test(arguments: [[1], [3], [.max]] as [[Int]])
    func bothFormsGiveTheArchive(sizes: [Int]) throws {
        let plain = try fixture("10-base.archive")
        for (bytes, compression) in [(plain, PlainOrGzipSource.Compression.plain), (try gzipped(plain), .gzip)] {
            let found = try PlainOrGzipSource.detect(PiecewiseSource(bytes, sizes: sizes), name: "a")
            #expect(found.compression == compression)
            #expect(try found.archive.collect(limit: .max) == plain)
        }
    }

    @Test(
        arguments: [
            ([0x28, 0xB5, 0x2F, 0xFD, 1, 2, 3], "zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0], "xz"),
            ([0x42, 0x5A, 0x68, 0x39], "bzip2"), ([], "empty"), ([1], "not a mongodump archive"),
            ([0x6D, 0xE2, 0x99], "not a mongodump archive"),
        ] as [([UInt8], String)])
    func otherFilesAreRefusedByName(start: [UInt8], word: String) throws {
        let error = #expect(throws: BackupError.self) {
            try PlainOrGzipSource.detect(PiecewiseSource(start), name: "/tmp/file")
        }
        #expect(error?.code == .notAnArchive)
        #expect(error?.message.contains(word) == true)
        #expect(error?.message.contains("/tmp/file") == true)
    }
}
