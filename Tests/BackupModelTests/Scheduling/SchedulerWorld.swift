import Foundation

@testable import BackupModel

/// A world for a scheduler: a clock that can be set, a history that refuses a second row as the catalog does, runs that
/// take their time, and processes that die at any moment. It performs decisions as the daemon does.
struct SchedulerWorld {
    struct Key: Hashable {
        var job: JobName
        var instant: Date
        var attempt: Int
    }

    struct Row {
        var state: RunState
        var startedAt: Date?
        var endedAt: Date?
    }

    struct Running {
        var run: SchedulerRun
        /// Seconds of real time until its end; a clock that is set does not change it.
        var left: Int
        var end: RunState
    }

    var now: Date
    var random: SplitMix
    var jobs: [JobName: ScheduledJob]
    let limits: ConcurrencyLimits
    /// Chances in a thousand, at each step.
    let chances: Chances

    var scheduler: Scheduler?
    var wakeAt: Date?
    var rows: [Key: Row] = [:]
    /// The instants of a job that have a row, ascending.
    var instants: [JobName: [Date]] = [:]
    var spans: [JobName: [(first: Date, last: Date)]] = [:]
    var running: [JobName: Running] = [:]
    var queued: [JobName: Key] = [:]
    var problems: [String] = []
    var starts = 0
    /// Since the clock was last set back, the history may have rows of its own future.
    var wasSetBack = false

    struct Chances {
        var crash = 0
        var jump = 0
        var failure = 300
    }

    mutating func chance(_ inAThousand: Int) -> Bool { Int.random(in: 0..<1000, using: &random) < inAThousand }

    /// Lives until the end, then lets everything that is under way come to its end.
    mutating func live(until end: Date, steps: Int) {
        boot()
        var step = 0
        while now < end && step < steps && problems.isEmpty {
            step += 1
            self.step()
        }
        while !running.isEmpty && problems.isEmpty { self.step(calm: true) }
        if problems.isEmpty { checkEnd() }
    }

    mutating func step(calm: Bool = false) {
        if !calm && chance(chances.crash) { return crash() }
        if !calm && chance(chances.jump) { setClock() }
        var wait = running.values.map(\.left).min()
        if let wakeAt {
            let seconds = max(0, Int(wakeAt.timeIntervalSince(now).rounded(.up)))
            wait = min(wait ?? seconds, seconds)
        }
        // The daemon looks at the clock from time to time anyway.
        pass(min(wait ?? 7 * 86400, 7 * 86400))
        for (job, run) in running.sorted(by: { $0.key < $1.key }) where run.left <= 0 {
            finish(job, run.end)
            tell(.runEnded(job, run.end))
        }
        tell(.time)
    }

    mutating func pass(_ seconds: Int) {
        now += TimeInterval(seconds)
        for job in running.keys { running[job]?.left -= seconds }
    }

    mutating func setClock() {
        let span = [90, 3600, 5 * 3600, 3 * 86400, 400 * 86400].randomElement(using: &random) ?? 1
        let seconds = Int.random(in: -span...span, using: &random)
        if seconds < 0 { wasSetBack = true }
        now += TimeInterval(seconds)
    }

    /// The process is gone, and what it ran with it. Another one comes after a while.
    mutating func crash() {
        scheduler = nil
        let down = [1, 30, 4000, 3 * 86400].randomElement(using: &random) ?? 1
        pass(Int.random(in: 1...down, using: &random))
        boot()
    }

    /// What the daemon does when it starts: settle, read the history, begin.
    mutating func boot() {
        for job in running.keys.sorted() { finish(job, .interrupted) }
        scheduler = Scheduler(limits: limits)
        let all = jobs.values.sorted { $0.name < $1.name }.map { job in (job: job, history: history(of: job)) }
        tell(.startedUp(all))
    }

    func history(of job: ScheduledJob) -> JobHistory {
        let own = instants[job.name] ?? []
        var history = JobHistory()
        if let key = queued[job.name] { history.queued = .instant(key.instant, attempt: key.attempt) }
        guard let latest = own.last(where: { $0 <= now }) else { return history }
        history.latestInstant = latest
        let attempts = (1...11).reversed().lazy.map { Key(job: job.name, instant: latest, attempt: $0) }
        if let newest = attempts.first(where: { rows[$0] != nil }), let row = rows[newest], let endedAt = row.endedAt,
            [.failed, .interrupted].contains(row.state)
        {
            history.failed = FailedAttempt(instant: latest, attempt: newest.attempt, endedAt: endedAt)
        }
        return history
    }

    mutating func tell(_ event: SchedulerEvent) {
        guard let answer = scheduler?.handle(event, at: now) else { return }
        wakeAt = answer.wakeAt
        // The rows of one answer are one transaction; what is started comes after it.
        if chance(chances.crash / 4) { return crash() }
        var taken: [(SchedulerRun, JobName)] = []
        for decision in answer.decisions {
            if let lost = write(decision) { taken.append(lost) }
        }
        for case .start(let job, let run) in answer.decisions where !taken.contains(where: { $0.1 == job }) {
            if chance(chances.crash / 8) { return crash() }
            begin(job, run)
        }
        if !taken.isEmpty { tell(.withdrawn(taken.map { (run: $0.0, job: $0.1) })) }
    }

    /// Writes the rows of a decision. Gives the run when its row is there already.
    private mutating func write(_ decision: SchedulerDecision) -> (SchedulerRun, JobName)? {
        switch decision {
        case .missed(let job, let instants):
            for instant in instants { insert(Key(job: job, instant: instant, attempt: 1), Row(state: .missed)) }
        case .missedMany(let job, _, let first, let last):
            insert(Key(job: job, instant: last, attempt: 1), Row(state: .missed))
            spans[job, default: []].append((first, last))
        case .skipped(let job, let instant, _):
            insert(Key(job: job, instant: instant, attempt: 1), Row(state: .skipped))
        case .queue(let job, let instant, let attempt, _):
            let key = Key(job: job, instant: instant, attempt: attempt)
            guard insert(key, Row(state: .queued)) else { return (.instant(instant, attempt: attempt), job) }
            checkQueued(key)
            queued[job] = key
        case .giveUp(let job, _, let state, _):
            if let key = queued.removeValue(forKey: job) {
                rows[key]?.state = state
                rows[key]?.endedAt = now
            }
        case .start, .retry: break
        }
        return nil
    }

    @discardableResult
    private mutating func insert(_ key: Key, _ row: Row) -> Bool {
        if rows[key] != nil {
            if !wasSetBack { problems.append("\(key) is decided upon twice") }
            return false
        }
        rows[key] = row
        if key.attempt == 1 {
            let place = instants[key.job]?.lastIndex { $0 < key.instant }.map { $0 + 1 } ?? 0
            instants[key.job, default: []].insert(key.instant, at: place)
        }
        return true
    }

    private mutating func begin(_ job: JobName, _ run: SchedulerRun) {
        starts += 1
        guard let key = queued.removeValue(forKey: job), case .instant(key.instant, attempt: key.attempt) = run else {
            return problems.append("\(job) starts \(run), which is not in the queue")
        }
        if running[job] != nil { problems.append("\(job) runs twice at once") }
        rows[key]?.state = .running
        rows[key]?.startedAt = now
        let end: RunState = chance(chances.failure) ? (chance(700) ? .failed : .cancelled) : .succeeded
        let long = [20, 600, 9000].randomElement(using: &random) ?? 1
        running[job] = Running(run: run, left: Int.random(in: 1...long, using: &random), end: end)
        checkLimits()
        if let facts = jobs[job], key.attempt == 1, !wasSetBack, now < key.instant + TimeInterval(facts.delay) {
            problems.append("\(key) starts before its time")
        }
    }

    private mutating func finish(_ job: JobName, _ state: RunState) {
        guard case .instant(let instant, let attempt)? = running.removeValue(forKey: job)?.run else { return }
        let key = Key(job: job, instant: instant, attempt: attempt)
        rows[key]?.state = state
        rows[key]?.endedAt = now
    }
}

/// A generator with a seed: a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
