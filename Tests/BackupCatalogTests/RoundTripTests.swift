import BackupModel
import Foundation
import Testing

@testable import BackupCatalog

struct RoundTripTests {
    /// Texts that have broken one database program or another.
    static let oddTexts = [
        "plain", "'; DROP TABLE run; --", "\"quoted\" \\ back", "e\u{301} and \u{e9}", "日本 🎈 \u{200D}",
        "line\nbreak\ttab",
        "%_*?[]", "\u{202E}reversed", " spaces ", "\u{FEFF}mark", String(repeating: "long ", count: 20_000), "NULL",
        "1e5",
        "\u{FFFD}\u{10FFFF}", "{\"json\": [1]}",
    ]

    @Test(arguments: oddTexts) func everyTextComesBackAsItWas(text: String) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var job = try Sample.job("odd", connection: .file("/etc/\(text)"))
        job.source.scope = .collection(Namespace(database: text, collection: text))
        job.source.selection = try NamespaceSelection(include: [text, "*"], exclude: ["x.\(text)"])
        job.source.withUsers = true
        job.policy = RunPolicy(allowEmpty: true, timeout: 90, stallTimeout: 5)
        job.pausedAt = Sample.start + 0.25
        job.retention = try RetentionPolicy(
            counts: [.last: 3, .yearly: .max], spans: [.last: try #require(RetentionSpan("1y2m3d4h"))])
        job.timeZone = text
        try catalog.insert(job, Sample.act(by: text))
        #expect(try catalog.job(named: job.name) == job)
        #expect(try catalog.events(job: "odd").map(\.actor) == [text])

        var run = try Sample.run(1, job: text)
        run.scheduledFor = Sample.start - 3600.125
        run.attempt = 3
        run = try catalog.start(
            run, owner: ProcessIdentity(processID: .max, startTicks: .max, bootID: text), Sample.act())
        run.engine = EngineIdentity(name: text, version: text)
        run.counters = RunCounters(
            documents: .max, failedDocuments: 1, namespaces: 2, uncompressedBytes: .max, storedBytes: 3)
        run.warnings = [text, "", "a\u{0}b"]
        run.error = BackupError(.serverFailed, text, hint: text)
        run.state = .failed
        run.finishedAt = Sample.start + 17.001
        #expect(try catalog.finish(run, Sample.act()) == run)
        #expect(try catalog.run(run.id) == run)
        #expect(try catalog.runs(job: text) == [run])

        let made = try catalog.start(Sample.run(2, job: text), owner: Sample.owner, Sample.act())
        var snapshot = Sample.snapshot(of: made, namespaces: 3)
        snapshot.id = "odd-1"
        snapshot.file = text
        snapshot.serverVersion = text
        snapshot.verifiedAt = Sample.start + 1
        snapshot.pin = SnapshotPin(reason: text, until: Sample.start + 0.5)
        snapshot.sizeAcceptedAt = Sample.start + 2.125
        let namespaces = [("", "oplog"), (text, text), ("admin", "$admin.system.users")].map { database, collection in
            SnapshotNamespace(
                namespace: Namespace(database: database, collection: collection), type: "", documents: .max,
                bytes: 0, crc64: 1 << 63, indexes: 0)
        }
        try catalog.publish(snapshot, namespaces: namespaces, run: made, Sample.act())
        #expect(try catalog.snapshot(matching: "odd-1") == snapshot)
        #expect(try catalog.namespaces(of: "odd-1") == namespaces)
        #expect(try catalog.check().isSound)
    }

    @Test func composedAndDecomposedNamesAreTwo() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        let namespaces = ["\u{e9}", "e\u{301}"].map {
            SnapshotNamespace(
                namespace: Namespace(database: "d", collection: $0), type: "view", documents: 0, bytes: 0, crc64: 0,
                indexes: 0)
        }
        try catalog.publish(Sample.snapshot(of: run), namespaces: namespaces, run: run, Sample.act())
        let found = try catalog.namespaces(of: Sample.snapshot(of: run).id)
        #expect(
            found.map { Array($0.namespace.collection.utf8) } == namespaces.map { Array($0.namespace.collection.utf8) })
    }

    @Test(arguments: [
        ConnectionReference.literal("mongodb://h/?appName=a:b@c"), .literal("mongodb://user@h/"),
        .literal("mongodb://u:@h"),
        .stored(redacted: "mongodb://u:***@h/"), .file("/a b"), .environment("URI"),
    ])
    func everyKindOfConnectionComesBack(connection: ConnectionReference) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let job = try Sample.job("j", connection: connection)
        try catalog.insert(job, Sample.act())
        #expect(try catalog.jobs().last?.name.text == "orders")
        #expect(try catalog.job(named: job.name).source.connection == connection)
    }

    @Test(arguments: [DumpScope.deployment, .database("d"), .collection(Namespace(database: "d", collection: "a.b"))])
    func everyScopeComesBack(scope: DumpScope) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var job = try Sample.job("j")
        job.source.scope = scope
        try catalog.insert(job, Sample.act())
        #expect(try catalog.job(named: job.name).source.scope == scope)
    }

    @Test(arguments: RunKind.allCases, RunTrigger.allCases)
    func everyKindAndTriggerComesBack(kind: RunKind, trigger: RunTrigger) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = Run(
            id: try Sample.runID(1), kind: kind, job: "j", trigger: trigger, scheduledFor: Sample.start,
            queuedAt: Sample.start)
        try catalog.record(run, Sample.act())
        #expect(try catalog.activeRuns() == [run])
    }

    @Test(arguments: BackupError.Code.allCases) func everyErrorCodeComesBack(code: BackupError.Code) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        run.state = .failed
        run.error = BackupError(code, "m")
        try catalog.finish(run, Sample.act())
        #expect(try catalog.run(run.id).error == BackupError(code, "m"))
    }

    @Test(arguments: Consistency.allCases) func everyConsistencyComesBack(consistency: Consistency) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        var snapshot = Sample.snapshot(of: run)
        snapshot.consistency = consistency
        try catalog.publish(snapshot, namespaces: Sample.namespaces(), run: run, Sample.act())
        #expect(try catalog.snapshots() == [snapshot])
    }

    static let farTimes: [(Double, Int64)] = [
        (-5, 0), (.nan, 0), (.infinity, 253_402_300_799_999), (1.0007, 1001), (1e300, 253_402_300_799_999),
    ]

    @Test(arguments: farTimes) func aTimeFarOffIsClamped(seconds: Double, milliseconds: Int64) {
        #expect(Date(timeIntervalSince1970: seconds).catalogMilliseconds == milliseconds)
    }

    @Test func aNULIsKeptOutOfNamesAndShownInMessages() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        var run = try catalog.start(Sample.run(1), owner: Sample.owner, Sample.act())
        run.state = .failed
        run.error = BackupError(.failed, "a\u{0}b")
        try catalog.finish(run, Sample.act())
        #expect(try catalog.run(run.id).error?.message == "a\\u{0}b")
        let job = try Sample.job("nul", connection: .file("/a\u{0}b"))
        #expect(failure { try catalog.insert(job, Sample.act()) }?.code == .catalogFailed)
        #expect(try catalog.jobs().count == 1)
    }

    @Test func noSecretIsInTheFiles() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let canary = "CANARY-9f3a"
        try catalog.insert(
            Sample.job("stored", connection: .stored(redacted: "mongodb://u:***@h/")), Sample.act())
        for uri in ["mongodb://u:\(canary)@h/", "mongodb+srv://u:\(canary)@h.example/?x=@", "mongodb://:\(canary)@h"] {
            let job = try Sample.job("leak", connection: .literal(uri))
            let error = try #require(failure { try catalog.insert(job, Sample.act()) })
            #expect(error.code == .refused && !error.message.contains(canary))
            var changed = try Sample.job("stored", connection: .literal(uri))
            changed.policy.allowEmpty = true
            #expect(failure { try catalog.update(changed, Sample.act()) }?.code == .refused)
        }
        for name in try scratch.names() {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.folder + "/" + name))
            #expect(bytes.range(of: Data(canary.utf8)) == nil, "\(name)")
        }
    }

    private func failure(_ body: () throws -> Void) -> BackupError? { BackupCatalogTests.failure(of: body) }
}
