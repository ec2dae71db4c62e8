import ArgumentParser
import BackupDaemon
import BackupModel
import BackupOperations
import Foundation

struct StatusCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How things stand: each job, and the daemon.",
        discussion: """
            Exit status 1 when a job is stale - an instant and a time of grace have passed without a good snapshot - or when \
            jobs have schedules and there is no daemon. The grace is a quarter of the time between two runs, from ten \
            minutes to six hours.
            """)

    @OptionGroup var options: GlobalOptions

    mutating func perform() throws -> Int32 {
        let workspace = try options.openWorkspace()
        let now = Date.now
        let jobs = try JobStatus.all(in: workspace, now: now)
        let daemon = DaemonLock.holder(in: workspace.state)
        try options.output.render(
            StatusView.json(jobs, daemon: daemon, now: now), text: StatusView.text(jobs, daemon: daemon, now: now))
        let needsDaemon = jobs.contains { $0.job.schedule != nil && $0.job.pausedAt == nil }
        let isBad = jobs.contains { $0.staleSince != nil || $0.trouble != nil }
        return isBad || (needsDaemon && daemon == nil) ? 1 : 0
    }
}

/// How the state of jobs and daemon is shown.
enum StatusView {
    static func json(_ jobs: [JobStatus], daemon: String?, now: Date) -> JSONValue {
        .object([
            "daemon": .object(["running": JSONValue(daemon != nil), "holder": JSONValue(daemon)]),
            "jobs": .array(inParts(jobs) { json($0, now: now) }),
        ])
    }

    /// Formatting ten thousand jobs takes as long as reading them: on all cores.
    private static func inParts<Made: Sendable>(
        _ jobs: [JobStatus], _ make: @Sendable (JobStatus) -> Made
    ) -> [Made] {
        let parts = stride(from: 0, to: jobs.count, by: 250).map { jobs[$0..<min($0 + 250, jobs.count)] }
        return onAllCores(parts) { $0.map(make) }.flatMap { $0 }
    }

    private static func json(_ status: JobStatus, now: Date) -> JSONValue {
        .object([
            "job": .string(status.job.name.text), "schedule": JSONValue(status.job.schedule?.rule.text),
            "timeZone": JSONValue(status.job.timeZone), "paused": JSONValue(status.job.pausedAt != nil),
            "stale": JSONValue(status.staleSince != nil), "staleSince": JSONValue(status.staleSince),
            "lastGood": status.lastGood.map { snapshot in
                .object([
                    "snapshot": .string(snapshot.id), "createdAt": JSONValue(snapshot.createdAt),
                    "age": JSONValue(Int64(max(0, now.timeIntervalSince(snapshot.createdAt)))),
                    "storedBytes": JSONValue(snapshot.storedBytes), "verifiedAt": JSONValue(snapshot.verifiedAt),
                ])
            } ?? .null,
            "lastRun": status.lastRun.map(RunView.json) ?? .null,
            "active": status.active.map(RunView.json) ?? .null,
            "nextRun": JSONValue(status.nextStart),
            "problem": RunView.error(status.trouble),
        ])
    }

    static func text(_ jobs: [JobStatus], daemon: String?, now: Date) -> String {
        let first = daemon.map { "daemon: \($0)" } ?? "daemon: not running"
        guard !jobs.isEmpty else { return "\(first)\nno jobs yet" }
        var table = Table([
            ("JOB", .left), ("STATE", .left), ("LAST GOOD", .left), ("AGE", .right), ("LAST RUN", .left),
            ("NEXT RUN", .left), ("NOW", .left),
        ])
        let rows = inParts(jobs) { status in
            [
                status.job.name.text, state(status), Format.time(status.lastGood?.createdAt),
                status.lastGood.map { age(now.timeIntervalSince($0.createdAt)) } ?? "-",
                status.lastRun.map { "\($0.state.rawValue) \(Format.time($0.finishedAt))" } ?? "-",
                Format.time(status.nextStart), active(status.active),
            ]
        }
        for row in rows { table.add(row) }
        let troubles = jobs.compactMap { status in
            status.trouble.map { "\(status.job.name): \($0.message.escapedForDisplay)" }
        }
        return ([first, table.text] + troubles).joined(separator: "\n")
    }

    private static func state(_ status: JobStatus) -> String {
        if status.trouble != nil { return "broken" }
        if status.staleSince != nil { return "stale" }
        if status.job.pausedAt != nil { return "paused" }
        return status.job.schedule == nil ? "by hand" : "ok"
    }

    private static func active(_ run: Run?) -> String {
        guard let run else { return "" }
        guard run.state == .running else { return "waits in the queue" }
        return "running: \(Format.count(run.counters.documents, "document")), "
            + Format.bytes(run.counters.uncompressedBytes)
    }

    /// `3d`, `5h`, `12m`, `40s`
    private static func age(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e11 else { return "-" }
        let whole = Int(seconds)
        for (size, unit) in [(86400, "d"), (3600, "h"), (60, "m")] where whole >= size {
            return "\(whole / size)\(unit)"
        }
        return "\(whole)s"
    }
}
