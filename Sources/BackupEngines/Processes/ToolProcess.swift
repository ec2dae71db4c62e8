internal import BackupModel
internal import CProcess
internal import Foundation

/// A tool that runs under a keeper: its output comes to us, what is fed to it goes there, and it ends when we say so, when
/// we are gone, or by itself. One thread feeds and reads; any may stop it.
final class ToolProcess: @unchecked Sendable {
    // `stopping` protects `lifeline`; all else is set once or used by the thread that has the process.
    private let keeper: pid_t
    private let status: Int32
    private var lifeline: Int32
    private let stopping = NSLock()
    private var statusText = ""
    private var exit: Exit?

    /// What the tool prints; to be read to the end.
    let output: FileHandle
    let errors: FileHandle
    private(set) var input: Int32 = -1

    /// How a tool ended.
    enum Exit: Equatable, Sendable {
        case exited(Int32)
        case killed(Int32)
        /// It could not be started: an `errno`.
        case notStarted(Int32)
        /// The keeper ended without a word.
        case lost
    }

    enum Input {
        case none
        /// Small enough for a pipe: it is written before the tool starts.
        case bytes([UInt8])
        case stream
    }

    struct Command {
        var path: String
        /// With the tool's name first.
        var arguments: [String]
        var environment: [String: String]
        var input = Input.none
        /// What the tool finds in `/dev/fd/3`: secrets that must not lie in a file.
        var config: [UInt8]?
        /// What is run when the tool did not end by itself.
        var farewell: [String] = []
    }

    /// What the tool finds its config under.
    static let configPath = "/dev/fd/3"
    /// A pipe holds so much without a reader.
    private static let pipeCapacity = 65_536
    /// Of the pipes that archives go through: what an unprivileged process may have (`/proc/sys/fs/pipe-max-size`).
    private static let wideCapacity: Int32 = 1 << 20

    /// `keeperProgram` is the path of this program, or of another build of it.
    init(_ command: Command, keeperProgram: String, grace: Double = 2) throws {
        // A tool that goes away while it is fed is an error to handle, not a signal to die of.
        signal(SIGPIPE, SIG_IGN)
        var ends = Ends()
        defer { ends.closeChildren() }
        do {
            let order = Keeper.Order(
                grace: Int(grace * 1000), farewell: command.farewell, hasConfig: command.config != nil,
                path: command.path, arguments: command.arguments)
            switch command.input {
            case .none: try ends.giveNull()
            case .bytes(let bytes): try ends.give(bytes)
            case .stream:
                input = try ends.pipeToChild()
                cprocess_widen(input, Self.wideCapacity)
            }
            let output = try ends.pipeFromChild()
            cprocess_widen(output, Self.wideCapacity)
            let errors = try ends.pipeFromChild()
            status = try ends.pipeFromChild()
            lifeline = try ends.pipeToChild()
            if let config = command.config { try ends.give(config) }
            var process: pid_t = 0
            let variables = command.environment.map { "\($0)=\($1)" }.sorted()
            let failure = withCStrings(order.encoded) { arguments in
                withCStrings(variables) { environment in
                    cprocess_start(
                        &process, CPROCESS_OWN_SESSION, keeperProgram, arguments, environment, ends.children,
                        Int32(ends.children.count))
                }
            }
            guard failure == 0 else { throw Self.cannot("start a process", failure) }
            keeper = process
            self.output = FileHandle(fileDescriptor: output, closeOnDealloc: true)
            self.errors = FileHandle(fileDescriptor: errors, closeOnDealloc: true)
        } catch {
            ends.closeOurs()
            throw error
        }
    }

    deinit {
        closeInput()
        letGo()
        close(status)
        reapKeeper()
    }

    private static func cannot(_ what: String, _ number: Int32) -> BackupError {
        BackupError(.failed, "cannot \(what): \(systemReason(number))")
    }

    /// The two ends of every pipe while a process is being started.
    private struct Ends {
        var children: [Int32] = []
        private var ours: [Int32] = []

        // Above the numbers that a child has.
        private mutating func forChild(_ descriptor: Int32) throws {
            defer { close(descriptor) }
            let moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 20)
            guard moved >= 0 else { throw ToolProcess.cannot("make a pipe", errno) }
            children.append(moved)
        }

        private func pair() throws -> (reading: Int32, writing: Int32) {
            var pair: [Int32] = [-1, -1]
            let failure = cprocess_pipe(&pair)
            guard failure == 0 else { throw ToolProcess.cannot("make a pipe", failure) }
            return (pair[0], pair[1])
        }

        mutating func giveNull() throws {
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard null >= 0 else { throw ToolProcess.cannot("open /dev/null", errno) }
            try forChild(null)
        }

        mutating func give(_ bytes: [UInt8]) throws {
            guard bytes.count <= ToolProcess.pipeCapacity else {
                throw BackupError(.invalidURI, "cannot hand the connection string to a tool: it has more than 64 KiB")
            }
            let (reading, writing) = try pair()
            defer { close(writing) }
            try forChild(reading)
            // Who has many pipes gets smaller ones (pipe(7)), and nobody reads yet: waiting would be for ever.
            guard fcntl(writing, F_SETFL, O_NONBLOCK) == 0 else { throw ToolProcess.cannot("write to a pipe", errno) }
            let count = write(writing, bytes, bytes.count)
            guard count >= 0 else { throw ToolProcess.cannot("write to a pipe", errno) }
            guard count == bytes.count else {
                throw BackupError(
                    .failed, "cannot hand the connection string to a tool: the system has no room for it in a pipe",
                    hint: "let fewer backups run at once, or raise fs.pipe-user-pages-soft.")
            }
        }

        mutating func pipeToChild() throws -> Int32 {
            let (reading, writing) = try pair()
            ours.append(writing)
            try forChild(reading)
            return writing
        }

        mutating func pipeFromChild() throws -> Int32 {
            let (reading, writing) = try pair()
            ours.append(reading)
            try forChild(writing)
            return reading
        }

        mutating func closeChildren() { for descriptor in children { close(descriptor) } }
        mutating func closeOurs() { for descriptor in ours { close(descriptor) } }
    }
}

extension ToolProcess {
    /// Writes to the tool's standard input; waits for room as long as `check` does not throw. False once the tool does
    /// not read any more.
    func feed(_ bytes: UnsafeRawBufferPointer, check: () throws -> Void) throws -> Bool {
        _ = fcntl(input, F_SETFL, O_NONBLOCK)
        var rest = bytes
        while !rest.isEmpty {
            let count = write(input, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            switch errno {
            case EAGAIN:
                try check()
                var wanted = pollfd(fd: input, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, 100)
            case EINTR: continue
            default: return false
            }
        }
        return true
    }

    /// Says that there is nothing more to come.
    func closeInput() {
        guard input >= 0 else { return }
        close(input)
        input = -1
    }

    /// Asks the tool to end; it is killed when it does not. Does not wait.
    func stop() {
        stopping.withLock {
            guard lifeline >= 0 else { return }
            var byte = UInt8(ascii: "T")
            _ = write(lifeline, &byte, 1)
        }
    }

    /// Kills the tool and all that came of it, unless it has ended.
    func letGo() {
        stopping.withLock {
            guard lifeline >= 0 else { return }
            close(lifeline)
            lifeline = -1
        }
    }

    /// Waits for the end of the tool and of all it left behind.
    func wait(check: () throws -> Void) throws -> Exit {
        while exit == nil { try readStatus(check) }
        return exit ?? .lost
    }

    /// The same, for so many seconds at most; nil when it goes on.
    func wait(seconds: Double) -> Exit? {
        let deadline = DispatchTime.now() + seconds
        struct Late: Error {}
        return try? wait { if DispatchTime.now() > deadline { throw Late() } }
    }

    private func readStatus(_ check: () throws -> Void) throws {
        try check()
        var wanted = pollfd(fd: status, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, 50) > 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(status, &bytes, bytes.count)
        if count > 0 { statusText += String(decoding: bytes[..<count], as: UTF8.self) }
        if count == 0 || count < 0 && errno != EINTR { exit = Exit(keeper: statusText) }
    }

    /// How many processes the tool had left behind; known once it has ended.
    var sweptProcesses: Int { statusText.numbers(after: "swept").first ?? 0 }
    /// The tool's process id, for tests.
    var processID: Int? { statusText.numbers(after: "started").first }

    // It ends as soon as its status does; one that was stopped by a signal is not waited for.
    private func reapKeeper() {
        var status: Int32 = 0
        for _ in 0..<500 where waitpid(keeper, &status, WNOHANG) == 0 { usleep(2000) }
    }
}

extension ToolProcess.Exit {
    init(keeper text: String) {
        if let code = text.numbers(after: "exited").first {
            self = .exited(Int32(clamping: code))
        } else if let signal = text.numbers(after: "killed").first {
            self = .killed(Int32(clamping: signal))
        } else if let number = text.numbers(after: "failed").first {
            self = .notStarted(Int32(clamping: number))
        } else {
            self = .lost
        }
    }
}

extension String {
    fileprivate func numbers(after word: String) -> [Int] {
        split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 2 && words[0] == word ? Int(words[1]) : nil
        }
    }
}
