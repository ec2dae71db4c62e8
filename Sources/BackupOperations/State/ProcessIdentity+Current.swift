package import BackupModel
import Foundation

extension ProcessIdentity {
    /// This process.
    package static func current() throws -> ProcessIdentity {
        let number = getpid()
        guard let stat = contents(of: statPath(number)), let ticks = startTicks(in: stat), let boot = bootID() else {
            throw BackupError(.failed, "cannot tell this process from others: /proc is not readable")
        }
        return ProcessIdentity(processID: number, startTicks: ticks, bootID: boot)
    }

    /// Whether that process still runs. Numbers are used again, so its start and the boot must be the same. Where it cannot
    /// be told, for want of descriptors or of memory, it does: nobody's run is ended on a guess.
    package var isAlive: Bool {
        guard let boot = Self.bootID() else { return true }
        guard boot == bootID else { return false }
        guard let stat = Self.contents(of: Self.statPath(processID)) else {
            // Where others' processes are hidden, they are not there or may not be looked at (proc(5), hidepid).
            return ![ENOENT, ESRCH, EACCES, EPERM].contains(errno)
        }
        return Self.startTicks(in: stat) == startTicks
    }

    static func bootID() -> String? {
        let text = contents(of: "/proc/sys/kernel/random/boot_id")
        let id = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        return id.isEmpty ? nil : id
    }

    private static func statPath(_ number: Int32) -> String { "/proc/\(number)/stat" }

    /// Of a small file in `/proc`; nil with `errno`.
    private static func contents(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        let reason = errno
        close(file)
        errno = reason
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// Field 22 of `/proc/PID/stat` (proc(5)). The name in field 2 may hold spaces and parentheses, so fields are
    /// counted from the last parenthesis. A zombie has ended.
    private static func startTicks(in text: String) -> UInt64? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}
