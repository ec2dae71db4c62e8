import BackupModel
import BackupPipeline
import Foundation
import Testing

@Suite struct HeldTailStageTests {
    @Test(arguments: [0, 1, 15, 16, 17, 100, 5000])
    func theLastBytesGoWhenTheyAreReleased(count: Int) throws {
        let data = sample(count)
        for piece in [1, 7, 16, 4000] {
            let sink = CollectingSink()
            let stage = HeldTailStage(into: sink)
            for start in stride(from: 0, to: count, by: piece) {
                try stage.write(Array(data[start..<min(start + piece, count)]))
            }
            stage.finish()
            #expect(sink.bytes == Array(data.dropLast(HeldTailStage.length)))
            #expect(!sink.isFinished)
            try stage.release()
            #expect(sink.bytes == data && sink.isFinished)
        }
    }

    @Test func aFailureOfTheReceiverComesOut() throws {
        let stage = HeldTailStage(into: CollectingSink(failingAfter: 100))
        try stage.write(sample(100))
        #expect(throws: TestFailure.self) { try stage.write(sample(100)) }
    }

    @Test func aDescriptorGetsAllOfIt() throws {
        let path = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
        defer { unlink(path) }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let sink = DescriptorSink(descriptor, name: "it")
        let data = sample(300_000)
        var start = 0
        for size in [1, 65_535, 1, 65_536, 65_537, 2, 100_000, 3000, 385] {
            try sink.write(Array(data[start..<(start + size)]))
            start += size
        }
        try sink.finish()
        #expect(Array(try Data(contentsOf: URL(filePath: path))) == Array(data[..<start]))
    }

    /// Not held open by a child that another test starts meanwhile.
    private func socketPair(_ flags: UInt32 = 0) throws -> [Int32] {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(bitPattern: SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags)
        let failure = socketpair(AF_UNIX, kind, 0, &ends)
        try #require(failure == 0)
        return ends
    }

    @Test func whoCannotWriteSaysSo() throws {
        signal(SIGPIPE, SIG_IGN)
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        let error = #expect(throws: BackupError.self) {
            let sink = DescriptorSink(full, name: "it")
            try sink.write([1])
            try sink.finish()
        }
        #expect(error?.message == "cannot write to it: no space left on device")
        let ends = try socketPair()
        close(ends[0])
        defer { close(ends[1]) }
        #expect(throws: ReaderGone.self) {
            let sink = DescriptorSink(ends[1], name: "it")
            try sink.write(sample(100_000))
        }
    }

    /// What somebody made not to wait is waited for.
    @Test func aSlowReaderIsWaitedFor() throws {
        let ends = try socketPair(SOCK_NONBLOCK.rawValue)
        let data = sample(500_000)
        let reading = ends[0]
        let thread = Thread {
            var buffer = [UInt8](repeating: 0, count: 5000)
            var total = 0
            while total < 500_000 {
                usleep(200)
                total += max(0, read(reading, &buffer, buffer.count))
            }
            close(reading)
        }
        thread.start()
        let sink = DescriptorSink(ends[1], name: "it")
        try sink.write(data)
        try sink.finish()
        close(ends[1])
    }
}
