import BackupCatalog
package import BackupModel
package import BackupOperations
import Foundation

/// The daemon of a state directory, from the lock to the end.
package struct Daemon {
    package struct Options: Sendable {
        package var limits: ConcurrencyLimits
        package var logFormat: DaemonLog.Format
        /// Seconds after which a run leaves the history; nil: never.
        package var historyAge: Int?
        /// Where health and metrics are served; nil: nowhere.
        package var listening: Listening?

        package init(
            limits: ConcurrencyLimits = ConcurrencyLimits(), logFormat: DaemonLog.Format = .text,
            historyAge: Int? = nil, listening: Listening? = nil
        ) {
            self.limits = limits
            self.logFormat = logFormat
            self.historyAge = historyAge
            self.listening = listening
        }
    }

    private let workspace: Workspace
    private let clock: DaemonClock
    private let log: DaemonLog
    private let manager: ServiceManager
    private let lock: DaemonLock
    private let service: SchedulerService
    private let face: HTTPFace?

    /// Takes the lock, begins to listen and brings catalog and repository in line; refuses when another daemon has it,
    /// when the catalog's file is damaged, and when it cannot listen. A daemon that cannot start changes nothing.
    package init(
        workspace: Workspace, options: Options, clock: DaemonClock = .system, environment: [String: String]
    ) throws {
        var workspace = workspace
        workspace.uptime = { Uptime.current().map { Uptime(bootID: $0.bootID, seconds: clock.steady()) } }
        self.workspace = workspace
        self.clock = clock
        log = DaemonLog(format: options.logFormat, now: clock.now)
        manager = ServiceManager(environment: environment)
        lock = try DaemonLock.take(in: workspace.state, now: clock.now())
        let problems = try workspace.catalog.quickCheck()
        guard problems.isEmpty else {
            throw BackupError(
                .catalogFailed, "cannot start the daemon: the catalog is damaged: \(problems[0])",
                hint: "put back a copy of the catalog; archives and manifests are not affected by this.")
        }
        service = SchedulerService(
            workspace: workspace, mode: .forever, limits: options.limits, clock: clock, log: log, manager: manager,
            historyAge: options.historyAge)
        face = options.listening.map { [service] in HTTPFace($0, service: service, startedAt: clock.now()) }
        try face?.start()
        for trouble in Recovery(workspace: workspace).recover(now: clock.now()) {
            log.warning("recovery is not complete", ["reason": trouble])
        }
        try workspace.readClock(at: clock.now())
    }

    /// Blocks until the daemon was stopped.
    package func run() throws {
        try workspace.catalog.record(.daemonStarted, workspace.act(clock.now()))
        manager.ready("running")
        _ = try service.run()
        face?.stop()
        try? workspace.catalog.record(.daemonStopped, workspace.act(clock.now()))
        log.info("stopped")
    }

    /// Asks it to end; what runs is interrupted, and recorded as that.
    package func stop(bySignal number: Int32) {
        service.stop(BackupError(.interrupted, "interrupted: the daemon was stopped (signal \(number))"))
    }

    /// Reads jobs, time zones and the token again.
    package func reload() {
        face?.reload()
        service.reload()
    }
}
