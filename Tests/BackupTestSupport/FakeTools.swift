package import Foundation

/// The stand-ins for `mongodump` and `mongorestore` of one test, in a folder of their own, ready to be started.
///
/// They do the real thing against a real server, and misbehave as they are told: `FakeTools/faketools.py` lists the
/// modes and their options. What they do not imitate they refuse with status 70.
package struct FakeTools: Sendable {
    /// A Python with pymongo: `BACKUPCTL_TEST_PYTHON`, else the one that `scripts/setup.sh` makes.
    package static let python =
        ProcessInfo.processInfo.environment["BACKUPCTL_TEST_PYTHON"]
        ?? sources.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: ".build/tools/venv/bin/python").path(percentEncoded: false)
    package static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: python) }
    package static let skipReason = "needs BACKUPCTL_TEST_PYTHON, a Python with pymongo"

    private static let sources = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "FakeTools", directoryHint: .notDirectory)

    package let folder: URL
    package var mongodump: String { folder.appending(path: "mongodump").path(percentEncoded: false) }
    package var mongorestore: String { folder.appending(path: "mongorestore").path(percentEncoded: false) }
    private var record: URL { folder.appending(path: "record.jsonl") }

    /// Both do as the real ones until they are told otherwise.
    package init(in fixture: Fixture, named name: String = "tools") throws {
        folder = fixture.folder.appending(path: name, directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for tool in ["mongodump", "mongorestore"] {
            // Isolated, and without files beside the sources: the environment is the test's business.
            let text = try fixture.write(
                """
                #!\(Self.python) -I
                import sys
                sys.dont_write_bytecode = True
                sys.path.insert(0, "\(Self.sources.path(percentEncoded: false))")
                import faketools
                sys.exit(faketools.main(sys.argv, "\(tool)"))

                """, to: "\(name)/\(tool).text", mode: 0o700)
            // Copied by a process of its own: a child that another test starts meanwhile would hold a file open that
            // was written here, and what someone may write to cannot be executed (ETXTBSY).
            let executable = folder.appending(path: tool).path(percentEncoded: false)
            guard try ChildProcess.run("/bin/cp", "--preserve=mode", text, executable) == 0 else {
                throw SetupError("cannot make '\(executable)'")
            }
        }
        try behave("right")
    }

    /// From the next start on. The options are an object of JSON.
    package func behave(_ mode: String, _ options: String = "{}") throws {
        let record = record.path(percentEncoded: false)
        try Data(#"{"mode": "\#(mode)", "record": "\#(record)", "options": \#(options)}"#.utf8)
            .write(to: folder.appending(path: "fake.json"))
    }

    /// What the tools have written down of themselves: their starts, the signals they got, the children they left.
    package func records(of event: String) throws -> [JSON] {
        guard let text = try? String(contentsOf: record, encoding: .utf8) else { return [] }
        return try text.split(separator: "\n").map { try JSON(String($0)) }.filter { $0["event"].string == event }
    }
}
