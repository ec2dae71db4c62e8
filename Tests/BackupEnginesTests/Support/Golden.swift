import Foundation

@testable import BackupEngines
import BackupModel
import MongoArchive

/// What real tools wrote, and what the server said of the data then (`Tests/MongoArchiveTests/Fixtures/golden`).
struct Golden {
    var bytes: [UInt8]
    private var description: BSONDocument

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "MongoArchiveTests/Fixtures/golden")

    init(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        bytes = name.hasSuffix(".gz") ? try Self.gunzip(file) : [UInt8](try Data(contentsOf: file))
        let json = try String(contentsOf: Self.folder.appending(path: name + ".json"), encoding: .utf8)
        description = try ExtendedJSON.parse(json)
    }

    private static func gunzip(_ file: URL) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return [UInt8](data)
    }

    struct Expectation {
        var namespace: Namespace
        var hash: String?
        var options: BSONDocument
        var indexes: [String: BSONDocument]
        var documents: Int64?
    }

    var expectations: [Expectation] {
        (description["namespaces"]?.documentValue ?? .empty).elements.compactMap { name, value in
            guard let namespace = Namespace(parsing: name), let entry = value.documentValue else { return nil }
            let indexes = (entry["indexes"]?.arrayValues ?? []).compactMap(\.documentValue)
            return Expectation(
                namespace: namespace, hash: entry["dbhash_md5"]?.stringValue,
                options: entry["options"]?.documentValue ?? .empty,
                indexes: indexes.byName,
                documents: entry["documents"]?.asInt64)
        }
    }
}
