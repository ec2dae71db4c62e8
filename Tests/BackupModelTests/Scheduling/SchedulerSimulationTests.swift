import Foundation
import Testing

@testable import BackupModel

/// Years of a scheduler's life. `BACKUPCTL_TEST_SIMULATIONS` multiplies their number.
struct SchedulerSimulationTests {
    static let seeds: Range<UInt64> = {
        let factor = ProcessInfo.processInfo.environment["BACKUPCTL_TEST_SIMULATIONS"].flatMap(UInt64.init) ?? 1
        return 0..<(6 * max(1, factor))
    }()

    private func world(_ seed: UInt64, _ chances: SchedulerWorld.Chances) throws -> SchedulerWorld {
        var random = SplitMix(state: seed)
        let birth = Date(timeIntervalSince1970: 1_767_225_600 + Double(seed % 1000) * 977)
        var jobs: [JobName: ScheduledJob] = [:]
        // One world in three has jobs that fire every few minutes, and sees weeks; the others see years.
        let periods = seed % 3 == 0 ? [300, 900, 3600] : [6 * 3600, 86400, 86400, 7 * 86400]
        for number in 0..<10 {
            let name = try JobName("job-\(number)")
            let period = periods[Int.random(in: 0..<periods.count, using: &random)]
            let delay = chanceOf(2, &random) ? Jitter.seconds(of: name, limit: min(period, 1800)) : 0
            jobs[name] = ScheduledJob(
                name: name, timetable: .every(period), base: birth,
                hosts: [["a"], ["b"], ["a", "b"], []][Int.random(in: 0..<4, using: &random)],
                catchUp: [0, 600, 86400, 30 * 86400][Int.random(in: 0..<4, using: &random)], delay: delay,
                retries: Int.random(in: 0...3, using: &random))
        }
        let limits = ConcurrencyLimits(total: Int.random(in: 1...4, using: &random), perHost: 1)
        return SchedulerWorld(now: birth, random: random, jobs: jobs, limits: limits, chances: chances)
    }

    private func chanceOf(_ one: Int, _ random: inout SplitMix) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    private func expectTrue(_ world: SchedulerWorld, seed: UInt64) {
        #expect(world.problems == [], "seed \(seed)")
        #expect(world.starts > 100, "seed \(seed): nothing happened")
    }

    @Test(arguments: seeds)
    func quietYearsWithFailuresLoseNothing(seed: UInt64) throws {
        var world = try world(seed, .init())
        world.live(until: world.now + 3 * 365 * 86400, steps: 3_000)
        expectTrue(world, seed: seed)
    }

    @Test(arguments: seeds)
    func crashesAtAnyMomentLoseNothingAndRunNothingTwice(seed: UInt64) throws {
        var world = try world(seed, .init(crash: 40))
        world.live(until: world.now + 3 * 365 * 86400, steps: 3_000)
        expectTrue(world, seed: seed)
    }

    @Test(arguments: seeds)
    func clocksThatAreSetAnyWayLoseNothingAndRunNothingTwice(seed: UInt64) throws {
        var world = try world(seed, .init(crash: 10, jump: 10))
        world.live(until: world.now + 20 * 365 * 86400, steps: 3_000)
        expectTrue(world, seed: seed)
    }
}
