import BackupOperations
import Foundation

/// Tells the service manager how the daemon is (sd_notify(3)): a datagram to `$NOTIFY_SOCKET`. Nothing where there is none.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// Seconds between two signs of life; nil when nobody watches.
    package let watchdogInterval: Double?

    package init(environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isOurs = environment["WATCHDOG_PID"].flatMap(Int32.init).map { $0 == getpid() } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap(Double.init) ?? 0
        watchdogInterval = isOurs && microseconds > 0 ? microseconds / 2e6 : nil
    }

    package func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    package func alive() { send("WATCHDOG=1") }
    package func stopping() { send("STOPPING=1") }

    package func reloading() {
        send("RELOADING=1\nMONOTONIC_USEC=\(SystemFigures.monotonicMicroseconds())")
    }

    /// A manager that cannot be reached is no reason to stop making backups.
    private func send(_ text: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(socketPath.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: bytes)
            // An abstract address begins with NUL, and has no other at its end.
            if bytes.first == UInt8(ascii: "@") { path[0] = 0 }
        }
        let length =
            (MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2) + bytes.count
            + (bytes.first == UInt8(ascii: "@") ? 0 : 1)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let message = Array(text.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(
                    descriptor, message, message.count, Int32(MSG_NOSIGNAL), address, socklen_t(length))
            }
        }
    }
}
