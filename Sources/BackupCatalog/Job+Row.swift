import BackupModel
import Foundation
import GRDB
import Synchronization

extension Job {
    init(_ row: CatalogRow) throws {
        guard let name = try? JobName(row.text("name")) else { throw row.damaged("its name is not a job's") }
        self.init(
            name: name, source: try JobSource(row), engine: try row.value("engine"),
            settings: try EngineSettings(row), repository: try row.text("repository"), policy: try RunPolicy(row),
            schedule: try JobSchedule(row),
            retention: try row.optionalText("retention").map { try RetentionPolicy($0, row) },
            timeZone: try row.optionalText("time_zone"), pausedAt: try row.optionalTime("paused_at"),
            resumedAt: try row.optionalTime("resumed_at"), createdAt: try row.time("created_at"),
            updatedAt: try row.time("updated_at"))
    }

    var row: CatalogRow {
        get throws {
            let connection = source.connection.columns
            let scope = source.scope.columns
            return CatalogRow(
                .job,
                [
                    "name": name.text, "connection_kind": connection.kind, "connection": connection.text,
                    "scope_database": scope.database, "scope_collection": scope.collection,
                    "include_patterns": try source.selection.include.map(\.text).catalogJSON,
                    "exclude_patterns": try source.selection.exclude.map(\.text).catalogJSON,
                    "with_users": source.withUsers ? 1 : 0, "engine": engine.rawValue,
                    "engine_settings": settings.isDefault ? nil : try settings.catalogJSON, "repository": repository,
                    "allow_empty": policy.allowEmpty ? 1 : 0, "timeout_seconds": policy.timeout,
                    "stall_timeout_seconds": policy.stallTimeout, "schedule": schedule?.rule.text,
                    "schedule_set_at": schedule?.setAt.catalogMilliseconds, "catch_up_seconds": schedule?.catchUp,
                    "jitter_seconds": schedule?.jitter, "retries": schedule?.retries,
                    "retention": try retention?.json, "time_zone": timeZone,
                    "paused_at": pausedAt?.catalogMilliseconds, "resumed_at": resumedAt?.catalogMilliseconds,
                    "created_at": createdAt.catalogMilliseconds, "updated_at": updatedAt.catalogMilliseconds,
                ])
        }
    }
}

extension JobSource {
    fileprivate init(_ row: CatalogRow) throws {
        guard
            let selection = try? NamespaceSelection(
                include: row.texts("include_patterns"), exclude: row.texts("exclude_patterns"))
        else { throw row.damaged("its patterns cannot be read") }
        self.init(
            connection: try ConnectionReference(row), scope: try DumpScope(row), selection: selection,
            withUsers: try row.integer("with_users") != 0)
    }
}

extension EngineSettings {
    fileprivate init(_ row: CatalogRow) throws {
        guard let text = try row.optionalText("engine_settings") else {
            self.init()
            return
        }
        guard let settings = try? JSONDecoder().decode(EngineSettings.self, from: Data(text.utf8)) else {
            throw row.damaged("its engine_settings cannot be read")
        }
        self = settings
    }

    fileprivate var catalogJSON: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

extension RunPolicy {
    fileprivate init(_ row: CatalogRow) throws {
        let timeout = try row.optionalInteger("timeout_seconds") == nil ? nil : row.int("timeout_seconds")
        self.init(
            allowEmpty: try row.integer("allow_empty") != 0, timeout: timeout,
            stallTimeout: try row.int("stall_timeout_seconds"))
    }
}

extension JobSchedule {
    /// A rule that cannot be read is damage: it must not read as none.
    fileprivate init?(_ row: CatalogRow) throws {
        guard let text = try row.optionalText("schedule") else { return nil }
        guard let rule = try? Schedule(text) else { throw row.damaged("its schedule cannot be read") }
        self.init(
            rule: rule, setAt: try row.time("schedule_set_at"), catchUp: try row.int("catch_up_seconds"),
            jitter: try row.int("jitter_seconds"), retries: try row.int("retries"))
    }
}

extension RetentionPolicy {
    /// A policy that cannot be read is damage: it must not read as none, nor as another one.
    fileprivate init(_ text: String, _ row: CatalogRow) throws {
        if let known = Self.known.withLock({ $0[text] }) {
            self = known
            return
        }
        guard let policy = try? RetentionPolicy(json: text) else { throw row.damaged("its retention cannot be read") }
        Self.known.withLock { known in
            if known.count >= 100 { known.removeAll() }
            known[text] = policy
        }
        self = policy
    }

    /// By their texts: most jobs have one of a few, and reading one takes longer than the rest of the job.
    private static let known = Mutex<[String: RetentionPolicy]>([:])
}

extension ConnectionReference {
    fileprivate init(_ row: CatalogRow) throws {
        let text = try row.text("connection")
        switch try row.text("connection_kind") {
        case "literal": self = .literal(text)
        case "stored": self = .stored(redacted: text)
        case "file": self = .file(text)
        case "environment": self = .environment(text)
        default: throw row.damaged("its connection_kind is unknown")
        }
    }

    fileprivate var columns: (kind: String, text: String) {
        switch self {
        case .literal(let text): ("literal", text)
        case .stored(let redacted): ("stored", redacted)
        case .file(let path): ("file", path)
        case .environment(let name): ("environment", name)
        }
    }

    /// Whether it is a connection string with a password in it: the last line of defence, not the rule itself.
    var holdsPassword: Bool {
        guard case .literal(let text) = self, let scheme = text.range(of: "://") else { return false }
        let authority = text[scheme.upperBound...].utf8.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else { return false }
        let user = authority[..<at]
        guard let colon = user.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let password = user[user.index(after: colon)...]
        return !password.isEmpty && !URITemplate.isVariable(String(decoding: password, as: UTF8.self))
    }
}

extension DumpScope {
    fileprivate init(_ row: CatalogRow) throws {
        switch (try row.optionalText("scope_database"), try row.optionalText("scope_collection")) {
        case (nil, nil): self = .deployment
        case (let database?, nil): self = .database(database)
        case (let database?, let collection?):
            self = .collection(Namespace(database: database, collection: collection))
        case (nil, _?): throw row.damaged("its scope has no database")
        }
    }

    fileprivate var columns: (database: String?, collection: String?) {
        switch self {
        case .deployment: (nil, nil)
        case .database(let name): (name, nil)
        case .collection(let namespace): (namespace.database, namespace.collection)
        }
    }
}
