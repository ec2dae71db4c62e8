package import Foundation
import Synchronization

/// A process of a test: in a group of its own, with the usual signals at their defaults, and never waited for without
/// a deadline.
///
/// Foundation's `Process` is not used: it can neither set a pseudo-terminal up nor start a session, and it leaves to
/// the child whatever signals the test runner ignores.
package final class ChildProcess: Sendable {
    package let processID: pid_t
    private let ended = Mutex<Int32?>(nil)

    /// The three standard files of a child, as descriptors of this process, which stay open here.
    package struct Files {
        package var input: Int32?
        package var output: Int32?
        package var errors: Int32?

        /// What is nil is `/dev/null`.
        package init(input: Int32? = nil, output: Int32? = nil, errors: Int32? = nil) {
            self.input = input
            self.output = output
            self.errors = errors
        }
    }

    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], files: Files = Files()
    ) throws {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (number, descriptor) in [files.input, files.output, files.errors].enumerated() {
            if let descriptor {
                posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
            } else {
                posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
            }
        }
        Self.setDefaults(&attributes)
        var list = ([executable] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in list + variables { free(text) } }
        var number: pid_t = 0
        let result = Self.spawning.withLock { _ in
            posix_spawn(&number, executable, &actions, &attributes, &list, &variables)
        }
        guard result == 0 else {
            throw SetupError("cannot start '\(executable)': \(String(cString: strerror(result)))")
        }
        processID = number
    }

    private static let spawning = Mutex(())

    /// A pipe that no child inherits by chance: none is started between its making and its marking.
    static func makePipe() throws -> (reading: Int32, writing: Int32) {
        try spawning.withLock { _ in
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw SetupError("no pipe: \(String(cString: strerror(errno)))") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
    }

    // What the runner of the tests blocks or ignores (under `nohup`, in CI) must not come along: a child that ignores
    // SIGINT would make tests of it hang or lie.
    private static func setDefaults(_ attributes: inout posix_spawnattr_t) {
        var all = sigset_t()
        var none = sigset_t()
        sigemptyset(&none)
        sigemptyset(&all)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2] { sigaddset(&all, signal) }
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        let newSession: Int32 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(newSession))
    }

    package func signal(_ number: Int32) {
        ended.withLock { ended in
            // After the wait the number may be another process's.
            if ended == nil { kill(processID, number) }
        }
    }

    /// The exit status, or the negative number of the signal that ended it; nil while it runs.
    package var status: Int32? {
        ended.withLock { ended in
            if ended == nil {
                var status: Int32 = 0
                guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
                ended = status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
            }
            return ended
        }
    }

    /// Waits for the end; nil when it did not come within so many seconds.
    package func wait(within seconds: Double) -> Int32? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if let status { return status }
            guard ContinuousClock.now < deadline else { return nil }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }

    package func killNow() {
        signal(SIGKILL)
        _ = wait(within: 10)
    }

    package var isRunning: Bool { status == nil }
}

extension ChildProcess {
    /// Runs a small program to its end; its exit status.
    @discardableResult
    package static func run(_ executable: String, _ arguments: String..., within seconds: Double = 60) throws -> Int32 {
        let child = try ChildProcess(
            executable, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"])
        guard let status = child.wait(within: seconds) else {
            child.killNow()
            throw SetupError("'\(executable)' did not end within \(seconds) s")
        }
        return status
    }
}
