import BackupModel
import BackupPipeline
import CIgzip
import Testing

@Suite struct GzipStageTests {
    @Test(arguments: [0, 1, 4095, 4096, 4097, 8192, 100_000])
    func whatWasWrittenComesBack(count: Int) throws {
        let data = sample(count)
        let stored = try gzipped(data, memberSize: 4096)
        #expect(try gunzipped(stored) == data)
    }

    @Test(arguments: Compression.allCases) func gzipAndPythonReadTheFile(_ compression: Compression) throws {
        for count in [0, 1, 3_500_000] {
            let data = sample(count)
            let stored = try gzipped(data, compression: compression)
            #expect(try run("gzip", ["-t"], input: stored).status == 0)
            #expect(try run("gzip", ["-dc"], input: stored).output == data)
            let script = "import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))"
            let python = try run("python3", ["-c", script], input: stored)
            #expect(python.status == 0)
            #expect(python.output == data)
        }
    }

    /// What cannot be compressed must still fit the room that is made for it.
    @Test(arguments: Compression.allCases) func noiseOfAnySizeComesBack(_ compression: Compression) throws {
        let noise = noise(3 << 19, seed: 5)
        for memberSize in [1, 13, 70_000, 65_535, 1 << 20, 3 << 20] {
            let data = Array(noise.prefix(memberSize < 100 ? 2000 : noise.count))
            let stored = try gzipped(data, memberSize: memberSize, compression: compression)
            #expect(try gunzipped(stored) == data)
            guard memberSize > 1000 else { continue }
            #expect(stored.count < data.count + data.count / 1000 + 100 * (1 + data.count / memberSize))
        }
    }

    /// No level searches for matches where there are none: each stores the same blocks (RFC 1951, 3.2.4).
    @Test func whatCannotBeCompressedIsStored() throws {
        let noise = noise(1 << 20, seed: 6)
        let files = try Compression.allCases.map { try gzipped(noise, compression: $0) }
        #expect(Set(files).count == 1 && files[0].count < noise.count + 200)
        #expect(try run("gzip", ["-dc"], input: files[0]).output == noise)
    }

    @Test(arguments: Compression.allCases)
    func whatIsAsEvenAsNoiseIsCompressed(_ compression: Compression) throws {
        let noise = noise(1 << 20, seed: 7)
        // A few bytes in a thousand come again, or all of them, far away: ISA-L forgets them sooner.
        let keyed = noise.enumerated().map { $0.offset % 1000 < 40 ? noise[$0.offset % 1000] : $0.element }
        let distance = compression == .fast ? 6000 : 32_000
        let repeated = noise.indices.map { noise[$0 % distance] }
        for data in [keyed, repeated] {
            let stored = try gzipped(data, compression: compression)
            #expect(stored.count < data.count - data.count / 50)
            #expect(try gunzipped(stored) == data)
        }
    }

    @Test func slowerLevelsMakeSmallerFiles() throws {
        let data = sample(2_000_000)
        let sizes = try Compression.allCases.map { try gzipped(data, compression: $0).count }
        #expect(Compression.allCases == [.fast, .balanced, .small])
        #expect(sizes[0] > sizes[1] && sizes[1] > sizes[2])
        #expect(sizes[0] < data.count * 3 / 4)
    }

    @Test(arguments: Compression.allCases)
    func theFileDependsOnNothingButTheData(_ compression: Compression) throws {
        let data = sample(300_000)
        let expected = try gzipped(data, memberSize: 10_000, workers: 1, compression: compression)
        let starts = stride(from: UInt64(0), to: 300_000, by: 10_000).map(\.self)
        for seed in 0..<10 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let sink = CollectingSink()
            let stage = try GzipStage(
                into: sink, compression: compression, workers: 1 + seed % 4, memberSize: 10_000)
            var rest = data[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...30_000, using: &generator))
                try stage.write(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            try stage.finish()
            #expect(sink.isFinished)
            #expect(stage.members.starts.map(\.uncompressed) == starts)
            #expect(try gunzipped(sink.bytes) == data)
            // ISA-L need not find the same matches again.
            guard compression != .fast else { continue }
            #expect(sink.bytes == expected)
        }
    }

    /// ISA-L's own preparation leaves the size of the window as the memory happened to be.
    @Test func whatTheMemoryHeldBeforeDoesNotMakeTheStreamLarger() throws {
        var generator = SeededGenerator(seed: 11)
        let noise = (0..<2500).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let data = noise + noise
        let encoder = try #require(cigzip_make())
        defer { cigzip_free(encoder) }
        var output = [UInt8](repeating: 0, count: cigzip_bound(data.count))
        func length() -> Int { cigzip_deflate(encoder, data, data.count, &output, output.count) }
        let expected = length()
        #expect(expected > 2500 && expected < 2700)
        // The fields of the stream begin here; one is the window's size, for which this is 512 bytes.
        encoder.initializeMemory(as: UInt16.self, repeating: 9, count: 48)
        let again = length()
        #expect(again < 2700)
    }

    @Test func anEmptyStreamIsOneEmptyMember() throws {
        let stored = try gzipped([])
        #expect(stored.prefix(4) == [0x1F, 0x8B, 8, 4])
        #expect(stored.suffix(8) == [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(try gunzipped(stored) == [])
    }

    @Test func theTableSaysWhereTheMembersLie() throws {
        let data = sample(25_000)
        let sink = CollectingSink()
        let stage = try GzipStage(into: sink, workers: 3, memberSize: 1000)
        try stage.write(data)
        try stage.finish()
        let members = stage.members
        #expect(members.starts.count == 25)
        #expect(members.uncompressedBytes == 25_000 && stage.uncompressedBytes == 25_000)
        #expect(members.storedBytes == UInt64(sink.bytes.count) && stage.storedBytes == members.storedBytes)
        for (index, start) in members.starts.enumerated() {
            let end = index + 1 < members.starts.count ? members.starts[index + 1].stored : members.storedBytes
            let member = Array(sink.bytes[Int(start.stored)..<Int(end)])
            #expect(start.uncompressed == UInt64(index * 1000))
            #expect(try gunzipped(member) == Array(data[(index * 1000)..<(index * 1000 + 1000)]))
            // Header, extra field with the length of the deflate data, that data, trailer: nothing else.
            #expect(Array(member[..<16]) == [31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 77, 90, 4, 0])
            #expect(Array(member[16..<20]) == UInt32(member.count - 28).bytes)
        }
    }

    @Test(arguments: [0, 1, 50_000, 200_000])
    func aFailureOfTheReceiverComesOut(failingAfter: Int) throws {
        let sink = CollectingSink(failingAfter: failingAfter)
        let stage = try GzipStage(into: sink, workers: 2, memberSize: 10_000)
        #expect(throws: TestFailure.self) {
            for _ in 0..<100 { try stage.write(sample(10_000)) }
            try stage.finish()
        }
        #expect(throws: (any Error).self) { try stage.finish() }
        #expect(!sink.isFinished)
    }

    @Test func anAbandonedStageEndsAndTakesNothingMore() throws {
        let sink = CollectingSink()
        let stage = try GzipStage(into: sink, workers: 2, memberSize: 1000)
        try stage.write(sample(50_500))
        stage.abandon()
        #expect(throws: (any Error).self) { try stage.write(sample(5000)) }
        #expect(throws: (any Error).self) { try stage.finish() }
        #expect(!sink.isFinished)
    }

    @Test func aDroppedStageEndsItsThreads() throws {
        for count in [0, 1, 100_000] {
            let sink = CollectingSink()
            var stage: GzipStage? = try GzipStage(into: sink, workers: 4, memberSize: 1000)
            try stage?.write(sample(count))
            weak let dropped = stage
            stage = nil
            // Its end waits for the threads, so the sink is ours alone again.
            #expect(dropped == nil)
            #expect(!sink.isFinished)
        }
    }

    private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return (0..<(count / 8)).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
    }
}
