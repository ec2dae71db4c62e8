package import BackupModel
import Foundation

extension ProcessIdentity {
    /// This process.
    package static func current() throws -> ProcessIdentity {
        let number = getpid()
        guard let ticks = startTicks(of: number), let boot = bootID() else {
            throw BackupError(.failed, "cannot tell this process from others: /proc is not readable")
        }
        return ProcessIdentity(processID: number, startTicks: ticks, bootID: boot)
    }

    /// Whether that process still runs. Numbers are used again, so its start and the boot must be the same.
    package var isAlive: Bool {
        guard let boot = Self.bootID(), boot == bootID else { return false }
        return Self.startTicks(of: processID) == startTicks
    }

    static func bootID() -> String? {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        let id = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        return id.isEmpty ? nil : id
    }

    /// Field 22 of `/proc/PID/stat` (proc(5)). The name in field 2 may hold spaces and parentheses, so fields are
    /// counted from the last parenthesis. A zombie has ended.
    private static func startTicks(of number: Int32) -> UInt64? {
        guard let text = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}
