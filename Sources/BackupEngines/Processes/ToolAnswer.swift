internal import BackupModel
internal import Foundation

/// What a program printed that was asked something, and how it ended.
struct ToolAnswer {
    var exit: ToolProcess.Exit
    /// At most 256 KiB of its output.
    var text: String
    var errors: [String]

    private static let limit = 256 << 10

    /// Why it failed, in its own words if it has any.
    var reason: String {
        let last = errors.last { !$0.isEmpty }
        return (last ?? exit.description).escapedForDisplay.cut(to: 400)
    }

    /// Runs a command to its end, for so many seconds at most.
    static func ask(
        _ command: ToolProcess.Command, keeperProgram: String, seconds: Double, check: () throws -> Void
    ) throws -> ToolAnswer {
        let process = try ToolProcess(command, keeperProgram: keeperProgram)
        let listener = ErrorListener(process) { _ in }
        let deadline = DispatchTime.now() + seconds
        let timely = {
            try check()
            guard DispatchTime.now() < deadline else {
                throw BackupError(
                    .toolFailed, "'\(command.path)' did not answer within \(DurationText.text(Int(seconds)))")
            }
        }
        var bytes: [UInt8] = []
        do {
            try process.output.readAll(check: timely) { chunk in
                bytes.append(contentsOf: chunk.prefix(max(0, limit - bytes.count)))
            }
            let exit = try process.wait(check: timely)
            listener.join()
            return ToolAnswer(exit: exit, text: String(decoding: bytes, as: UTF8.self), errors: listener.tail)
        } catch {
            process.letGo()
            _ = process.wait(seconds: 5)
            throw error
        }
    }
}

/// Listens to what a tool says on its standard error, on a thread of its own: whatever it says, it never has to wait.
final class ErrorListener: @unchecked Sendable {
    // Protects `lines`.
    private let lock = NSLock()
    private var lines: [[UInt8]] = []
    private var thread: WorkThread?

    /// Lines that are kept of the end.
    private static let kept = 40

    /// `take` is called for each line, on that thread.
    init(_ process: ToolProcess, _ take: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
        let errors = process.errors
        thread = WorkThread("stderr") { [weak self] in
            var reader = LineReader()
            let each: (UnsafeRawBufferPointer) -> Void = { line in
                self?.keep(line)
                take(line)
            }
            try? errors.readAll(chunk: 1 << 16, check: {}) { reader.feed($0, each) }
            reader.finish(each)
        }
    }

    private func keep(_ line: UnsafeRawBufferPointer) {
        lock.withLock {
            if lines.count >= 2 * Self.kept { lines.removeFirst(Self.kept) }
            lines.append(Array(line))
        }
    }

    var tail: [String] { lock.withLock { lines.suffix(Self.kept) }.map { String(decoding: $0, as: UTF8.self) } }

    /// Waits for the end of the stream, which comes with the end of the tool.
    func join() { thread?.join(within: 10) }
}

extension ToolProcess.Exit: CustomStringConvertible {
    var description: String {
        switch self {
        case .exited(let code): "it ended with status \(code)"
        case .killed(let signal): "it was killed by signal \(signal)"
        case .notStarted(let number): "it could not be started: \(systemReason(number))"
        case .lost: "its keeper was killed"
        }
    }
}
