import BackupModel
import Foundation
import Testing

@Suite struct PruneBrakeTests {
    private static let start = Date(timeIntervalSince1970: 1_768_356_000)

    private func run(
        _ minute: Int, _ state: RunState, kind: RunKind = .backup, scheduledFor: Int? = nil
    ) throws -> Run {
        let time = Self.start + Double(minute) * 60
        let digits = String(minute, radix: 36)
        let text = Timestamp.compact(Self.start) + "-" + String(repeating: "0", count: 4 - digits.count) + digits
        var run = Run(
            id: try #require(RunID(text)), kind: kind, job: "orders", trigger: .manual,
            scheduledFor: scheduledFor.map { Self.start + Double($0) * 60 }, queuedAt: time)
        run.state = state
        return run
    }

    private func codes(_ runs: [Run], clock: ClockReading? = nil, sizes: [SnapshotSize] = []) -> [PruneBrake.Code] {
        PruneSituation(runs: runs.shuffled(), clock: clock, sizes: sizes).brakes.map(\.code)
    }

    @Test func onlyASuccessOfTheNewestRunLetsPrune() throws {
        #expect(codes([]) == [.newestRun])
        #expect(try codes([run(1, .failed), run(2, .succeeded)]) == [])
        for state in RunState.allCases where state != .succeeded && state != .skipped {
            #expect(try codes([run(1, .succeeded), run(2, state)]) == [.newestRun], "\(state)")
        }
        #expect(try codes([run(1, .succeeded, kind: .import)]) == [])
    }

    @Test func whatIsNoAttemptSaysNothing() throws {
        let success = try run(1, .succeeded)
        #expect(try codes([success, run(2, .skipped)]) == [])
        #expect(try codes([success, run(2, .failed, kind: .restore), run(3, .failed, kind: .prune)]) == [])
        #expect(try codes([run(2, .succeeded, kind: .restore)]) == [.newestRun])
        // Missed before the success, written down after it.
        #expect(try codes([success, run(5, .missed, scheduledFor: 0)]) == [])
        #expect(try codes([success, run(5, .missed, scheduledFor: 4)]) == [.newestRun])
    }

    private func sizes(_ documents: [Int64], bytes: [Int64]? = nil, accepted: Int? = nil) -> [SnapshotSize] {
        documents.enumerated().map { index, documents in
            SnapshotSize(
                id: "s\(index)", documents: documents, bytes: bytes?[index] ?? 1000, isAccepted: index == accepted)
        }
    }

    private func anomaly(_ sizes: [SnapshotSize]) throws -> SizeAnomaly? {
        SizeAnomaly.find(in: try #require(sizes.first), before: Array(sizes.dropFirst()))
    }

    @Test func belowHalfOfTheMedianOfSevenIsSuspicious() throws {
        #expect(try anomaly(sizes([49, 100]))?.value == 49)
        #expect(try anomaly(sizes([50, 100])) == nil)
        #expect(try anomaly(sizes([50, 100, 102]))?.median == 101)
        #expect(try anomaly(sizes([51, 100, 102])) == nil)
        #expect(try anomaly(sizes([5, 10, 10, 10, 10, 19, 19, 19])) == nil)
        // The eighth before it is out of sight.
        #expect(try anomaly(sizes([5, 10, 10, 10, 1000, 1000, 1000, 1000, 9, 9, 9, 9]))?.median == 1000)
        #expect(try anomaly(sizes([7])) == nil)
        #expect(try anomaly(sizes([0, 0, 0])) == nil)
        #expect(try anomaly(sizes([0, 1]))?.measure == .documents)
        #expect(try anomaly(sizes([.max, .max, .max])) == nil)
        #expect(try anomaly(sizes([0, .max, .max]))?.median == .max)
    }

    /// However many came after it, and whatever they look like among themselves.
    @Test func smallOnesDoNotBecomeTheMeasure() throws {
        for count in 0..<30 {
            let small = Array(repeating: Int64(3), count: count)
            #expect(try anomaly(sizes([3] + small + [100, 100, 100]))?.median == 100)
        }
        // Nor do they make a size unusual that was usual before them.
        #expect(try anomaly(sizes([60, 3, 3, 3, 3, 3, 3, 3, 100, 100])) == nil)
    }

    @Test func bytesCountAsWellAsDocuments() throws {
        let found = try #require(try anomaly(sizes([100, 100, 100], bytes: [400, 1000, 1000])))
        #expect(found.measure == .bytes && found.count == 2)
        #expect(
            found.description
                == "snapshot 's0' is suspiciously small: 400 bytes, below half of 1000, the median of the 2 "
                + "before it")
    }

    @Test func anAcceptedSizeIsTheNewMeasure() throws {
        #expect(try anomaly(sizes([10, 10, 100, 100, 100], accepted: 0)) == nil)
        #expect(try anomaly(sizes([10, 10, 100, 100, 100], accepted: 1)) == nil)
        #expect(try anomaly(sizes([4, 10, 100, 100, 100], accepted: 1))?.median == 10)
        #expect(try anomaly(sizes([10, 10, 100, 100, 100], accepted: 4)) != nil)
    }

    @Test func theUsualSizeOfTheNextRunEndsTheWaiting() throws {
        let success = try run(1, .succeeded)
        #expect(codes([success], sizes: sizes([10, 100, 100])) == [.anomaly])
        #expect(codes([success], sizes: sizes([100, 10, 100, 100])) == [])
    }

    private func reading(_ seconds: Double, up: Double? = nil, boot: String = "a") -> (Date, String, Double) {
        (Self.start + seconds, boot, up ?? seconds)
    }

    /// Reads the clock at each place in turn and gives when it was last seen to have jumped, in seconds.
    private func jump(_ places: [(Date, String, Double)]) -> Double? {
        var reading = ClockReading(time: Self.start, bootID: "a", uptime: 0)
        for (time, boot, up) in places { reading = reading.next(time: time, bootID: boot, uptime: up) }
        return reading.jumpedAt?.timeIntervalSince(Self.start)
    }

    @Test func aClockThatWasSetIsNoticed() {
        let day = 86400.0
        #expect(jump([reading(day), reading(30 * day)]) == nil)
        #expect(jump([reading(60, up: 3660)]) == nil)
        #expect(jump([reading(3601, up: 0)]) == 3601)
        #expect(jump([reading(-3601, up: 0)]) == -3601)
        #expect(jump([reading(365 * day, up: 60)]) == 365 * day)
        // Over a restart a jump back is seen; time that passed may have passed.
        #expect(jump([reading(-7200, up: 5, boot: "b")]) == -7200)
        #expect(jump([reading(30 * day, up: 5, boot: "b")]) == nil)
        #expect(jump([reading(.infinity, up: 1)]) != nil)
    }

    @Test func aDayOfSteadyTimeIsTrustedAgain() {
        let day = 86400.0
        let far = 1000 * day
        #expect(jump([reading(far, up: 0), reading(far + day - 1, up: day - 1)]) == far)
        #expect(jump([reading(far, up: 0), reading(far + day, up: day)]) == nil)
        #expect(jump([reading(far, up: 0), reading(day, up: day)]) == day)
    }

    @Test func allThatHoldIsNamedWithItsRemedy() throws {
        let clock = ClockReading(time: Self.start, bootID: "a", uptime: 0, jumpedAt: Self.start)
        let brakes = PruneSituation(runs: [try run(1, .failed)], clock: clock, sizes: sizes([1, 9])).brakes
        #expect(brakes.map(\.code) == [.newestRun, .clockJump, .anomaly])
        #expect(brakes[0].description.hasSuffix("did not succeed: it is failed"))
        #expect(brakes[1].description == "the clock jumped at 2026-01-14T02:00:00Z")
        #expect(brakes.allSatisfy { $0.remedy.hasSuffix(".") })
    }
}
