import BackupDaemon
import BackupModel
import BackupOperations
import Foundation

/// The real daemon, except for its clock: `DaemonHost STATE-DIR START-SECONDS SPEED`. SIGTERM stops it.
@main
enum Host {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let start = Double(arguments[2]), let speed = Double(arguments[3]) else {
            throw BackupError(.usage, "cannot start: give STATE-DIR, START-SECONDS and SPEED")
        }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let clock = DaemonClock.fast(from: Date(timeIntervalSince1970: start), speed: speed)
        let daemon = try Daemon(
            workspace: Workspace.open(statePath: arguments[1], now: clock.now()),
            options: Daemon.Options(limits: ConcurrencyLimits(total: 4, perHost: 4)), clock: clock, environment: [:])
        let thread = Thread { [signals] in
            var waited = signals
            var number: Int32 = 0
            if sigwait(&waited, &number) == 0 { daemon.stop(bySignal: number) }
        }
        thread.start()
        try daemon.run()
    }
}
