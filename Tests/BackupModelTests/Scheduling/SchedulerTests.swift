import Foundation
import Testing

@testable import BackupModel

/// Times are seconds after midnight UTC on the day the story begins.
private let midnight = Date(timeIntervalSince1970: 1_767_225_600)

private func at(_ seconds: Int) -> Date { midnight.addingTimeInterval(TimeInterval(seconds)) }

private let hour = 3600
private let day = 86400

extension Timetable {
    /// Every so many seconds since 1970.
    static func every(_ period: Int) -> Timetable {
        @Sendable func floor(_ date: Date) -> Int { Int((date.timeIntervalSince1970 / Double(period)).rounded(.down)) }
        @Sendable func time(_ number: Int) -> Date { Date(timeIntervalSince1970: Double(number * period)) }
        return Timetable(
            next: { time(floor($0) + 1) },
            latest: { end, start in
                let found = time(floor(end))
                return found > start ? found : nil
            },
            count: { max(0, floor($1) - floor($0)) })
    }
}

struct SchedulerTests {
    let orders: JobName
    let users: JobName
    var scheduler = Scheduler()

    init() throws {
        orders = try JobName("orders")
        users = try JobName("users")
    }

    func hourly(
        _ name: JobName, base: Int = 0, catchUp: Int = day, delay: Int = 0, retries: Int = 0, hosts: [String] = [],
        isPaused: Bool = false
    ) -> ScheduledJob {
        ScheduledJob(
            name: name, timetable: .every(hour), base: at(base), hosts: hosts, catchUp: catchUp, delay: delay,
            retries: retries, isPaused: isPaused)
    }

    mutating func start(_ jobs: [ScheduledJob], _ history: JobHistory = JobHistory(), at time: Int) -> SchedulerAnswer {
        scheduler.handle(.startedUp(jobs.map { ($0, history) }), at: at(time))
    }

    @Test mutating func startsAtTheInstantAndAsksToBeWokenForIt() {
        let first = start([hourly(orders, base: 10)], at: 10)
        #expect(first.decisions == [] && first.wakeAt == at(hour))
        let early = scheduler.handle(.time, at: at(hour - 1))
        #expect(early.decisions == [] && early.wakeAt == at(hour))
        let due = scheduler.handle(.time, at: at(hour))
        #expect(
            due.decisions == [
                .queue(orders, at(hour), attempt: 1, trigger: .schedule),
                .start(orders, .instant(at(hour), attempt: 1)),
            ])
        #expect(due.wakeAt == at(2 * hour))
    }

    @Test mutating func jitterPutsEveryStartOffByTheSameTime() {
        let first = start([hourly(orders, delay: 90)], at: 10)
        #expect(first.wakeAt == at(hour + 90))
        #expect(scheduler.handle(.time, at: at(hour + 89)).decisions == [])
        let due = scheduler.handle(.time, at: at(hour + 90)).decisions
        #expect(due.first == .queue(orders, at(hour), attempt: 1, trigger: .schedule))
    }

    @Test func jitterIsFixedForAJobAndWithinItsLimit() throws {
        let delays = try (0..<500).map { Jitter.seconds(of: try JobName("job-\($0)"), limit: 600) }
        #expect(delays.allSatisfy { (0..<600).contains($0) })
        #expect(Set(delays).count > 250)
        #expect(delays == (try (0..<500).map { Jitter.seconds(of: try JobName("job-\($0)"), limit: 600) }))
        #expect(Jitter.seconds(of: orders, limit: 0) == 0)
    }

    @Test mutating func theLatestMissedInstantRunsOnceAndTheOthersAreRecorded() {
        let history = JobHistory(latestInstant: at(0))
        let answer = start([hourly(orders, base: -day)], history, at: 3 * hour + 600)
        #expect(
            answer.decisions == [
                .missed(orders, [at(hour), at(2 * hour)]),
                .queue(orders, at(3 * hour), attempt: 1, trigger: .catchUp),
                .start(orders, .instant(at(3 * hour), attempt: 1)),
            ])
        #expect(answer.wakeAt == at(4 * hour))
    }

    @Test mutating func outsideOfTheWindowTheLatestIsMissedToo() {
        let answer = start([hourly(orders, catchUp: 300)], at: 2 * hour + 301)
        #expect(answer.decisions == [.missed(orders, [at(hour), at(2 * hour)])])
        var other = Scheduler()
        let inside = other.handle(
            .startedUp([(hourly(orders, catchUp: 300), JobHistory(latestInstant: at(hour)))]), at: at(2 * hour + 300))
        #expect(inside.decisions.first == .queue(orders, at(2 * hour), attempt: 1, trigger: .catchUp))
    }

    @Test mutating func withoutCatchUpAStartThatIsALittleLateIsStillOnTime() {
        _ = start([hourly(orders, catchUp: 0)], at: 10)
        let answer = scheduler.handle(.time, at: at(hour + 59))
        #expect(answer.decisions.first == .queue(orders, at(hour), attempt: 1, trigger: .schedule))
        #expect(scheduler.handle(.time, at: at(hour + 61)).decisions == [])
    }

    @Test(arguments: [(99, 99), (100, 100), (101, 0), (50_000, 0)])
    func moreThanAHundredMissedInstantsGetOneRow(missed: Int, rows: Int) {
        var scheduler = Scheduler()
        let now = at((missed + 1) * hour + 60)
        let answer = scheduler.handle(.startedUp([(hourly(orders), JobHistory())]), at: now)
        switch answer.decisions.first {
        case .missed(_, let instants): #expect(instants.count == rows && missed == rows)
        case .missedMany(_, let count, let first, let last):
            #expect(rows == 0 && count == missed)
            #expect(first == at(hour) && last == at(missed * hour))
        default: Issue.record("nothing is missed: \(answer.decisions)")
        }
        #expect(
            answer.decisions.dropFirst().first
                == .queue(
                    orders, at((missed + 1) * hour), attempt: 1, trigger: .catchUp))
    }

    @Test mutating func theLaterOfTwoThatOverlapIsSkipped() {
        _ = start([hourly(orders)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        let answer = scheduler.handle(.time, at: at(2 * hour))
        #expect(
            answer.decisions == [
                .skipped(orders, at(2 * hour), reason: "the run for 2026-01-01T01:00:00Z is still running")
            ])
        let ended = scheduler.handle(.runEnded(orders, .succeeded), at: at(2 * hour + 5))
        #expect(ended.decisions == [] && ended.wakeAt == at(3 * hour))
        #expect(
            scheduler.handle(.time, at: at(3 * hour)).decisions.first
                == .queue(orders, at(3 * hour), attempt: 1, trigger: .schedule))
    }

    @Test mutating func aFailedRunIsTriedAgainWithGrowingDistance() {
        _ = start([hourly(orders, retries: 2)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        let failed = scheduler.handle(.runEnded(orders, .failed), at: at(hour + 100))
        #expect(failed.decisions == [.retry(orders, at(hour), attempt: 2, at: at(hour + 160))])
        #expect(failed.wakeAt == at(hour + 160))
        let second = scheduler.handle(.time, at: at(hour + 160))
        #expect(
            second.decisions == [
                .queue(orders, at(hour), attempt: 2, trigger: .retry), .start(orders, .instant(at(hour), attempt: 2)),
            ])
        let again = scheduler.handle(.runEnded(orders, .interrupted), at: at(hour + 200))
        #expect(again.decisions == [.retry(orders, at(hour), attempt: 3, at: at(hour + 320))])
        _ = scheduler.handle(.time, at: at(hour + 320))
        let last = scheduler.handle(.runEnded(orders, .failed), at: at(hour + 400))
        #expect(last.decisions == [] && last.wakeAt == at(2 * hour))
    }

    @Test(arguments: [RunState.cancelled, .succeeded, .partial])
    func whatAPersonEndedOrWhatMadeASnapshotIsNotTriedAgain(state: RunState) {
        var scheduler = Scheduler()
        _ = scheduler.handle(.startedUp([(hourly(orders, retries: 2), JobHistory())]), at: at(10))
        _ = scheduler.handle(.time, at: at(hour))
        #expect(scheduler.handle(.runEnded(orders, state), at: at(hour + 9)).decisions == [])
    }

    @Test mutating func aRetryDoesNotReachIntoTheNextInstant() {
        _ = start([hourly(orders, retries: 5)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        // The next attempt would come at the very second of the next instant.
        let failed = scheduler.handle(.runEnded(orders, .failed), at: at(2 * hour - 60))
        #expect(failed.decisions == [] && failed.wakeAt == at(2 * hour))
    }

    @Test mutating func aRetryGoesOnAfterARestart() {
        let history = JobHistory(
            latestInstant: at(hour), failed: FailedAttempt(instant: at(hour), attempt: 1, endedAt: at(hour + 30)))
        let answer = start([hourly(orders, retries: 1)], history, at: hour + 40)
        #expect(answer.decisions == [] && answer.wakeAt == at(hour + 90))
        #expect(
            scheduler.handle(.time, at: at(hour + 90)).decisions.first
                == .queue(orders, at(hour), attempt: 2, trigger: .retry))
    }

    /// A rule that is newer than the failure, or a job made again under its name: only what comes later is due.
    @Test mutating func aRetryIsNotOfAnInstantBeforeTheRule() {
        let history = JobHistory(
            latestInstant: at(hour), failed: FailedAttempt(instant: at(hour), attempt: 1, endedAt: at(hour + 30)))
        let answer = start([hourly(orders, base: hour + 35, retries: 1)], history, at: hour + 40)
        #expect(answer.decisions == [] && answer.wakeAt == at(2 * hour))
    }

    @Test func backOffGrowsToAnHourAndNoFurther() {
        #expect((1...9).map(RetryBackoff.seconds) == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
        #expect(RetryBackoff.seconds(after: Int.max) == 3600 && RetryBackoff.seconds(after: 0) == 60)
    }

    @Test mutating func aPausedJobHasNoInstantsAndMissesNone() {
        let answer = start([hourly(orders, isPaused: true)], at: 10 * hour)
        #expect(answer.decisions == [] && answer.wakeAt == nil)
        let resumed = scheduler.handle(.jobChanged(hourly(orders, base: 20 * hour + 5)), at: at(20 * hour + 5))
        #expect(resumed.decisions == [] && resumed.wakeAt == at(21 * hour))
    }

    @Test mutating func pausingGivesUpWhatWaitsAndLetsGoOnWhatRuns() {
        scheduler = Scheduler(limits: ConcurrencyLimits(total: 1, perHost: 1))
        _ = start([hourly(orders), hourly(users)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        #expect(scheduler.isWaiting(users) && !scheduler.isWaiting(orders))
        let waiting = scheduler.handle(.jobChanged(hourly(users, isPaused: true)), at: at(hour + 1))
        #expect(
            waiting.decisions == [
                .giveUp(users, .instant(at(hour), attempt: 1), .skipped, reason: "the job was paused before it started")
            ])
        let running = scheduler.handle(.jobChanged(hourly(orders, isPaused: true)), at: at(hour + 2))
        #expect(running.decisions == [] && scheduler.runningCount == 1)
    }

    @Test mutating func anEditDoesNotSetOffWhatWasDueBeforeIt() {
        _ = start([hourly(orders)], at: 10)
        let edited = ScheduledJob(name: orders, timetable: .every(600), base: at(1000))
        let answer = scheduler.handle(.jobChanged(edited), at: at(1000))
        #expect(answer.decisions == [] && answer.wakeAt == at(1200))
    }

    @Test mutating func aJobThatIsDeletedWhileItRunsKeepsItsPlaceUntilItEnds() {
        scheduler = Scheduler(limits: ConcurrencyLimits(total: 1, perHost: 1))
        _ = start([hourly(orders), hourly(users)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        #expect(scheduler.handle(.jobDeleted(orders), at: at(hour + 1)).decisions == [])
        let ended = scheduler.handle(.runEnded(orders, .succeeded), at: at(hour + 2))
        #expect(ended.decisions == [.start(users, .instant(at(hour), attempt: 1))])
    }

    @Test mutating func oneServerHoldsUpItsOwnJobsOnly() throws {
        scheduler = Scheduler(limits: ConcurrencyLimits(total: 3, perHost: 1))
        let names = try ["a1", "a2", "b1"].map(JobName.init)
        let jobs = [
            hourly(names[0], hosts: ["a"]), hourly(names[1], hosts: ["a", "c"]), hourly(names[2], hosts: ["b"]),
        ]
        _ = start(jobs, at: 10)
        let due = scheduler.handle(.time, at: at(hour)).decisions
        #expect(due.starts == [names[0], names[2]])
        #expect(scheduler.handle(.runEnded(names[0], .succeeded), at: at(hour + 9)).decisions.starts == [names[1]])
    }

    @Test mutating func requestsStartInTheirOrderAndAfterWhatRuns() throws {
        let first = try #require(RunID("20260101T000000Z-aaaa"))
        let second = try #require(RunID("20260101T000000Z-bbbb"))
        _ = start([hourly(orders)], at: 10)
        #expect(
            scheduler.handle(.requested(first, job: orders), at: at(20)).decisions
                == [.start(orders, .request(first))])
        #expect(scheduler.handle(.requested(second, job: orders), at: at(21)).decisions == [])
        #expect(
            scheduler.handle(.runEnded(orders, .failed), at: at(30)).decisions == [.start(orders, .request(second))])
        #expect(scheduler.handle(.runEnded(orders, .succeeded), at: at(40)).decisions == [])
    }

    @Test mutating func aJobThatAnotherProcessRunsIsSkipped() {
        _ = start([hourly(orders)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        let refused = scheduler.handle(.startRefused(orders, reason: "run 'x' is running"), at: at(hour))
        #expect(
            refused.decisions == [
                .giveUp(orders, .instant(at(hour), attempt: 1), .skipped, reason: "run 'x' is running")
            ])
        #expect(refused.wakeAt == at(2 * hour) && scheduler.runningCount == 0)
    }

    @Test mutating func whatAnotherSchedulerRecordedIsLeftToIt() {
        _ = start([hourly(orders)], at: 10)
        _ = scheduler.handle(.time, at: at(hour))
        let taken = scheduler.handle(.withdrawn([(.instant(at(hour), attempt: 1), orders)]), at: at(hour))
        #expect(taken.decisions == [] && taken.wakeAt == at(2 * hour) && scheduler.runningCount == 0)
    }

    @Test(arguments: [(3600 + 50, "start"), (2 * 3600 + 50, "replaced"), (3600 + 400, "late"), (-50, "paused")])
    func aRunThatWasLeftInTheQueueStartsUnlessItIsTooLate(now: Int, what: String) {
        var scheduler = Scheduler()
        let history = JobHistory(latestInstant: at(hour), queued: .instant(at(hour), attempt: 1))
        let job = hourly(orders, catchUp: 300, isPaused: what == "paused")
        let decisions = scheduler.handle(.startedUp([(job, history)]), at: at(now < 0 ? hour + 50 : now)).decisions
        switch what {
        case "start": #expect(decisions == [.start(orders, .instant(at(hour), attempt: 1))])
        case "replaced":
            #expect(
                decisions == [
                    .giveUp(
                        orders, .instant(at(hour), attempt: 1), .missed,
                        reason: "a later instant came before it could start"),
                    .queue(orders, at(2 * hour), attempt: 1, trigger: .schedule),
                    .start(orders, .instant(at(2 * hour), attempt: 1)),
                ])
        case "late":
            #expect(
                decisions == [
                    .giveUp(orders, .instant(at(hour), attempt: 1), .missed, reason: "it could not start in time")
                ])
        default:
            #expect(
                decisions == [
                    .giveUp(
                        orders, .instant(at(hour), attempt: 1), .skipped, reason: "the job was paused before it started"
                    )
                ])
        }
    }

    @Test mutating func aClockThatWentAheadAndBackDoesNotSilenceAJob() {
        _ = start([hourly(orders)], at: 10)
        let ahead = scheduler.handle(.time, at: at(3650 * day + 5))
        #expect(ahead.decisions.starts == [orders])
        _ = scheduler.handle(.runEnded(orders, .succeeded), at: at(3650 * day + 8))
        let back = scheduler.handle(.time, at: at(20))
        #expect(back.decisions == [] && back.wakeAt == at(hour))
        #expect(scheduler.handle(.time, at: at(hour)).decisions.starts == [orders])
    }

    @Test mutating func aBaseInTheFutureCountsForNothing() {
        let answer = start([hourly(orders, base: 3650 * day)], JobHistory(latestInstant: at(3650 * day)), at: 10)
        #expect(answer.wakeAt == at(hour))
    }

    /// 10,000 jobs due in the same second: each is queued once, starts once, and in the order of its waiting.
    @Test func tenThousandJobsDueAtOnceTakeTurns() throws {
        let names = try (0..<10_000).map { try JobName("job-\($0)") }
        var scheduler = Scheduler(limits: ConcurrencyLimits(total: 4, perHost: 1))
        let jobs = names.enumerated().map { index, name in
            ScheduledJob(name: name, timetable: .every(day), base: at(0), hosts: ["db\(index % 100)"])
        }
        _ = scheduler.handle(.startedUp(jobs.map { ($0, JobHistory()) }), at: at(1))
        var answer = scheduler.handle(.time, at: at(day))
        let queued = answer.decisions.filter { if case .queue = $0 { true } else { false } }
        #expect(queued.count == 10_000 && Set(queued).count == 10_000)
        #expect(scheduler.waitingCount == 10_000 - 4)
        var started: [JobName] = []
        var running = answer.decisions.starts
        let clock = ContinuousClock()
        let begin = clock.now
        while let job = running.first {
            started.append(job)
            running.removeFirst()
            answer = scheduler.handle(.runEnded(job, .succeeded), at: at(day + 1))
            running += answer.decisions.starts
            #expect(running.count <= 4)
        }
        #expect(started.count == 10_000 && Set(started).count == 10_000)
        // A queue that costs the square of its length takes minutes for this.
        #expect(clock.now - begin < .seconds(20))
        // Whoever waits longest starts first; only jobs of one server step back for each other, by little.
        let places = Dictionary(uniqueKeysWithValues: names.sorted().enumerated().map { ($1, $0) })
        let displaced = started.enumerated().map { abs((places[$1] ?? 0) - $0) }
        #expect(try #require(displaced.max()) < 200)
    }
}

extension [SchedulerDecision] {
    var starts: [JobName] {
        compactMap { if case .start(let job, _) = $0 { job } else { nil } }
    }
}
