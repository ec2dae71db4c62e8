import BackupCatalog
import BackupModel
import Foundation
import Testing

@testable import BackupOperations

/// The jobs become what the file says: all of them or none, and once only.
@Suite struct ApplyConfigurationTests {
    private let site: Site
    private var catalog: Catalog { site.workspace.catalog }
    private var secret: String { site.workspace.state.secrets + "/orders" }

    init() throws { site = try Site() }

    private func plan(_ text: String, prune: Bool = false) throws -> ConfigurationPlan {
        try ApplyConfiguration(workspace: site.workspace).plan(
            Configuration.parse(Data(text.utf8), named: "f"), prune: prune, now: site.clock.now())
    }

    @discardableResult
    private func apply(_ text: String, prune: Bool = false) throws -> ConfigurationPlan {
        let configuration = try Configuration.parse(Data(text.utf8), named: "f")
        let apply = ApplyConfiguration(workspace: site.workspace)
        let plan = try apply.plan(configuration, prune: prune, now: site.clock.now())
        return try apply.carryOut(plan, of: configuration, prune: prune)
    }

    private func message(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ConfigurationProblems)?.errors.first?.message ?? BackupError(error).message
        }
    }

    private static let everything = """
        version: 1
        jobs:
          every:
            source: { uriEnv: EVERY, database: "no", collection: "a: #b", include: ["no.*"], exclude: ["*.\\"q\\" & *x"] }
            engine: docker
            settings:
              mongoVersion: "8.0"
              containerRuntime: podman
              containerNetwork: host
              readPreference: secondary
              query: '{"a": "\\u0001 é"}'
              parallelCollections: 3
              extraToolArgs: ["--compressors=zlib"]
              compression: balanced
              threads: 12
              nice: 0
            allowEmpty: true
            timeout: 6h
            stallTimeout: 90s
            schedule: "30 2 * * *"
            timeZone: Europe/Warsaw
            catchUp: 0
            jitter: 5m
            retries: 3
            retention: { keepLast: 3, keepDaily: 7, keepWithin: 1y2m, keepWithinHourly: 2d }
            paused: true
          oplog:
            source: { uri: "mongodb://app:${PW}@${HOST}:27017/" }
            engine: mongodump
            settings: { toolsDir: /opt/tools, oplog: true }
          "2026":
            source: { uri: "mongodb://h", database: db, withUsers: true }

        """

    @Test func exportIsReadBackToTheSame() throws {
        try apply(Self.everything)
        let before = try catalog.jobs()
        #expect(before.count == 4)
        let text = ExportConfiguration.yaml(before)
        #expect(try plan(text, prune: true).isEmpty)
        #expect(!text.contains(Site.password))
        #expect(text.contains("uri: stored  #"))
        // And where there are none of them yet.
        let other = try Site()
        let jobs = before.filter { $0.name.text != "orders" }
        let configuration = try Configuration.parse(Data(ExportConfiguration.yaml(jobs).utf8), named: "f")
        let apply = ApplyConfiguration(workspace: other.workspace)
        _ = try apply.carryOut(
            apply.plan(configuration, prune: true, now: .now), of: configuration, prune: true)
        #expect(try other.workspace.catalog.jobs().map(\.fields) == jobs.map(\.fields))
    }

    @Test func theSecondTimeNothingIsDone() throws {
        try apply(Self.everything)
        let (jobs, event) = try (catalog.jobs(), catalog.lastEvent())
        #expect(try apply(Self.everything).isEmpty)
        #expect(try catalog.jobs() == jobs)
        #expect(try catalog.lastEvent() == event)
    }

    @Test func whatIsNotNamedIsTheDefaultButAPauseStays() throws {
        try apply(Self.everything)
        let text = "version: 1\njobs:\n  every: { source: { uriEnv: EVERY } }\n"
        let item = try #require(try apply(text).items.first)
        #expect(item.action == .change)
        #expect(item.changes.contains { $0.path == "timeout" && $0.old == .text("6h") && $0.new == nil })
        let job = try catalog.job(named: JobName("every"))
        #expect(job.fields.map(\.path) == ["source.uriEnv", "paused"])
    }

    @Test func aRuleThatStaysCountsFromWhenItWasSet() throws {
        try apply(Self.everything)
        let before = try catalog.job(named: JobName("every"))
        try apply(Self.everything.replacing("retries: 3", with: "retries: 1"))
        let after = try catalog.job(named: JobName("every"))
        #expect(after.schedule?.retries == 1)
        #expect(after.schedule?.setAt == before.schedule?.setAt)
        try apply(Self.everything.replacing("30 2 * * *", with: "31 2 * * *"))
        #expect(try catalog.job(named: JobName("every")).schedule?.setAt != before.schedule?.setAt)
    }

    @Test func onlyPruneDeletesAndTheSecretGoesToo() throws {
        try apply("version: 1\njobs: {}\n")
        #expect(try catalog.jobs() == [site.job])
        #expect(exists(secret))
        #expect(try plan("version: 1\njobs: {}\n", prune: true).count(.delete) == 1)
        #expect(try catalog.jobs() == [site.job])
        try apply("version: 1\njobs: {}\n", prune: true)
        #expect(try catalog.jobs().isEmpty)
        #expect(!exists(secret))
    }

    @Test func anotherSecretIsKeptAndNotShown() throws {
        let uri = Site.uri.replacing(Site.password, with: "canary-2")
        let text = "version: 1\njobs:\n  orders: { source: { uri: \"\(uri)\" } }\n"
        let change = try #require(try plan(text).items.first?.changes.first { $0.isSecret })
        #expect(!"\(change)".contains("canary-2"))
        try apply(text)
        #expect(try String(contentsOfFile: secret, encoding: .utf8) == uri + "\n")
        #expect(try site.files(with: "canary-2") == [])
        #expect(try apply(text).isEmpty)
        try apply("version: 1\njobs:\n  orders: { source: { uriEnv: X } }\n")
        #expect(!exists(secret))
        let refused = message { try apply("version: 1\njobs:\n  orders:\n    source: { uri: stored }\n") }
        #expect(refused == "cannot apply 'f': line 4: no connection string is kept for job 'orders'")
    }

    /// The catalog refuses the second job after the first was entered.
    @Test func allOrNothing() throws {
        try site.execute(
            "CREATE TRIGGER test_fault BEFORE INSERT ON job WHEN NEW.name = 'z' BEGIN SELECT RAISE(ABORT, 'fault'); END"
        )
        let event = try catalog.lastEvent()
        let uri = Site.uri.replacing(Site.password, with: "canary-3")
        let text = """
            version: 1
            jobs:
              a: { source: { uri: "mongodb://h" } }
              orders: { source: { uri: "\(uri)" } }
              z: { source: { uri: "\(uri)" } }

            """
        #expect(message { try apply(text) }?.hasPrefix("cannot apply 'f': ") == true)
        #expect(try catalog.jobs() == [site.job])
        #expect(try catalog.lastEvent() == event)
        #expect(try site.files(with: "canary-3") == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: site.workspace.state.secrets) == ["orders"])
        #expect(try String(contentsOfFile: secret, encoding: .utf8) == Site.uri + "\n")
    }

    @Test func aPlanForJobsThatChangedMeanwhileIsRefused() throws {
        let configuration = try Configuration.parse(Data("version: 1\njobs: {}\n".utf8), named: "f")
        let apply = ApplyConfiguration(workspace: site.workspace)
        let plan = try apply.plan(configuration, prune: true, now: site.clock.now())
        let editing = JobEditing(workspace: site.workspace)
        let job = try editing.setPaused(true, name: site.job.name, now: site.clock.now())
        let error = failure { _ = try apply.carryOut(plan, of: configuration, prune: true) }
        #expect(error?.code == .locked)
        #expect(try catalog.jobs() == [job])
    }

    @Test(arguments: ["uri: \"mongodb://u:canary@\"", "uri: \"http://u:canary@h\"", "uriEnv: \"mongodb://u:canary@h\""])
    func aWrongConnectionStringIsNamedByItsLineOnly(source: String) throws {
        let text = "version: 1\njobs:\n  a:\n    source:\n      \(source)\n"
        let error = try #require(message { _ = try plan(text) })
        #expect(error.hasPrefix("cannot apply 'f': line 5: cannot use this"), "\(error)")
        #expect(!error.contains("canary"))
    }

    @Test func aRepositoryStaysWhereItIs() throws {
        func text(_ path: String) -> String {
            "version: 1\nrepositories:\n  default: { kind: directory, path: \(path) }\njobs: {}\n"
        }
        #expect(try plan(text(site.workspace.state.defaultRepository)).isEmpty)
        #expect(message { _ = try plan(text("/elsewhere")) }?.contains("line 3: repository 'default' is in") == true)
    }

    @Test func variablesOfAURIAreReadWhenItIsUsed() throws {
        let name = try JobName("t")
        let uri = "mongodb://app:${PW}@${HOST}:27017/?replicaSet=${SET}"
        func secrets(_ environment: [String: String]) -> ConnectionSecrets {
            ConnectionSecrets(state: site.workspace.state, environment: environment)
        }
        let whole = ["PW": "p@ss/w:rd%", "HOST": "db.local", "SET": "rs0"]
        let reference = try secrets([:]).keep(.literal(uri), for: name)
        #expect(reference == .literal(uri))
        #expect(
            try secrets(whole).resolve(reference, of: name)
                == "mongodb://app:p%40ss%2Fw%3Ard%25@db.local:27017/?replicaSet=rs0")
        for variable in ["PW", "HOST", "SET"] {
            let error = failure { _ = try secrets(whole.filter { $0.key != variable }).resolve(reference, of: name) }
            #expect(error?.message == "cannot read the URI: environment variable '\(variable)' is not set")
        }
        let evil = secrets(whole.merging(["HOST": "evil@h"]) { $1 })
        #expect(failure { _ = try evil.resolve(reference, of: name) }?.message.contains("among the hosts") == true)
        for text in ["mongodb://app:${}@h", "mongodb://app:${PW@h", "mongodb://app:${1}@h"] {
            #expect(failure { _ = try secrets(whole).keep(.literal(text), for: name) }?.code == .invalidURI)
        }
        // A secret beside a variable is one.
        let mixed = try secrets([:]).keep(.literal("mongodb://app:x${PW}@h"), for: name)
        #expect(mixed == .stored(redacted: "mongodb://app:***@h"))
        #expect(try secrets(whole).resolve(mixed, of: name) == "mongodb://app:xp%40ss%2Fw%3Ard%25@h")
    }
}
