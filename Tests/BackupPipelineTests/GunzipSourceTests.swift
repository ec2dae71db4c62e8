import BackupPipeline
import Testing

@Suite struct GunzipSourceTests {
    @Test func everyFormOfGzipGivesTheSameArchive() throws {
        let single = try gunzipped(fixture("01-types.archive.gz"))
        #expect(single.count == 109_734)
        #expect(try gunzipped(fixture("ok-multi-member.archive.gz")) == single)
        #expect(try gunzipped(gzipped(single, memberSize: 4096)) == single)
        #expect(try gunzipped(run("gzip", ["-9"], input: single).output) == single)
    }

    @Test(arguments: [
        ("gz-crc", GzipError.Kind.damaged), ("gz-flip-deflate", .damaged), ("gz-isize", .damaged),
        ("gz-magic", .notGzip), ("gz-trailer-cut", .truncated), ("gz-trailing-garbage", .trailingData),
        ("gz-trunc-half", .truncated),
    ])
    func damageIsNamed(file: String, kind: GzipError.Kind) throws {
        let bytes = try fixture("\(file).archive.gz")
        let error = #expect(throws: GzipError.self) { try gunzipped(bytes) }
        #expect(error?.kind == kind)
        #expect((error?.offset ?? .max) <= UInt64(bytes.count))
    }

    @Test func anErrorNamesThePlaceInTheFile() throws {
        let members = try (0..<5).map { try gzipped(sample(5000, seed: $0), memberSize: 10_000) }
        var bytes = members.flatMap { $0 }
        let third = members[0].count + members[1].count
        bytes[third + 40] ^= 1
        #expect(throws: GzipError.self) { try gunzipped(bytes) }
        do {
            _ = try gunzipped(bytes)
        } catch let error as GzipError {
            #expect(error.offset == UInt64(third))
            #expect(error.description.contains("byte \(third)"))
        }
        let trailing = #expect(throws: GzipError.self) { try gunzipped(members[0] + [0, 0]) }
        #expect(trailing?.offset == UInt64(members[0].count))
    }

    @Test(arguments: [[1], [2, 3, 5, 7], [1000], [65_536, 1]])
    func piecesOfAnySizeGiveTheSame(sizes: [Int]) throws {
        let data = sample(60_000)
        for stored in [try gzipped(data, memberSize: 7000), try run("gzip", ["-c"], input: data).output] {
            #expect(try gunzipped(stored, sizes: sizes) == data)
        }
    }

    @Test func optionalHeaderFieldsAreReadOver() throws {
        var member = MemberBuilder(sample(500))
        member.name = "orders.archive"
        member.comment = "a comment"
        member.extra = [65, 66, 2, 0, 9, 9]
        member.hasHeaderChecksum = true
        #expect(try gunzipped(member.bytes) == member.data)
        #expect(
            try gunzipped(member.bytes + gzipped(sample(10)) + member.bytes) == member.data + sample(10) + member.data)
        member.headerChecksum = 1
        #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
    }

    @Test func sizeFieldsAmongOthersAreUsedAndBrokenOnesIgnored() throws {
        var member = MemberBuilder(sample(500))
        member.extra = [65, 66, 1, 0, 9] + MemberBuilder.sizeField(member.deflate.count)
        #expect(try gunzipped(member.bytes) == member.data)
        for broken in [[77, 90, 4, 0, 1], [77, 90, 200, 0, 1, 1], [77, 90, 2, 0, 1, 1], [1]] as [[UInt8]] {
            member.extra = broken
            #expect(try gunzipped(member.bytes) == member.data)
        }
    }

    @Test func reservedFlagsAndOtherMethodsAreRefused() throws {
        for bit in [0x20, 0x40, 0x80] as [UInt8] {
            var member = MemberBuilder(sample(10))
            member.flags = bit
            #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
        }
        var member = MemberBuilder(sample(10))
        member.method = 7
        #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
    }

    @Test func endlessNamesAreRefused() throws {
        var member = MemberBuilder(sample(10))
        member.name = String(repeating: "x", count: 70_000)
        #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
    }

    @Test(arguments: [-1, 1, 100, -100, 3_000_000, 2_000_000_000])
    func aStatedSizeThatIsNotSoIsDamage(difference: Int) throws {
        var member = MemberBuilder(sample(50_000))
        member.extra = MemberBuilder.sizeField(member.deflate.count + difference)
        #expect(throws: GzipError.self) { try gunzipped(member.bytes + MemberBuilder(sample(200_000)).bytes) }
    }

    @Test func nothingMayHideBetweenDataAndTrailer() throws {
        var member = MemberBuilder(sample(500))
        let hidden = Array("hidden".utf8)
        member.extra = MemberBuilder.sizeField(member.deflate.count + hidden.count)
        let bytes = member.bytes
        #expect(throws: GzipError.self) { try gunzipped(bytes.dropLast(8) + hidden + bytes.suffix(8)) }
    }

    @Test(arguments: [0, 49_999, 50_001, 2_000_000, 3_000_000, UInt32.max])
    func aStatedLengthThatIsNotSoIsDamage(length: UInt32) throws {
        for isSized in [false, true] {
            var member = MemberBuilder(sample(50_000))
            if isSized { member.extra = MemberBuilder.sizeField(member.deflate.count) }
            member.length = length
            #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
            member.length = nil
            member.checksum = 7
            #expect(throws: GzipError.self) { try gunzipped(member.bytes) }
        }
    }

    @Test func sizedMembersAboveTheCapAreStillRead() throws {
        let large = sample(GunzipSource.largestSizedMember + 1)
        #expect(try gunzipped(gzipped(large, memberSize: 8 << 20)) == large)
        let zeros = [UInt8](repeating: 0, count: 5 << 20)
        #expect(try gunzipped(gzipped(zeros, memberSize: 8 << 20)) == zeros)
    }

    @Test func everyTruncationIsAnError() throws {
        let data = sample(3000)
        for stored in [try gzipped(data, memberSize: 1024), MemberBuilder(data).bytes] {
            var boundaries = 0
            for length in 0..<stored.count {
                // Where a whole member ends, the rest is a valid file: only a length kept elsewhere can tell.
                if (try? gunzipped(Array(stored[..<length]))) != nil { boundaries += 1 }
            }
            #expect(boundaries == (stored.count == MemberBuilder(data).bytes.count ? 0 : 2))
        }
    }

    @Test func everyFlippedBitIsAnErrorOrChangesNothing() throws {
        let data = sample(700)
        let stored = try gzipped(data, memberSize: 400)
        var unnoticed = 0
        for bit in 0..<(stored.count * 8) {
            var flipped = stored
            flipped[bit / 8] ^= 1 << (bit % 8)
            guard let result = try? gunzipped(flipped) else { continue }
            #expect(result == data)
            unnoticed += 1
        }
        // Time, XFL, OS, the name of the size field, and unused bits after the data: what gzip does not protect.
        #expect(unnoticed < 2 * (6 + 4 + 4) * 8)
    }

    @Test func nothingMayFollow() throws {
        let stored = try gzipped(sample(100))
        for tail in [[0], [UInt8](repeating: 0, count: 512), [0x1F], [0x1F, 0x8B], Array("junk".utf8)] as [[UInt8]] {
            #expect(throws: GzipError.self) { try gunzipped(stored + tail) }
        }
        #expect(throws: GzipError.self) { try gunzipped([]) }
    }

    @Test func theLimitIsKept() throws {
        let data = sample(100_000)
        for stored in [try gzipped(data, memberSize: 3000), MemberBuilder(data).bytes] {
            #expect(try gunzipped(stored, limit: 100_000) == data)
            let error = #expect(throws: GzipError.self) { try gunzipped(stored, limit: 99_999) }
            #expect(error?.kind == .tooLong)
        }
    }

    @Test func aFailureOfTheSourceComesOutAfterWhatWasGood() throws {
        let stored = try gzipped(sample(50_000), memberSize: 5000)
        let source = try GunzipSource(PiecewiseSource(Array(stored.dropLast(10)), failure: TestFailure()), workers: 2)
        let sink = CollectingSink()
        #expect(throws: TestFailure.self) { try source.copy(to: sink) }
        #expect(sink.bytes == Array(sample(50_000).prefix(45_000)))
        #expect(throws: TestFailure.self) { try source.copy(to: sink) }
    }

    @Test func aDroppedSourceEndsItsThreads() throws {
        let stored = try gzipped(sample(500_000), memberSize: 1000)
        for count in [0, 1, 5000] {
            var source: GunzipSource? = try GunzipSource(PiecewiseSource(stored), workers: 3)
            var buffer = [UInt8](repeating: 0, count: max(1, count))
            if count > 0 { _ = try buffer.withUnsafeMutableBytes { try source?.readFully(into: $0) } }
            weak let dropped = source
            source = nil
            #expect(dropped == nil)
        }
    }

    @Test func aBombIsReadInBoundedMemory() throws {
        let script = """
            import gzip, sys
            with gzip.GzipFile(filename="", fileobj=sys.stdout.buffer, mode="wb", mtime=0) as f:
                for _ in range(512): f.write(bytes(1 << 20))
            """
        let bomb = try run("python3", ["-c", script], input: []).output
        let deflate = Array(bomb[10..<(bomb.count - 8)])
        #expect(deflate.count < GunzipSource.largestSizedMember)
        let sized =
            [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0] + MemberBuilder.sizeField(deflate.count) + deflate
            + bomb.suffix(8)
        for stored in [bomb, sized] {
            let before = try peakMemory()
            let whole = DigestStage()
            try GunzipSource(PiecewiseSource(stored), workers: 2).copy(to: whole)
            #expect(whole.count == 512 << 20)
            let limited = DigestStage()
            let error = #expect(throws: GzipError.self) {
                try GunzipSource(PiecewiseSource(stored), limit: 10 << 20, workers: 2).copy(to: limited)
            }
            #expect(error?.kind == .tooLong)
            #expect(limited.count <= 10 << 20)
            // Other tests run beside this one; what counts is that it is far from the 512 MiB.
            #expect(try peakMemory() - before < 128 << 10)
        }
    }
}
