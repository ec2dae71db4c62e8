import ArgumentParser
import BackupDaemon
import BackupModel
import BackupOperations
import Foundation

struct DaemonCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon", abstract: "Run jobs on their schedules, in the foreground, until it is stopped.",
        discussion: """
            One daemon serves a state directory. SIGTERM and SIGINT stop it within 30 seconds; what runs then is cancelled \
            and recorded as interrupted. SIGHUP reads jobs, time zones and the token again. /healthz, /readyz and /metrics \
            are served on the address of --listen.
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var limits: ConcurrencyOptions

    @Option(name: .customLong("log-format"), help: "Lines of the log: text or json (default: text).")
    var logFormat: DaemonLog.Format = .text

    @Option(
        name: .customLong("history"),
        help: "Remove runs and logs that are older, once a day, for example 365d (default: never).")
    var history: DurationArgument?

    @Option(
        name: .customLong("listen"), help: "Where to serve health and metrics: ADDRESS:PORT, or off.")
    var listen = "127.0.0.1:8484"

    @Option(
        name: .customLong("token-file"),
        help: "A file with the bearer token that /metrics asks for; needed where others than this machine can connect.")
    var tokenFile: String?

    mutating func perform() throws -> Int32 {
        let listening = try Listening.parse(listen, tokenFile: tokenFile)
        let signals = SignalMask.block([SIGINT, SIGTERM, SIGHUP])
        let daemon = try Daemon(
            workspace: options.openWorkspace(),
            options: Daemon.Options(
                limits: limits.limits, logFormat: logFormat, historyAge: history?.seconds, listening: listening),
            environment: ProcessInfo.processInfo.environment)
        let isStopping = Cancellation()
        signals.handle { number in
            if number == SIGHUP { return daemon.reload() }
            // The second time it is meant.
            if isStopping.isCancelled { _exit(130) }
            isStopping.cancel(BackupError(.cancelled, "stopping"))
            daemon.stop(bySignal: number)
        }
        try daemon.run()
        return 0
    }
}

extension DaemonLog.Format: ExpressibleByArgument {}

/// How many runs may go on at once.
struct ConcurrencyOptions: ParsableArguments {
    @Option(name: .customLong("max-runs"), help: "So many runs at once (default: 2).")
    var total = 2

    @Option(name: .customLong("max-runs-per-host"), help: "So many of them on one MongoDB server (default: 1).")
    var perHost = 1

    func validate() throws {
        if total < 1 || total > 1000 { throw ValidationError("--max-runs must be from 1 to 1000") }
        if perHost < 1 || perHost > 1000 { throw ValidationError("--max-runs-per-host must be from 1 to 1000") }
    }

    var limits: ConcurrencyLimits { ConcurrencyLimits(total: total, perHost: perHost) }
}
