import BackupModel
import BackupOperations
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// `/healthz`, `/readyz` and `/metrics` for others to look at the daemon.
///
/// The only part of the daemon that is `async`: it has one thread for its connections, and whatever blocks - the
/// scheduler's answer, the catalog - is asked for on a thread of its own. What strangers can do is bounded: by the number
/// of connections, the size of a request's head, and the time in which it has to come.
final class HTTPFace: Sendable {
    struct Limits: Sendable {
        /// More wait until one of these is closed.
        var connections = 128
        /// For the head of a request to come, and for an answer to be taken.
        var idleSeconds: Int64 = 15
        var headBytes = 16 * 1024
    }

    private let listening: Listening
    private let limits: Limits
    private let log: DaemonLog
    private let responder: HTTPAnswers
    private let running = Mutex<Task<Void, Never>?>(nil)
    private static let connections = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ listening: Listening, service: SchedulerService, startedAt: Date, limits: Limits = Limits()) {
        self.listening = listening
        self.limits = limits
        log = service.log
        responder = HTTPAnswers(listening, service: service, startedAt: startedAt)
    }

    /// Begins to listen, and gives the port on which it does. Blocks until then.
    @discardableResult
    func start() throws -> Int {
        let answer = Answer<Result<Int, BackupError>>()
        let application = application { answer.settle(.success($0)) }
        let log = log
        let address = listening.address
        // The daemon's end ends it: there is no scope around both.
        let task = Task.detached {
            do {
                try await application.run()
            } catch {
                let error = Self.cannotListen(on: address, error)
                // Who waits for the start is told there.
                let wasListening = !answer.settle(.failure(error))
                if wasListening && !Task.isCancelled { log.error("not listening any more", ["reason": error.message]) }
            }
        }
        running.withLock { $0 = task }
        guard let result = answer.wait(seconds: 10) else {
            throw Self.cannotListen(on: address, BackupError(.timedOut, "it took too long"))
        }
        let port = try result.get()
        log.info("listening", ["address": ListenAddress(address, port: port).description])
        if listening.token?.isShort == true {
            log.warning("the token for metrics is short enough to be guessed", ["hint": "openssl rand -hex 32"])
        }
        return port
    }

    func stop() { running.withLock { $0 }?.cancel() }

    /// Reads the token again.
    func reload() {
        do {
            try listening.token?.reload()
        } catch {
            log.error("the token was not read again", ["reason": BackupError(error).message])
        }
    }

    private func application(onPort: @escaping @Sendable (Int) -> Void) -> Application<HTTPAnswers> {
        var logger = Logger(label: "http")
        // What clients do wrong is no news.
        logger.logLevel = .critical
        let idleTimeout = TimeAmount.seconds(limits.idleSeconds)
        let head = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headBytes / 2, maxHeaderListSize: limits.headBytes, maxHeaderFieldCount: 100)
        return Application(
            responder: responder,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [BodyDropper()], idleTimeout: idleTimeout,
                    httpDecoderConfiguration: head)),
            configuration: ApplicationConfiguration(
                address: .hostname(listening.address.host, port: listening.address.port), backlog: 128,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)),
            onServerRunning: { onPort($0.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(Self.connections), logger: logger)
    }

    private static func cannotListen(on address: ListenAddress, _ error: any Error) -> BackupError {
        let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)).lowercased() }
        return BackupError(
            .failed, "cannot listen on '\(address)': \(reason ?? BackupError(error).message)",
            hint: "give another address with --listen, or --listen off.")
    }
}
