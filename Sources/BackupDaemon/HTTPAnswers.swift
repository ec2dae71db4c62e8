import BackupModel
import BackupOperations
import Foundation
import HTTPTypes
import Hummingbird

/// Who asks for what over HTTP, and what they get.
struct HTTPAnswers: HTTPResponder {
    typealias Context = BasicRequestContext

    private let listening: Listening
    private let readiness: SharedAnswer<Bool>
    private let metrics: SharedAnswer<ByteBuffer>

    init(_ listening: Listening, service: SchedulerService, startedAt: Date) {
        self.listening = listening
        let check = Readiness(service: service)
        readiness = SharedAnswer(named: "backupctl-ready", patience: 4) { check.check() }
        metrics = SharedAnswer(named: "backupctl-metric", patience: 9) {
            Self.metrics(service: service, isReady: check.check(), startedAt: startedAt)
        }
    }

    private static func metrics(service: SchedulerService, isReady: Bool, startedAt: Date) -> ByteBuffer? {
        guard let view = service.view(), let jobs = try? JobStatus.all(in: service.workspace, now: service.clock.now())
        else { return nil }
        let page = MetricsPage(
            view: view, jobs: jobs, isReady: isReady, process: ProcessFigures.read(startedAt: startedAt))
        return ByteBuffer(string: page.text)
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        let isHead = request.method == .head
        let path = request.uri.path
        guard ["/healthz", "/readyz", "/metrics"].contains(path) else {
            return Self.answer(.notFound, "not found\n", isHead: isHead)
        }
        guard isHead || request.method == .get else { return Self.answer(.methodNotAllowed, "method not allowed\n") }
        switch path {
        case "/healthz": return Self.answer(.ok, "ok\n", isHead: isHead)
        case "/readyz":
            let isReady = await readiness.get() ?? false
            return Self.answer(
                isReady ? .ok : .serviceUnavailable, isReady ? "ok\n" : "not ready\n", isHead: isHead)
        default: return await metrics(for: request, isHead: isHead)
        }
    }

    private func metrics(for request: Request, isHead: Bool) async -> Response {
        if let token = listening.token {
            guard token.accepts(request.headers[.authorization]) else {
                return Self.answer(.unauthorized, "unauthorized\n", isHead: isHead)
            }
        } else if let authority = request.head.authority, !ListenAddress.isLocal(authority: authority) {
            // A page in somebody's browser may have had a name of its own point here (DNS rebinding).
            return Self.answer(.misdirectedRequest, "misdirected request\n", isHead: isHead)
        }
        guard let page = await metrics.get() else {
            return Self.answer(.serviceUnavailable, "not ready\n", isHead: isHead)
        }
        return Self.answer(.ok, page, type: "text/plain; version=0.0.4; charset=utf-8", isHead: isHead)
    }

    private static func answer(_ status: HTTPResponse.Status, _ text: String, isHead: Bool = false) -> Response {
        answer(status, ByteBuffer(string: text), type: "text/plain; charset=utf-8", isHead: isHead)
    }

    private static func answer(
        _ status: HTTPResponse.Status, _ body: ByteBuffer, type: String, isHead: Bool
    ) -> Response {
        var fields = HTTPFields()
        fields[.contentType] = type
        fields[.contentLength] = String(body.readableBytes)
        fields[.cacheControl] = "no-store"
        fields[.xContentTypeOptions] = "nosniff"
        if status == .unauthorized { fields[.wwwAuthenticate] = "Bearer" }
        if status == .methodNotAllowed { fields[.allow] = "GET, HEAD" }
        return Response(status: status, headers: fields, body: isHead ? ResponseBody() : ResponseBody(byteBuffer: body))
    }
}
