import BackupCatalog
import BackupModel
package import Foundation

/// Makes the jobs what a configuration says: all of them, or none.
package struct ApplyConfiguration {
    private let workspace: Workspace

    package init(workspace: Workspace) {
        self.workspace = workspace
    }

    /// What would be done. Jobs that the file does not name are deleted only when told so. Throws `ConfigurationProblems`.
    package func plan(_ configuration: Configuration, prune: Bool, now: Date) throws -> ConfigurationPlan {
        let jobs = try workspace.catalog.jobs()
        let there = Dictionary(jobs.map { ($0.name, $0) }) { first, _ in first }
        var problems: [ConfigurationProblem] = []
        for repository in configuration.repositories {
            do { try check(repository) } catch let problem as ConfigurationProblem { problems.append(problem) }
        }
        var items: [ConfigurationPlan.Item] = []
        for definition in configuration.jobs {
            do {
                items.append(try item(definition, old: there[definition.name], now: now))
            } catch let problem as ConfigurationProblem {
                problems.append(problem)
            } catch {
                problems.append(ConfigurationProblem(line: definition.line, error: BackupError(error)))
            }
        }
        guard problems.isEmpty else { throw ConfigurationProblems(problems, in: configuration.name) }
        if prune {
            let named = Set(configuration.jobs.map(\.name))
            for job in jobs where !named.contains(job.name) {
                items.append(ConfigurationPlan.Item(old: job, new: nil, secret: nil, name: job.name))
            }
        }
        return ConfigurationPlan(items: items.sorted { $0.name < $1.name }, time: now)
    }

    /// Does what the plan says, and gives what was done: nothing, when somebody else did the same meanwhile. Refuses when
    /// the jobs are not any more what the plan was made for.
    package func carryOut(
        _ plan: ConfigurationPlan, of configuration: Configuration, prune: Bool
    ) throws -> ConfigurationPlan {
        try workspace.state.alone {
            let current = try self.plan(configuration, prune: prune, now: plan.time)
            guard !current.isEmpty else { return current }
            guard current == plan else { throw Self.changedMeanwhile(configuration.name) }
            try write(current, of: configuration.name)
            return current
        }
    }

    private static func changedMeanwhile(_ name: String) -> BackupError {
        BackupError(
            .locked, "cannot apply '\(name)': somebody else changed the jobs meanwhile",
            hint: "nothing was changed; look at the difference again.")
    }

    /// Secrets first, and back again when the catalog does not take the jobs.
    private func write(_ plan: ConfigurationPlan, of name: String) throws {
        let secrets = workspace.secrets()
        var before: [(job: JobName, text: String?)] = []
        do {
            for item in plan.items {
                guard let secret = item.secret else { continue }
                before.append((item.name, secrets.kept(for: item.name)))
                try secrets.write(secret, for: item.name)
            }
            try workspace.catalog.change(plan.items.compactMap(\.jobChange), workspace.act(plan.time))
        } catch {
            for (job, text) in before.reversed() { try? secrets.putBack(text, for: job) }
            let cause = BackupError(error)
            throw BackupError(
                cause.code, "cannot apply '\(name)': \(cause.message)", hint: cause.hint ?? "nothing was changed.")
        }
        for item in plan.items where item.old?.source.connection.isStored == true {
            if item.new?.source.connection.isStored != true { try secrets.forget(item.name) }
        }
    }

    /// A repository stays where it is.
    private func check(_ repository: RepositoryDefinition) throws {
        guard let record = try workspace.catalog.repository(named: repository.name) else { return }
        let place = try workspace.path(of: record)
        guard place != repository.path, realPath(place) != realPath(repository.path) else { return }
        throw ConfigurationProblem(
            line: repository.line,
            "repository '\(repository.name)' is in '\(place)', and cannot be moved by a configuration",
            hint: "leave 'repositories' out, or write the path that it has.")
    }

    private func realPath(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
}

// MARK: - One job

extension ApplyConfiguration {
    private func item(
        _ definition: JobDefinition, old: BackupModel.Job?, now: Date
    ) throws -> ConfigurationPlan.Item {
        let (connection, secret) = try at(definition.connectionLine) { try connect(definition, old: old) }
        var job =
            old
            ?? BackupModel.Job(
                name: definition.name, source: JobSource(connection: connection, scope: .deployment),
                repository: Workspace.defaultRepository, createdAt: now, updatedAt: now)
        job.source = JobSource(
            connection: connection, scope: definition.scope, selection: definition.selection,
            withUsers: definition.withUsers)
        job.engine = definition.engine
        job.settings = definition.settings
        job.policy = definition.policy
        job.retention = definition.retention
        let zone = try at(definition.timeZoneLine) { try workspace.zones.rules(named: definition.timeZone ?? "UTC") }
        job.timeZone = definition.timeZone == nil ? nil : zone.name
        if let isPaused = definition.isPaused, isPaused != (job.pausedAt != nil) {
            job.pausedAt = isPaused ? now : nil
            if !isPaused { job.resumedAt = now }
        }
        job.schedule = try definition.schedule.map { schedule in
            try at(schedule.line) { try self.schedule(schedule, of: job, old: old, in: zone, now: now) }
        }
        if job != old {
            job.updatedAt = now
            try at(definition.line) { try JobEditing(workspace: workspace).check(job, secret: secret) }
        }
        let kept = secret.flatMap { workspace.secrets().kept(for: job.name) == $0 + "\n" ? nil : $0 }
        if kept != nil { job.updatedAt = now }
        return ConfigurationPlan.Item(old: old, new: job, secret: kept, name: job.name)
    }

    /// The reference that the job is to have, and the secret that goes with it.
    private func connect(
        _ definition: JobDefinition, old: BackupModel.Job?
    ) throws -> (ConnectionReference, secret: String?) {
        guard case .given(let given) = definition.connection else {
            guard let connection = old?.source.connection, connection.isStored else {
                throw BackupError(
                    .usage, "no connection string is kept for job '\(definition.name)'",
                    hint: "'uri: stored' goes with a job that has one; write uriFile, uriEnv or uri.")
            }
            return (connection, nil)
        }
        let (connection, secret) = try workspace.secrets().reference(to: given)
        if case .file(let path) = connection, connection != old?.source.connection {
            try workspace.secrets().requireReadable(path)
        }
        return (connection, secret)
    }

    /// A rule and a zone that stay go on counting from when they were set.
    private func schedule(
        _ definition: ScheduleDefinition, of job: BackupModel.Job, old: BackupModel.Job?, in zone: TimeZoneRules,
        now: Date
    ) throws -> JobSchedule {
        var schedule = JobSchedule(rule: definition.rule, setAt: now)
        if let before = old?.schedule, before.rule == definition.rule, old?.timeZone == job.timeZone {
            schedule.setAt = before.setAt
        }
        if let catchUp = definition.catchUp { schedule.catchUp = catchUp }
        if let jitter = definition.jitter { schedule.jitter = jitter }
        if let retries = definition.retries { schedule.retries = retries }
        if schedule != old?.schedule {
            try schedule.check(in: zone, retriesWereGiven: definition.retries != nil, now: now)
        }
        return schedule
    }

    private func at<Result>(_ line: Int, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as BackupError {
            throw ConfigurationProblem(line: line, error: error)
        }
    }
}

extension ConfigurationPlan.Item {
    fileprivate var jobChange: JobChange? {
        switch (action, old, new) {
        case (.create, _, let new?): .create(new)
        case (.change, let old?, let new?): .replace(old: old, with: new)
        case (.delete, let old?, _): .delete(old: old)
        default: nil
        }
    }
}
