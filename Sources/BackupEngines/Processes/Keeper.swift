internal import CProcess
internal import Glibc

/// The process between us and a tool. It is this program once more, under another name, and nothing of the tool outlives it:
/// children, grandchildren in sessions of their own, a container's client, whatever becomes of us.
///
/// It holds the reading end of a pipe whose other end we have: a byte asks it to end the tool, and the end of the pipe
/// means that we are gone. It adopts what the tool leaves behind (`PR_SET_CHILD_SUBREAPER`), kills it, and only then ends
/// itself. The tool dies with it (`PR_SET_PDEATHSIG`).
package enum Keeper {
    /// The name under which a process is a keeper: the first of its arguments.
    static let name = "backupctl-keeper"

    /// What the keeper is told on its command line. Holds no secret.
    struct Order: Equatable {
        /// Milliseconds from the first SIGTERM to the second, and from there to SIGKILL.
        var grace: Int
        /// A program with its arguments that is run when the tool did not end by itself, for what is no descendant of it.
        var farewell: [String]
        var hasConfig: Bool
        var path: String
        var arguments: [String]
    }

    /// Descriptors of a keeper beyond the tool's own three.
    enum Descriptor {
        static let status: Int32 = 3
        static let lifeline: Int32 = 4
        static let config: Int32 = 5
    }

    /// Is this process's work, and its end, when it was started as a keeper; returns at once in every other.
    package static func runIfAsked() {
        guard CommandLine.arguments.first == name else { return }
        guard let order = Order(arguments: CommandLine.arguments) else { exit(64) }
        KeptTool(order).run()
        exit(0)
    }
}

extension Keeper.Order {
    /// For `execve`, with the keeper's name first.
    var encoded: [String] {
        [Keeper.name, String(grace), hasConfig ? "config" : "-", String(farewell.count)] + farewell + [path] + arguments
    }

    init?(arguments all: [String]) {
        guard all.count >= 6, let grace = Int(all[1]), (0...3_600_000).contains(grace), let count = Int(all[3]),
            count >= 0, count < all.count - 4
        else { return nil }
        self.init(
            grace: grace, farewell: Array(all[4..<(4 + count)]), hasConfig: all[2] == "config", path: all[4 + count],
            arguments: Array(all[(5 + count)...]))
    }
}

/// A keeper at work, with one thread.
private struct KeptTool {
    private let order: Keeper.Order
    private var tool: pid_t = 0
    /// What `waitpid` gave for the tool.
    private var ended: Int32?
    private var endedByForce = false

    init(_ order: Keeper.Order) {
        self.order = order
    }

    consuming func run() {
        let failure = cprocess_become_keeper()
        guard failure == 0 else { return say("failed \(failure)") }
        guard start() else { return }
        watch()
        if let ended { say(ended & 0x7F == 0 ? "exited \(ended >> 8 & 0xFF)" : "killed \(ended & 0x7F)") }
        if endedByForce, !order.farewell.isEmpty { sayFarewell() }
        let count = sweep()
        if count > 0 { say("swept \(count)") }
    }

    private mutating func start() -> Bool {
        var wanted: [Int32] = [0, 1, 2]
        if order.hasConfig { wanted.append(Keeper.Descriptor.config) }
        let descriptors = wanted.map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
        let failure = spawn(order.path, order.arguments, descriptors, &tool)
        for descriptor in descriptors + [Keeper.Descriptor.config] { close(descriptor) }
        // Whoever reads the tool's output must see its end when the tool does.
        let null = open("/dev/null", O_RDWR)
        for number: Int32 in 0...2 { dup2(null, number) }
        if null > 2 { close(null) }
        say(failure == 0 ? "started \(tool)" : "failed \(failure)")
        return failure == 0
    }

    private func spawn(_ path: String, _ arguments: [String], _ descriptors: [Int32], _ process: inout pid_t) -> Int32 {
        withCStrings(arguments) { list in
            cprocess_start(&process, CPROCESS_KEPT, path, list, nil, descriptors, Int32(descriptors.count))
        }
    }

    /// Until the tool has ended, of itself or not.
    private mutating func watch() {
        var stage = 0
        var next = Int64.max
        while true {
            reap()
            guard ended == nil else { return }
            let now = milliseconds()
            if now >= next {
                stage += 1
                next = stage >= 3 ? .max : now + Int64(order.grace)
                end(stage)
            }
            let pause = Int32(clamping: min(1000, max(0, next - now)))
            guard cprocess_wait(Keeper.Descriptor.lifeline, pause) == 1 else { continue }
            var byte: UInt8 = 0
            if read(Keeper.Descriptor.lifeline, &byte, 1) == 1 {
                if stage == 0 { next = milliseconds() }
            } else {
                end(3)
                while ended == nil {
                    usleep(2000)
                    reap()
                }
            }
        }
    }

    // mongodump stops after its batch at the first SIGTERM, at once at the second.
    private mutating func end(_ stage: Int) {
        if stage >= 3 { endedByForce = true }
        kill(-tool, stage < 3 ? SIGTERM : SIGKILL)
        // A tool that has made itself another group.
        if stage >= 3 { kill(tool, SIGKILL) }
    }

    /// Takes the status of whatever child has ended.
    private mutating func reap() {
        var status: Int32 = 0
        while true {
            let process = waitpid(-1, &status, WNOHANG)
            guard process > 0 else { return }
            if process == tool {
                ended = status
                if status & 0x7F != 0 { endedByForce = true }
            }
        }
    }

    private func sayFarewell() {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        let descriptors = (0..<3).map { _ in fcntl(null, F_DUPFD_CLOEXEC, 10) }
        var process: pid_t = 0
        defer { for descriptor in descriptors + [null] { close(descriptor) } }
        guard spawn(order.farewell[0], order.farewell, descriptors, &process) == 0 else { return }
        let deadline = milliseconds() + 10_000
        var status: Int32 = 0
        while waitpid(process, &status, WNOHANG) == 0, milliseconds() < deadline { usleep(5000) }
    }

    /// Kills what the tool has left behind, until there is nothing; how many there were.
    private func sweep() -> Int {
        kill(-tool, SIGKILL)
        var seen: Set<pid_t> = []
        let deadline = milliseconds() + 5000
        while milliseconds() < deadline {
            var status: Int32 = 0
            var process: pid_t
            repeat { process = waitpid(-1, &status, WNOHANG) } while process > 0
            if process < 0, errno == ECHILD { break }
            for child in children() {
                seen.insert(child)
                kill(child, SIGKILL)
            }
            usleep(2000)
        }
        return seen.count
    }

    private func children() -> [pid_t] {
        let number = getpid()
        guard let file = fopen("/proc/self/task/\(number)/children", "re") else { return [] }
        defer { fclose(file) }
        var text: [UInt8] = []
        while case let byte = getc(file), byte != EOF { text.append(UInt8(truncatingIfNeeded: byte)) }
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
    }

    private func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(Keeper.Descriptor.status, bytes, bytes.count)
    }

    private func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Calls `body` with a list for `execve`: C strings, and a null pointer at the end.
func withCStrings<Result>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
    let list = texts.map { strdup($0) } + [nil]
    defer { for text in list { free(text) } }
    return body(list)
}
