import BackupModel
import Foundation

/// What a process does before anything else.
enum ProcessSetup {
    static func prepare() {
        // A reader of our output that goes away is an error to report, not a reason to die without a record.
        signal(SIGPIPE, SIG_IGN)
        umask(0o077)
        // A core file would hold secrets.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }

    /// Ends as every program does whose output nobody reads any more; gives the status that a shell would see, should that
    /// not be possible.
    static func endAsFilter() -> Int32 {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        return 128 + SIGPIPE
    }

    /// Overwrites connection strings with a password in the process's own arguments, so that a listing of processes
    /// shows them only for the moment until here.
    static func hideSecretsInArguments() {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            let text = String(cString: argument)
            guard let start = text.range(of: "mongodb"), text[start.lowerBound...].contains("://") else { continue }
            var position = argument + text[..<start.lowerBound].utf8.count
            while position.pointee != 0 {
                position.pointee = CChar(UInt8(ascii: "x"))
                position += 1
            }
        }
    }

    /// Cancels on SIGINT, SIGTERM and SIGHUP; a second signal ends the process at once. Call it before other threads
    /// start: they inherit that these signals are blocked, so only the thread that waits for them gets them.
    static func cancelOnSignals(_ cancellation: Cancellation) {
        SignalMask.block([SIGINT, SIGTERM, SIGHUP]).handle { number in
            if cancellation.isCancelled { _exit(130) }
            let name = number == SIGINT ? "interrupted" : "ended by signal \(number)"
            cancellation.cancel(BackupError(.cancelled, name))
        }
    }
}

/// Signals that are blocked in all threads, and taken by one of their own.
struct SignalMask: Sendable {
    private let signals: sigset_t

    /// Blocks them here, and in every thread that is started after this.
    static func block(_ numbers: [Int32]) -> SignalMask {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        return SignalMask(signals: signals)
    }

    /// Calls `body` for each signal that comes, on one thread.
    func handle(_ body: @escaping @Sendable (Int32) -> Void) {
        let thread = Thread {
            var waited = signals
            while true {
                var number: Int32 = 0
                guard sigwait(&waited, &number) == 0 else { return }
                body(number)
            }
        }
        thread.name = "backupctl-signals"
        thread.start()
    }
}
