import BackupModel
import Foundation
import Testing

@testable import BackupEngines

/// What a tool is told in its arguments, which anybody may see, and what in its config.
struct ToolConnectionTests {
    static let secret = "CANARY-9f3a"

    func connection(
        _ uri: String, _ version: String = "100.18.0", hasConfig: Bool = true
    ) throws -> (arguments: [String], config: String?) {
        let made = try ToolConnection(
            MongoURI(uri), version: #require(ToolVersion(version)), hasConfig: hasConfig)
        return (made.arguments, made.config.map { String(decoding: $0, as: UTF8.self) })
    }

    static let secretive = [
        "mongodb://u:\(secret)@h/", "mongodb://u:\(secret)@h/db?replicaSet=rs0",
        "mongodb+srv://u:\(secret)@cluster.db.example/?retryWrites=true",
        "mongodb://u:%2F\(secret)%40@h1,h2:27018/?ssl=true",
        "mongodb://u@h/?tlsCertificateKeyFilePassword=\(secret)&tls=true&tlsCertificateKeyFile=/k.pem",
        "mongodb://u:\(secret)@h/?tlsCertificateKeyFilePassword=\(secret)2&tls=true&tlsCertificateKeyFile=/k.pem",
        "mongodb://a:\(secret)@h/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:\(secret)",
    ]

    @Test(arguments: secretive) func secretsAreInTheConfigOnly(_ uri: String) throws {
        let (arguments, config) = try connection(uri)
        #expect(!arguments.contains { $0.contains(Self.secret) }, "\(arguments)")
        let text = try #require(config)
        #expect(text.contains(Self.secret))
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
        // Any other key is an error for the tools.
        #expect(Set(object.keys).isSubset(of: ["password", "uri", "sslPEMKeyPassword"]))
    }

    @Test func aPasswordIsGivenDecoded() throws {
        let (arguments, config) = try connection("mongodb://u:p%40s%22s%2F%25@h:1/?authSource=x")
        #expect(arguments == ["--uri=mongodb://u@h:1/?authSource=x", "--serverSelectionTimeout=10"])
        #expect(config == #"{"password":"p@s\"s/%"}"#)
    }

    @Test func withoutASecretThereIsNoConfig() throws {
        let (arguments, config) = try connection("mongodb://h/db?replicaSet=rs0")
        #expect(arguments == ["--uri=mongodb://h/?replicaSet=rs0", "--serverSelectionTimeout=10"] && config == nil)
    }

    /// The driver logs in to the database of the path, the tools to the one that is dumped.
    @Test(arguments: [
        ("mongodb://u@h/app", "mongodb://u@h/?authSource=app"), ("mongodb://u@h/", "mongodb://u@h/?authSource=admin"),
        ("mongodb://u@h/app?authSource=users", "mongodb://u@h/?authSource=users"),
        ("mongodb+srv://u@cluster.db.example/", "mongodb+srv://u@cluster.db.example/"),
        ("mongodb://u@h/?authMechanism=MONGODB-X509", "mongodb://u@h/?authMechanism=MONGODB-X509"),
    ]) func theUsersDatabaseIsWrittenOut(_ uri: String, _ expected: String) throws {
        #expect(try connection(uri).arguments.first == "--uri=" + expected)
    }

    /// The tools take milliseconds of the URI for seconds (`ARCHIVE-FORMAT.md`, B1).
    @Test func timeLimitsOfTheURIAreGivenInSeconds() throws {
        let (arguments, _) = try connection("mongodb://h/?serverSelectionTimeoutMS=2500&connectTimeoutMS=2000")
        #expect(arguments == ["--uri=mongodb://h/", "--serverSelectionTimeout=2"])
    }

    @Test func toolsOfAServersTimeGetPieces() throws {
        let (arguments, config) = try connection(
            "mongodb://u:\(Self.secret)@h1,h2:2/?replicaSet=rs0&tls=true&tlsCAFile=/ca.pem", "r3.6.23")
        #expect(
            arguments == [
                "--host=rs0/h1,h2:2", "--username=u", "--ssl", "--sslCAFile=/ca.pem", "--authenticationDatabase=admin",
            ])
        #expect(config == #"{"password":"\#(Self.secret)"}"#)
        #expect(throws: BackupError.self) { try connection("mongodb+srv://cluster.db.example/", "r4.0.28") }
    }

    @Test func aPasswordIsRefusedToAToolThatCannotKeepIt() throws {
        let error = #expect(throws: BackupError.self) {
            try connection("mongodb://u:\(Self.secret)@h/", "100.2.0", hasConfig: false)
        }
        #expect(error?.code == .unsupported && error?.message.contains(Self.secret) == false)
    }

    @Test func readPreferenceReplacesThatOfTheURI() throws {
        let uri = try MongoURI("mongodb://u:p@h/?readPreference=secondary&readPreferenceTags=dc:a&w=1")
            .reading(.secondaryPreferred)
        #expect(uri.text == "mongodb://u:p@h/?w=1&readPreference=secondaryPreferred")
    }
}

struct ProgramFinderTests {
    private func scratch() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "backupctl-find-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        chmod(folder.path, 0o755)
        return folder
    }

    private func make(_ path: URL, mode: mode_t) throws {
        try Data("#!/bin/true\n".utf8).write(to: path)
        chmod(path.path, mode)
    }

    @Test func itIsFoundOnThePath() throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        try make(folder.appending(path: "mongodump"), mode: 0o755)
        let finder = ProgramFinder(folder: nil, path: "relative:/nowhere:\(folder.path)")
        #expect(try finder.find("mongodump", hint: "").hasSuffix("/mongodump"))
        let error = #expect(throws: BackupError.self) { try finder.find("mongorestore", hint: "h") }
        #expect(error?.code == .toolNotFound)
        #expect(error?.message == "cannot find 'mongorestore': looked in '/nowhere', '\(folder.path)'")
    }

    @Test(arguments: [0o777, 0o757, 0o775] as [mode_t]) func whatOthersCanChangeIsRefused(_ mode: mode_t) throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        try make(folder.appending(path: "mongodump"), mode: mode)
        let error = #expect(throws: BackupError.self) {
            try ProgramFinder(folder: folder.path, path: nil).find("mongodump", hint: "")
        }
        #expect(error?.code == .toolRefused)
    }

    @Test func aLinkIsJudgedByWhatItLeadsTo() throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let open = folder.appending(path: "open")
        try FileManager.default.createDirectory(at: open, withIntermediateDirectories: true)
        try make(open.appending(path: "impostor"), mode: 0o755)
        chmod(open.path, 0o777)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "mongodump"), withDestinationURL: open.appending(path: "impostor"))
        let error = #expect(throws: BackupError.self) {
            try ProgramFinder(folder: folder.path, path: nil).find("mongodump", hint: "")
        }
        #expect(error?.code == .toolRefused && error?.message.contains("its folder") == true)
        // The sticky bit keeps others from putting another file there.
        chmod(open.path, 0o1777)
        #expect(try ProgramFinder(folder: folder.path, path: nil).find("mongodump", hint: "").hasSuffix("/impostor"))
    }

    @Test(arguments: [0o644, 0o600] as [mode_t]) func whatCannotBeRunIsSaid(_ mode: mode_t) throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        try make(folder.appending(path: "mongodump"), mode: mode)
        let error = #expect(throws: BackupError.self) {
            try ProgramFinder(folder: folder.path, path: nil).find("mongodump", hint: "")
        }
        #expect(error?.code == .toolNotFound && error?.message.contains("not an executable") == true)
    }
}
