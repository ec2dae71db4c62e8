import BackupCatalog
import BackupEngines
package import BackupModel
package import Foundation
import MongoArchive

/// Makes, changes and deletes jobs, together with the secrets that belong to them.
package struct JobEditing {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    package func create(
        name: JobName, connection: GivenConnection, source: JobSource, engine: EngineChoice,
        settings: EngineSettings = EngineSettings(), policy: RunPolicy, schedule: JobSchedule? = nil,
        retention: RetentionPolicy? = nil, timeZone: String? = nil, now: Date
    ) throws -> BackupModel.Job {
        // Alone, so that of two that create the same job the loser does not touch the winner's secret.
        try workspace.state.alone {
            try workspace.catalog.requireFree(name)
            return try keepingSecret(of: name) {
                var source = source
                source.connection = try workspace.secrets().keep(connection, for: name)
                let job = BackupModel.Job(
                    name: name, source: source, engine: engine, settings: settings,
                    repository: Workspace.defaultRepository, policy: policy, schedule: schedule, retention: retention,
                    timeZone: timeZone, createdAt: now, updatedAt: now)
                try check(job)
                try workspace.catalog.insert(job, workspace.act(now))
                return job
            }
        }
    }

    package func edit(
        name: JobName, connection: GivenConnection?, now: Date, change: (inout BackupModel.Job) throws -> Void
    ) throws -> BackupModel.Job {
        try workspace.state.alone {
            let before = try workspace.catalog.job(named: name)
            var job = before
            try change(&job)
            job = try keepingSecret(of: name) {
                if let connection { job.source.connection = try workspace.secrets().keep(connection, for: name) }
                job.updatedAt = now
                try check(job)
                try workspace.catalog.update(job, workspace.act(now))
                return job
            }
            if before.source.connection.isStored, !job.source.connection.isStored {
                try workspace.secrets().forget(name)
            }
            return job
        }
    }

    /// Refuses what no run of the job could do; for an oplog the server is asked, if it can be.
    /// `secret` is the connection string when it is not kept yet.
    func check(_ job: BackupModel.Job, secret: String? = nil) throws {
        try job.source.check()
        try job.settings.check(engine: job.engine, scope: job.source.scope, withUsers: job.source.withUsers)
        if let query = job.settings.dump.query {
            do {
                _ = try ExtendedJSON.parse(query)
            } catch {
                throw BackupError(.usage, "cannot read the query: \(error)", hint: "write a document in Extended JSON.")
            }
        }
        guard job.settings.dump.oplog else { return }
        // A secret that cannot be had here, or a server that cannot be reached from here, is for the run to find out.
        let secrets = workspace.secrets()
        let found =
            try? secret.map { try secrets.resolve(.literal($0)) }
            ?? secrets.resolve(job.source.connection, of: job.name)
        guard let uri = found else { return }
        if let database = try MongoURI(uri).database, database != "admin" {
            throw BackupError(
                .usage,
                "cannot take the oplog along with database '\(database)' of the URI: it is about the whole deployment",
                hint: "leave the database out of the URI; 'authSource' says where the user is.")
        }
        guard let server = try? MongoDeployment(uri: uri).describe() else { return }
        try server.requireOplog()
    }

    /// A change that fails leaves the secret as it was.
    private func keepingSecret(of name: JobName, _ body: () throws -> BackupModel.Job) throws -> BackupModel.Job {
        let before = workspace.secrets().kept(for: name)
        do {
            return try body()
        } catch {
            try? workspace.secrets().putBack(before, for: name)
            throw error
        }
    }

    package func setPaused(_ paused: Bool, name: JobName, now: Date) throws -> BackupModel.Job {
        try workspace.catalog.setPaused(paused, job: name, workspace.act(now))
    }

    /// Deletes the job; with its snapshots only when told so. Gives the number of snapshots deleted.
    package func delete(name: JobName, withSnapshots: Bool, now: Date) throws -> Int {
        let job = try workspace.catalog.job(named: name)
        var deleted = 0
        if withSnapshots {
            // Asked before anything goes; deleting the job asks again.
            if let run = try workspace.catalog.activeRuns().first(where: { $0.job == name.text && $0.state == .running }
            ) {
                throw BackupError(
                    .locked, "cannot delete job '\(name)': run '\(run.id)' is running",
                    hint: "wait until the run has ended, or end it with 'backupctl cancel \(run.id)'.")
            }
            let repository = try workspace.repository(job.repository)
            let snapshots = try workspace.catalog.snapshots(job: name.text)
            try workspace.catalog.requireNotHeld(snapshots.map(\.id), workspace.act(now))
            // The oldest first: whatever stops this leaves the newer ones.
            for snapshot in snapshots.reversed() {
                try DeleteSnapshot(workspace: workspace, repository: repository).delete(
                    snapshot, sparing: .none, proof: .none, reason: "its job was deleted with its snapshots", now: now)
                deleted += 1
            }
        }
        try workspace.catalog.deleteJob(named: name, workspace.act(now))
        try workspace.secrets().forget(name)
        return deleted
    }
}

extension ConnectionReference {
    var isStored: Bool {
        if case .stored = self { true } else { false }
    }
}
