import BackupModel
import BackupOperations
import Foundation

/// What `/metrics` says of the daemon and its jobs, in base units.
struct MetricsPage {
    let view: SchedulerView
    let jobs: [JobStatus]
    let isReady: Bool
    let process: ProcessFigures

    var text: String {
        var page = MetricsText()
        addDaemon(to: &page)
        addProcess(to: &page)
        let labelled = jobs.map { Labelled(labels: MetricsText.label("job", $0.job.name.text), status: $0) }
        addNewestGood(of: labelled, to: &page)
        addRuns(of: labelled, to: &page)
        addSchedule(of: labelled, to: &page)
        return page.text
    }

    private struct Labelled {
        var labels: String
        var status: JobStatus
    }

    private func addDaemon(to page: inout MetricsText) {
        page.family("backupctl_build_info", .gauge, "The version that runs; always 1.")
        page.sample("backupctl_build_info", MetricsText.label("version", ProductVersion.text), 1)
        func one(_ name: String, _ help: String, _ value: Double) {
            page.family(name, .gauge, help)
            page.sample(name, "", value)
        }
        one("backupctl_ready", "1 when catalog and scheduler work.", isReady ? 1 : 0)
        one("backupctl_jobs", "Jobs in the catalog.", Double(jobs.count))
        one("backupctl_queue_length", "Runs that wait for their turn.", Double(view.waiting))
        one("backupctl_runs_running", "Runs that this daemon has under way.", Double(view.running.count))
    }

    private func addProcess(to page: inout MetricsText) {
        func one(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: Double?) {
            guard let value else { return }
            page.family(name, kind, help)
            page.sample(name, "", value)
        }
        one(
            "process_start_time_seconds", .gauge, "When the daemon was started, since 1970.",
            process.startedAt.timeIntervalSince1970)
        one("process_cpu_seconds_total", .counter, "Processor time, user and system.", process.cpuSeconds)
        one("process_resident_memory_bytes", .gauge, "Resident memory.", process.residentBytes)
        one("process_open_fds", .gauge, "Open file descriptors.", process.openFiles)
    }

    private func addNewestGood(of jobs: [Labelled], to page: inout MetricsText) {
        func family(_ name: String, _ help: String, _ value: (Snapshot) -> Double) {
            let name = "backupctl_job_last_success_" + name
            page.family(name, .gauge, help)
            for job in jobs {
                if let snapshot = job.status.lastGood { page.sample(name, job.labels, value(snapshot)) }
            }
        }
        family("timestamp_seconds", "When the run that made the newest good snapshot started, since 1970.") {
            $0.createdAt.timeIntervalSince1970
        }
        family("stored_bytes", "Size of the newest good snapshot's file.") { Double($0.storedBytes) }
        family("uncompressed_bytes", "Size of the newest good snapshot's archive, uncompressed.") {
            Double($0.uncompressedBytes)
        }
        family("documents", "Documents in the newest good snapshot.") { Double($0.documents) }
    }

    private func addRuns(of jobs: [Labelled], to page: inout MetricsText) {
        func family(_ name: String, _ help: String, _ value: (Run) -> Double?) {
            page.family(name, .gauge, help)
            for job in jobs {
                if let value = job.status.lastRun.flatMap(value) { page.sample(name, job.labels, value) }
            }
        }
        family("backupctl_job_last_run_timestamp_seconds", "When the last run ended, since 1970.") {
            $0.finishedAt?.timeIntervalSince1970
        }
        family("backupctl_job_last_run_duration_seconds", "How long the last run took.") { run in
            guard let start = run.startedAt, let end = run.finishedAt else { return nil }
            return max(0, end.timeIntervalSince(start))
        }
        let states = RunState.allCases.filter(\.isTerminal).map { ($0, MetricsText.label("state", $0.rawValue)) }
        page.family(
            "backupctl_job_last_run_state", .gauge, "1 for the state in which the last run ended, 0 for others.")
        for job in jobs {
            guard let run = job.status.lastRun else { continue }
            for (state, label) in states {
                page.sample("backupctl_job_last_run_state", job.labels + "," + label, run.state == state ? 1 : 0)
            }
        }
        page.family("backupctl_job_runs_total", .counter, "Runs that this daemon saw end, by state.")
        for job in jobs {
            let ended = view.ended[job.status.job.name] ?? [:]
            for (state, label) in states {
                page.sample("backupctl_job_runs_total", job.labels + "," + label, Double(ended[state] ?? 0))
            }
        }
    }

    private func addSchedule(of jobs: [Labelled], to page: inout MetricsText) {
        func family(_ name: String, _ help: String, _ value: (JobStatus) -> Double?) {
            let name = "backupctl_job_" + name
            page.family(name, .gauge, help)
            for job in jobs {
                if let value = value(job.status) { page.sample(name, job.labels, value) }
            }
        }
        family("next_run_timestamp_seconds", "When the next run may start by itself, since 1970.") {
            view.nextStart[$0.job.name]?.timeIntervalSince1970
        }
        family("running", "1 while a run of the job goes on.") { $0.active?.state == .running ? 1 : 0 }
        family("stale", "1 when a good snapshot should be there that is not.") { $0.staleSince == nil ? 0 : 1 }
        family("schedule_broken", "1 while the job's schedule cannot be followed.") { $0.trouble == nil ? 0 : 1 }
        family("paused", "1 while automation is kept from the job.") { $0.job.pausedAt == nil ? 0 : 1 }
    }
}

/// What the system says of this process; nil what it does not say.
struct ProcessFigures: Sendable {
    var startedAt: Date
    var cpuSeconds: Double?
    var residentBytes: Double?
    var openFiles: Double?

    static func read(startedAt: Date) -> ProcessFigures {
        var figures = ProcessFigures(startedAt: startedAt)
        figures.cpuSeconds = SystemFigures.processorSeconds()
        // Pages: all, resident, and others (proc(5)).
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        if let resident = pages?.dropFirst().first.flatMap({ Double($0) }) {
            figures.residentBytes = resident * Double(sysconf(Int32(_SC_PAGESIZE)))
        }
        // One of them is the folder that is being read.
        figures.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map {
            Double(max(0, $0.count - 1))
        }
        return figures
    }
}
