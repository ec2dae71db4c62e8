import BackupPipeline
import Testing

@Suite struct StoredRangesSourceTests {
    private func stored(_ data: [UInt8], memberSize: Int) throws -> (file: MemoryFile, members: MemberTable) {
        let sink = CollectingSink()
        let stage = try GzipStage(into: sink, workers: 2, memberSize: memberSize)
        try stage.write(data)
        try stage.finish()
        return (MemoryFile(sink.bytes), stage.members)
    }

    private func piece(_ range: Range<Int>, _ members: MemberTable) throws -> StoredRangesSource.Piece {
        let range = UInt64(range.lowerBound)..<UInt64(range.upperBound)
        let stored = try #require(members.stored(for: range))
        return .init(offset: range.lowerBound, length: range.upperBound - range.lowerBound, stored: stored)
    }

    @Test func anyRangesGiveExactlyTheirBytes() throws {
        let data = sample(20_000)
        let (file, members) = try stored(data, memberSize: 700)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<60 {
            var cuts = (0..<(2 * Int.random(in: 0...6, using: &generator))).map { _ in
                Int.random(in: 0...data.count, using: &generator)
            }
            cuts.sort()
            let ranges = stride(from: 0, to: cuts.count, by: 2).map { cuts[$0]..<cuts[$0 + 1] }
            let source = try StoredRangesSource(file, ranges.map { try piece($0, members) }.shuffled(), workers: 1)
            #expect(try source.collect(limit: .max) == ranges.flatMap { Array(data[$0]) })
        }
    }

    @Test func onlyTheMembersOfTheRangesAreRead() throws {
        let data = sample(1_000_000)
        let (file, members) = try stored(data, memberSize: 1000)
        let ranges = [10_500..<11_500, 500_000..<500_001]
        let source = try StoredRangesSource(file, ranges.map { try piece($0, members) }, workers: 1)
        #expect(try source.collect(limit: .max) == ranges.flatMap { Array(data[$0]) })
        #expect(file.readBytes < file.bytes.count / 200)
    }

    @Test func neighboursThatShareAMemberAreReadOnce() throws {
        let data = sample(4000)
        let (file, members) = try stored(data, memberSize: 1000)
        let ranges = [100..<200, 200..<1500, 1600..<1700]
        let source = try StoredRangesSource(file, ranges.map { try piece($0, members) }, workers: 1)
        #expect(try source.collect(limit: .max) == ranges.flatMap { Array(data[$0]) })
        #expect(UInt64(file.readBytes) == members.starts[2].stored)
    }

    @Test func damageAfterTheRangeInItsMemberIsAnError() throws {
        let member = MemberBuilder(sample(90_000))
        var bytes = member.bytes
        bytes[80_000] ^= 1
        let piece = StoredRangesSource.Piece(
            offset: 10, length: 20, stored: StoredRange(offset: 0, length: UInt64(bytes.count), uncompressedOffset: 0))
        let source = try StoredRangesSource(MemoryFile(bytes), [piece], workers: 1)
        #expect(throws: GzipError.self) { try source.collect(limit: .max) }
    }

    @Test func rangesThatCannotBeAreRefused() throws {
        let (file, members) = try stored(sample(4000), memberSize: 1000)
        let good = try piece(500..<1500, members)
        var outside = good
        outside.stored.length = file.size
        outside.stored.offset = 1
        var before = good
        before.stored.uncompressedOffset = 501
        var huge = good
        huge.length = .max
        for pieces in [[outside], [before], [huge], [good, good]] {
            #expect(throws: StoredRangesMismatch.self) { try StoredRangesSource(file, pieces) }
        }
        var tooLong = good
        tooLong.length = 1600
        let source = try StoredRangesSource(file, [tooLong])
        #expect(throws: StoredRangesMismatch.self) { try source.collect(limit: .max) }
    }

    @Test func rangesBeyondTheStreamHaveNoPlace() throws {
        let (_, members) = try stored(sample(4000), memberSize: 1000)
        #expect(members.stored(for: 3999..<4000)?.offset == members.starts[3].stored)
        #expect(members.stored(for: 3999..<4001) == nil)
        #expect(members.stored(for: 1000..<1000)?.length == 0)
        #expect(members.stored(for: 999..<1001)?.length == members.starts[2].stored)
    }
}
