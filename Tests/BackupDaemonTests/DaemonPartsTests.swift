import BackupModel
import BackupOperations
import Foundation
import Synchronization
import Testing

@testable import BackupDaemon

struct DaemonPartsTests {
    @Test func theSecondDaemonIsToldWhoTheFirstIs() throws {
        let site = try Site()
        let state = try site.open().state
        #expect(DaemonLock.holder(in: state) == nil)
        var lock: DaemonLock? = try DaemonLock.take(in: state, now: Date(timeIntervalSince1970: 0))
        #expect(lock != nil)
        let holder = "process \(getpid()), since 1970-01-01T00:00:00Z"
        #expect(DaemonLock.holder(in: state) == holder)
        let error = #expect(throws: BackupError.self) { try DaemonLock.take(in: state, now: .now) }
        #expect(error?.code == .locked && error?.message.hasSuffix(holder) == true)
        lock = nil
        // A child that another test starts just then has a copy of it until it runs its program.
        try waitUntil(within: 20, "the lock went with its holder") { DaemonLock.holder(in: state) == nil }
        _ = try DaemonLock.take(in: state, now: .now)
    }

    @Test(arguments: [false, true])
    func theServiceManagerHearsOfIt(isAbstract: Bool) throws {
        let name = isAbstract ? "@backupctl-test-\(UUID().uuidString)" : NSTemporaryDirectory() + "n\(getpid()).socket"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            if !isAbstract { unlink(name) }
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(name.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        if isAbstract { address.sun_path.0 = 0 }
        let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(bound == 0)
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "4000000"])
        #expect(manager.watchdogInterval == 2)
        manager.ready("running")
        manager.alive()
        manager.stopping()
        var heard: [String] = []
        for _ in 0..<3 {
            var buffer = [UInt8](repeating: 0, count: 200)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { heard.append(String(decoding: buffer.prefix(count), as: UTF8.self)) }
        }
        #expect(heard == ["READY=1\nSTATUS=running", "WATCHDOG=1", "STOPPING=1"])
    }

    @Test func nobodyIsToldWhereThereIsNoServiceManager() {
        let other = ServiceManager(environment: ["WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"])
        #expect(other.watchdogInterval == nil)
        other.ready("running")
    }

    @Test func aClockThatIsSetIsNoticedAndOneThatRunsIsNot() {
        let offset = Mutex(0.0)
        let clock = DaemonClock(
            now: { Date(timeIntervalSince1970: 1000 + offset.withLock { $0 }) }, steady: { 5 })
        var watch = ClockWatch(clock)
        #expect(watch.jump() == nil)
        offset.withLock { $0 = 3600 }
        #expect(watch.jump() == 3600)
        #expect(watch.jump() == nil)
        offset.withLock { $0 = -10 }
        #expect(watch.jump() == -3610)
        let fast = DaemonClock.fast(from: Date(timeIntervalSince1970: 0), speed: 600)
        var other = ClockWatch(fast)
        Thread.sleep(forTimeInterval: 0.1)
        #expect(other.jump() == nil)
    }

    @Test(arguments: [DaemonLog.Format.text, .json])
    func theLogHasOneLineForEachThing(format: DaemonLog.Format) throws {
        let lines = Mutex<[String]>([])
        let log = DaemonLog(format: format, now: { Date(timeIntervalSince1970: 0) }) { line in
            lines.withLock { $0.append(line) }
        }
        log.error("run ended", ["job": "a\nb", "reason": "\u{1B}[31m"])
        let line = try #require(lines.withLock { $0.first })
        #expect(line.filter { $0 == "\n" }.count == 1 && !line.contains("\u{1B}"))
        switch format {
        case .text:
            #expect(line == "1970-01-01T00:00:00Z error run ended job='a\\u{a}b' reason='\\u{1b}[31m'\n")
        case .json:
            let object = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
            #expect(object["level"] == "error" && object["message"] == "run ended" && object["job"] == "a\nb")
        }
    }
}
