import Testing

@testable import BackupModel

struct EngineSettingsTests {
    static let orders = DumpScope.collection(Namespace(database: "shop", collection: "orders"))

    func refusal(
        _ settings: EngineSettings, _ engine: EngineChoice = .mongodump, _ scope: DumpScope = .deployment
    ) -> String? {
        do {
            try settings.check(engine: engine, scope: scope, withUsers: false)
            return nil
        } catch {
            #expect(error is BackupError)
            return "\(error)"
        }
    }

    @Test func theOplogGoesWithWholeDeployments() {
        let oplog = EngineSettings(dump: DumpOptions(oplog: true))
        #expect(refusal(oplog) == nil && refusal(oplog, .auto) == nil)
        #expect(refusal(oplog, .mongodump, .database("shop"))?.contains("whole deployment") == true)
        #expect(refusal(oplog, .mongodump, Self.orders) != nil)
        #expect(refusal(oplog, .builtin)?.contains("--oplog") == true)
    }

    @Test func aQueryGoesWithOneCollection() {
        let query = EngineSettings(dump: DumpOptions(query: "{}"))
        #expect(refusal(query, .builtin, Self.orders) == nil)
        #expect(refusal(query, .mongodump, .database("shop"))?.contains("one collection") == true)
    }

    @Test func theEngineDockerNeedsAnImageAndOnlyItHasOne() {
        #expect(refusal(EngineSettings(), .docker)?.contains("without an image") == true)
        #expect(refusal(EngineSettings(place: ToolPlace(image: "mongo:8.0")), .docker) == nil)
        for engine in [EngineChoice.auto, .mongodump, .builtin] {
            #expect(refusal(EngineSettings(place: ToolPlace(image: "mongo:8.0")), engine) != nil)
            #expect(refusal(EngineSettings(place: ToolPlace(network: "host")), engine) != nil)
        }
        let both = ToolPlace(toolsDirectory: "/opt", image: "mongo:8.0")
        #expect(refusal(EngineSettings(place: both), .docker)?.contains("--tools-dir") == true)
    }

    @Test(arguments: ["-v/:/host", "", "a b", "mongo:8.0;id", "$(id)", "mongo\n", "--privileged", "é"])
    func aNameThatARuntimeCouldTakeForSomethingElseIsRefused(_ name: String) {
        #expect(refusal(EngineSettings(place: ToolPlace(image: name)), .docker) != nil)
        #expect(refusal(EngineSettings(place: ToolPlace(image: "mongo:8.0", network: name)), .docker) != nil)
    }

    @Test(arguments: ["8.0", "3.6", "3.6.23", "7.0.14-jammy", "8"]) func aVersionIsAnImage(_ version: String) throws {
        #expect(try ToolPlace.image(ofVersion: version) == "mongo:\(version)")
    }

    @Test(arguments: ["", "latest", "8.", "8.0.0.0", "v8", "8.0 ", "-8", "8.0;x", "8.0-a b", "1234.0"])
    func whatIsNoVersionIsRefused(_ version: String) {
        #expect(throws: BackupError.self) { try ToolPlace.image(ofVersion: version) }
    }

    @Test(arguments: [0, -1, 65, Int.max]) func numbersOfWorkersHaveALimit(_ number: Int) {
        #expect(refusal(EngineSettings(dump: DumpOptions(parallelCollections: number))) != nil)
    }

    @Test(arguments: [
        Effort(threads: 1), Effort(threads: 256), Effort(nice: 0), Effort(compression: .small, threads: 8, nice: 19),
    ])
    func everyEngineTakesAnEffort(_ effort: Effort) {
        for engine in [EngineChoice.auto, .mongodump, .builtin] {
            #expect(refusal(EngineSettings(effort: effort), engine) == nil)
        }
    }

    @Test(arguments: [
        (Effort(threads: 0), "--threads 0: not within 1 to 256"), (Effort(threads: 257), "--threads 257"),
        (Effort(threads: -1), "--threads -1"), (Effort(nice: 20), "--nice 20: not within 0 to 19"),
        (Effort(nice: -1), "--nice -1"),
    ])
    func anEffortHasItsLimits(_ effort: Effort, reason: String) {
        #expect(refusal(EngineSettings(effort: effort))?.contains(reason) == true)
    }

    @Test(arguments: [
        "--out=/tmp", "--out", "--archive=/etc/passwd", "--gzip", "--uri=mongodb://h", "--password=x", "-p", "-px",
        "--Archive=x", "--host=h", "--config=/f", "--oplog", "--drop", "--nsFrom=a", "--quiet", "--query={}", "--db=x",
        "--sslPEMKeyPassword=x", "--awsSessionToken=x", "x", "", "-", "--", "--x=mongodb://u:p@h", "--a\u{0}b",
        "--writeConcern=0", "--numParallelCollections=9", "--excludeCollection=x", "--viewsAsCollections",
        "--archive x", "--gzip ", "--conf=/f", "--dbpath=/d", "--passwor=SECRET", "--pw=SECRET", "--authToken=x",
        "--gzi", "-----gzip", "--gz\u{69}\u{301}p", "--mySecret=x", "--outx=y", "--ssl x",
    ]) func anArgumentThatWouldBreakARunIsRefused(_ argument: String) {
        #expect(refusal(EngineSettings(dump: DumpOptions(extraArguments: [argument]))) != nil)
    }

    @Test(arguments: [
        "--password hunter2", "--password:hunter2", "-phunter2", "--passwordhunter2", "hunter2", "--mySecrethunter2",
        "--passwor=hunter2", "--x hunter2",
    ]) func whatIsRefusedIsNotShown(_ argument: String) throws {
        let error = try #require(throws: BackupError.self) {
            try EngineSettings(dump: DumpOptions(extraArguments: [argument])).check(
                engine: .mongodump, scope: .deployment, withUsers: false)
        }
        #expect(!error.message.lowercased().contains("hunter2"), "\(error.message)")
    }

    @Test(arguments: [
        "--forceTableScan", "--compressors=snappy", "--convertLegacyIndexes", "--stopOnError", "-vv", "--ssl",
        "--sslCAFile=/a b", "--sslPEMKeyFile=/k", "--tlsInsecure", "--verbose=2", "--authenticationMechanism=X",
        "--serverSelectionTimeout=5", "--objcheck", "--fixDottedHashIndex", "--dumpConcurrency=2",
    ])
    func otherArgumentsPass(_ argument: String) {
        let isShort = !argument.hasPrefix("--")
        #expect((refusal(EngineSettings(dump: DumpOptions(extraArguments: [argument]))) == nil) != isShort)
    }

    @Test(arguments: [
        "0", " 0 ", #"{"w":0}"#, #"{ "w" : 0, "j": false }"#, "{w: 0}", "", "00", "+0", "-0", "0.0", "0x0", "{w:-0}",
        "{w:00}", #"{"\u0077":0}"#, #"{"w":"0"}"#, "{w:1,w:0}", #"{w:{"$numberInt":"0"}}"#, "{'w':0.0}", "{w:1", "{}x",
        "{w:NumberInt(0)}", "{W:0}", "51", "{w:false}", "0/**/", "{w:1,x:0}", "\u{660}", "{j:0}", "{w:}",
    ])
    func anUnacknowledgedWriteConcernIsRefused(_ concern: String) {
        #expect(throws: BackupError.self) {
            try LoadOptions(writeConcern: concern).check(
                engine: .mongodump, place: ToolPlace(), existing: .fail, choice: RestoreChoice())
        }
    }

    @Test(arguments: [
        "majority", "1", " 3 ", #"{"w":"majority"}"#, "{w: 'majority', wtimeout: 5000}", #"{ "w" : 2, "j": true }"#,
        "{j: true}", "my_tag-1",
    ])
    func aWriteConcernThatWaitsPasses(_ concern: String) throws {
        try LoadOptions(writeConcern: concern).check(
            engine: .mongodump, place: ToolPlace(), existing: .fail, choice: RestoreChoice())
    }

    @Test func idsAreKeptOnlyWhereTheOriginalIsDroppedUnderItsName() throws {
        let options = LoadOptions(preservesUUID: true)
        try options.check(engine: .mongodump, place: ToolPlace(), existing: .drop, choice: RestoreChoice())
        #expect(throws: BackupError.self) {
            try options.check(engine: .mongodump, place: ToolPlace(), existing: .merge, choice: RestoreChoice())
        }
        let renaming = RestoreChoice(mapping: try NamespaceMapping(from: ["a.*"], to: ["b.*"], renames: []))
        #expect(throws: BackupError.self) {
            try options.check(engine: .mongodump, place: ToolPlace(), existing: .drop, choice: renaming)
        }
        #expect(throws: BackupError.self) {
            try LoadOptions(replaysOplog: true).check(
                engine: .auto, place: ToolPlace(), existing: .drop, choice: renaming)
        }
        #expect(throws: BackupError.self) {
            try options.check(engine: .builtin, place: ToolPlace(), existing: .drop, choice: RestoreChoice())
        }
    }

    @Test func aServerIsAConnectionString() throws {
        let plain = try ServerAddress(host: "db.example", port: 27018).uri()
        #expect(plain == "mongodb://db.example:27018/?directConnection=true")
        let set = try ServerAddress(
            host: "rs0/a:1,b:2", user: "b@ckup", password: "p:/@%é", tls: true, tlsCAFile: "/etc/c a.pem"
        ).uri()
        #expect(
            set == "mongodb://b%40ckup:p%3A%2F%40%25%C3%A9@a:1,b:2/"
                + "?replicaSet=rs0&authSource=admin&tls=true&tlsCAFile=%2Fetc%2Fc%20a.pem")
        #expect(try ServerAddress(host: "[::1]", port: 1).uri() == "mongodb://[::1]:1/?directConnection=true")
        #expect(try ServerAddress(host: "h:1", port: 1).uri() == "mongodb://h:1/?directConnection=true")
        for bad in ["", "a,,b", "h@x", "mongodb://h", "h?x", "rs0/", "h h", "h#"] {
            #expect(throws: BackupError.self) { try ServerAddress(host: bad).uri() }
        }
        #expect(throws: BackupError.self) { try ServerAddress(host: "h:2", port: 1).uri() }
        #expect(throws: BackupError.self) { try ServerAddress(host: "h", port: 70_000).uri() }
    }
}
