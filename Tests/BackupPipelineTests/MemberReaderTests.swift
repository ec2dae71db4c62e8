import Testing

@testable import BackupPipeline

@Suite struct MemberReaderTests {
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
        let reader = MemberReader(file)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<60 {
            let ranges = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                let start = Int.random(in: 0...data.count, using: &generator)
                return start..<Int.random(in: start...min(data.count, start + 2000), using: &generator)
            }
            let source = try reader.source(ranges.map { try piece($0, members) })
            #expect(try source.collect(limit: .max) == ranges.flatMap { Array(data[$0]) })
        }
    }

    @Test func noMemberIsReadAheadOfItsBytes() throws {
        let (file, members) = try stored(sample(1_000_000), memberSize: 1000)
        let source = try MemberReader(file).source([try piece(500_500..<900_000, members)])
        var buffer = [UInt8](repeating: 0, count: 600)
        let count = try buffer.withUnsafeMutableBytes { try source.readFully(into: $0) }
        #expect(count == 600)
        let two = Int(members.starts[502].stored - members.starts[500].stored)
        #expect(file.readBytes == two + 2 * GzipFormat.sizedHeaderLength)
    }

    @Test func rangesThatShareAMemberReadItOnce() throws {
        let (file, members) = try stored(sample(4000), memberSize: 1000)
        let reader = MemberReader(file)
        for range in [1100..<1200, 1200..<1250, 1900..<2000] {
            _ = try reader.source([try piece(range, members)]).collect(limit: .max)
        }
        let one = Int(members.starts[2].stored - members.starts[1].stored)
        #expect(file.readBytes == one + GzipFormat.sizedHeaderLength)
    }

    @Test func everyFlippedByteOfAMemberIsNoticed() throws {
        let data = sample(3000)
        let (file, members) = try stored(data, memberSize: 1000)
        let piece = try piece(1000..<2000, members)
        var harmless = 0
        for position in Int(members.starts[1].stored)..<Int(members.starts[2].stored) {
            var bytes = file.bytes
            bytes[position] ^= 0x20
            let read = try? MemberReader(MemoryFile(bytes)).source([piece]).collect(limit: .max)
            #expect(read == nil || read == Array(data[1000..<2000]))
            if read != nil { harmless += 1 }
        }
        // The header's time, XFL and OS mean nothing, nor do the bits that fill the last byte of the compressed data up.
        #expect(harmless <= 7)
    }

    @Test func placesThatCannotBeAreRefused() throws {
        let (file, members) = try stored(sample(4000), memberSize: 1000)
        let good = try piece(500..<1500, members)
        var inside = good
        inside.stored.offset += 1
        var behind = good
        behind.stored.offset = file.size - 4
        var before = good
        before.stored.uncompressedOffset = 501
        var huge = good
        huge.length = .max
        var short = good
        short.length = 3000
        for piece in [inside, behind, before, huge, short] {
            #expect(throws: StoredRangesMismatch.self) {
                try MemberReader(file).source([piece]).collect(limit: .max)
            }
        }
        let whole = StoredRangesSource.Piece(
            offset: 0, length: 10, stored: StoredRange(offset: 0, length: 100, uncompressedOffset: 0))
        for bytes in [MemberBuilder(sample(50)).bytes, [UInt8](file.bytes.prefix(40)), []] {
            #expect(throws: StoredRangesMismatch.self) {
                try MemberReader(MemoryFile(bytes)).source([whole]).collect(limit: .max)
            }
        }
    }
}
