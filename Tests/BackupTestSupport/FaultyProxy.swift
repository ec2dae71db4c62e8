import Foundation
import Synchronization

/// A TCP relay in front of a server, which can be slow, silent, or cut off: a network as it may be.
package final class FaultyProxy: Sendable {
    package enum Behaviour: Sendable, Equatable {
        case passing
        /// At most so many bytes a second, in each direction of each connection.
        case slow(bytesPerSecond: Int)
        /// Connections stay open, and nothing passes.
        case silent
    }

    private struct State {
        var behaviour: Behaviour
        var cutAfter: Int?
        var relayed = 0
        var isStopped = false
        var descriptors: Set<Int32> = []
    }

    package let port: Int
    private let target: Int
    private let listener: Int32
    private let state: Mutex<State>

    package init(to target: Int, _ behaviour: Behaviour = .passing) throws {
        self.target = target
        state = Mutex(State(behaviour: behaviour))
        (listener, port) = try LoopbackSocket.listen()
        let thread = Thread { [self] in accept() }
        thread.start()
    }

    package var uri: String { "mongodb://127.0.0.1:\(port)/?directConnection=true" }

    /// Bytes that went from the server to clients.
    package var relayed: Int { state.withLock { $0.relayed } }

    package func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

    /// Cuts every connection, one time, once so many more bytes have come from the server.
    package func cut(after bytes: Int) { state.withLock { $0.cutAfter = $0.relayed + bytes } }

    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for descriptor in state.descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// Waits until so many bytes have come from the server; false when they did not.
    package func waitUntilRelayed(_ bytes: Int, within seconds: Double = 30) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while relayed < bytes {
            guard ContinuousClock.now < deadline else { return false }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return true
    }
}

extension FaultyProxy {
    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            guard let server = try? LoopbackSocket.connect(port: target), admit(client, server) else {
                close(client)
                continue
            }
            // The last of the two threads closes both: a descriptor's number must not be used again before.
            let ends = PairOfThreads()
            for (source, sink, isAnswer) in [(client, server, false), (server, client, true)] {
                let thread = Thread { [self] in
                    relay(from: source, to: sink, isAnswer: isAnswer)
                    shutdown(source, Int32(SHUT_RDWR))
                    shutdown(sink, Int32(SHUT_RDWR))
                    if ends.isLast() { dismiss(client, server) }
                }
                thread.start()
            }
        }
        close(listener)
    }

    private func admit(_ client: Int32, _ server: Int32) -> Bool {
        state.withLock { state in
            if state.isStopped {
                close(server)
                return false
            }
            state.descriptors.formUnion([client, server])
            return true
        }
    }

    private func dismiss(_ client: Int32, _ server: Int32) {
        state.withLock { state in
            state.descriptors.subtract([client, server])
            close(client)
            close(server)
        }
    }

    private func relay(from source: Int32, to sink: Int32, isAnswer: Bool) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, delay(count, isAnswer: isAnswer) else { return }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes { bytes in
                    bytes.baseAddress.map { send(sink, $0 + sent, count - sent, Int32(MSG_NOSIGNAL)) } ?? -1
                }
                guard written > 0 else { return }
                sent += written
            }
        }
    }

    /// Waits as the behaviour says; false when the connection is to end.
    private func delay(_ count: Int, isAnswer: Bool) -> Bool {
        var waited = 0.0
        while true {
            let (behaviour, isEnd) = state.withLock { ($0.behaviour, $0.isStopped) }
            if isEnd { return false }
            switch behaviour {
            case .passing: return account(count, isAnswer: isAnswer)
            case .slow(let rate) where waited >= Double(count) / Double(rate): return account(count, isAnswer: isAnswer)
            case .slow, .silent: break
            }
            Thread.sleep(forTimeInterval: 0.002)
            waited += 0.002
        }
    }

    private func account(_ count: Int, isAnswer: Bool) -> Bool {
        state.withLock { state in
            if isAnswer { state.relayed += count }
            guard let limit = state.cutAfter, state.relayed >= limit else { return true }
            state.cutAfter = nil
            for descriptor in state.descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) }
            return false
        }
    }
}

/// Tells the last of two threads that it is.
private final class PairOfThreads: Sendable {
    private let hasEnded = Mutex(false)

    func isLast() -> Bool {
        hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return hasEnded
        }
    }
}
