import Foundation
import Synchronization

/// A terminal that a test looks at: what a child writes to it is collected.
package final class PseudoTerminal: Sendable {
    /// The end for the child.
    package let terminal: Int32
    private let observer: Int32
    private let seen = Mutex<[UInt8]>([])

    package init(columns: UInt16 = 120) throws {
        // The C library's own functions for this are not in Swift's Glibc module (ioctl_tty(2)).
        var number: UInt32 = 0
        var unlock: Int32 = 0
        observer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard observer >= 0, ioctl(observer, Self.getNumber, &number) == 0,
            ioctl(observer, Self.setLock, &unlock) == 0
        else { throw SetupError("no pseudo-terminal: \(String(cString: strerror(errno)))") }
        terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { throw SetupError("no terminal: \(String(cString: strerror(errno)))") }
        var size = winsize(ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
        let thread = Thread { [self] in collect() }
        thread.start()
    }

    private static let getNumber: UInt = 0x8004_5430
    private static let setLock: UInt = 0x4004_5431

    private func collect() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(observer, &buffer, buffer.count)
            // EIO: the last process that had it open has closed it.
            guard count > 0 else { return }
            seen.withLock { $0 += buffer[..<count] }
        }
    }

    package var text: String { String(decoding: seen.withLock { $0 }, as: UTF8.self) }

    /// Types a line.
    package func type(_ line: String) {
        _ = (line + "\n").withCString { write(observer, $0, strlen($0)) }
    }

    /// Waits for a text to appear.
    package func waitFor(_ part: String, within seconds: Double = 30) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !text.contains(part) {
            guard ContinuousClock.now < deadline else { return false }
            Thread.sleep(forTimeInterval: 0.01)
        }
        return true
    }

    /// Once the child has been started it alone keeps its end open.
    package func closeTerminal() { close(terminal) }
}
