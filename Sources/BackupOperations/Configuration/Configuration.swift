package import BackupModel

/// Jobs as a file describes them. What the file does not name is the default, not what a job has now.
package struct Configuration: Sendable {
    /// How the file is called in errors.
    package var name: String
    var repositories: [RepositoryDefinition]
    var jobs: [JobDefinition]
}

struct RepositoryDefinition: Sendable {
    var name: String
    var path: String
    var line: Int
}

/// One job, without anything that only the catalog and the environment can say.
struct JobDefinition: Sendable {
    enum Connection: Sendable {
        case given(GivenConnection)
        /// `uri: stored`: the connection string that is kept for the job already.
        case kept
    }

    var name: JobName
    var line: Int
    var connection: Connection
    var connectionLine: Int
    var scope = DumpScope.deployment
    var selection = NamespaceSelection.everything
    var withUsers = false
    var engine = EngineChoice.auto
    var settings = EngineSettings()
    var policy = RunPolicy()
    var schedule: ScheduleDefinition?
    var retention: RetentionPolicy?
    var timeZone: String?
    var timeZoneLine: Int
    /// nil: as it is. A pause is for the day, and a file that does not speak of it must not end it.
    var isPaused: Bool?
}

struct ScheduleDefinition: Sendable {
    var rule: Schedule
    var line: Int
    var catchUp: Int?
    var jitter: Int?
    var retries: Int?
}

/// All that is wrong with a file; nothing was changed.
package struct ConfigurationProblems: Error {
    package let errors: [BackupError]

    init(_ problems: [ConfigurationProblem], in name: String) {
        var seen: Set<String> = []
        errors = problems.sorted { $0.line < $1.line }.compactMap { problem in
            let message = "cannot apply '\(name)': line \(problem.line): \(problem.error.message)"
            guard seen.insert(message).inserted else { return nil }
            return BackupError(problem.error.code, message, hint: problem.error.hint)
        }
    }
}
