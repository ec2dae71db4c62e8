import BackupCatalog
import BackupModel
import BackupOperations
import Foundation
import Synchronization

/// Whether catalog and scheduler work. The log has why not: those who ask over the network hear no more than yes or no.
final class Readiness: Sendable {
    private let service: SchedulerService
    private let last = Mutex<String?>("starting")

    init(service: SchedulerService) {
        self.service = service
    }

    /// Asks both. Blocks, for some seconds at most unless the file system hangs.
    func check() -> Bool {
        let trouble = trouble()
        let before = last.withLock { last in
            defer { last = trouble }
            return last
        }
        if let trouble, trouble != before { service.log.warning("not ready", ["reason": trouble]) }
        if trouble == nil && before != nil { service.log.info("ready") }
        return trouble == nil
    }

    private func trouble() -> String? {
        if let trouble = service.trouble { return trouble }
        guard service.isMoving(patience: 2) else { return "the scheduler does not answer" }
        do {
            try service.workspace.catalog.probe(patience: 1)
            return nil
        } catch {
            return BackupError(error).message
        }
    }
}
