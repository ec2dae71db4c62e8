package import Foundation
import Synchronization

/// What one test has made, taken away in reverse order when the test lets go of it, whether it passed or not.
///
/// Keep it in a property of the suite: Swift Testing makes a suite for every test and drops it afterwards.
package final class Fixture: Sendable {
    private let steps = Mutex<[@Sendable () -> Void]>([])
    package let folder: URL

    package init() {
        let folder = ScratchFolder.make("test")
        self.folder = folder
        onEnd { ScratchFolder.remove(folder) }
    }

    deinit {
        let last = steps.withLock { $0 }
        for step in last.reversed() { step() }
    }

    /// Adds a step to the clean-up: it runs before those that were added earlier.
    package func onEnd(_ step: @escaping @Sendable () -> Void) {
        steps.withLock { $0.append(step) }
    }

    /// Where a file of this test may lie.
    package func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

    /// Writes a file with this mode, whatever the umask says; gives its path.
    @discardableResult
    package func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        try write(Data(text.utf8), to: name, mode: mode)
    }

    @discardableResult
    package func write(_ data: Data, to name: String, mode: Int = 0o600) throws -> String {
        let path = path(name)
        try data.write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }
}

/// Folders that are gone when the process is: all of them lie in one.
package enum ScratchFolder {
    private static let root: URL = {
        let root = FileManager.default.temporaryDirectory
            .appending(path: "backupctl-tests-\(UUID().uuidString.prefix(8))", directoryHint: .isDirectory)
        // Servers are ended and disks are unmounted by watchdogs of their own first.
        rootWatchdog.withLock { $0 = try? Watchdog(script: "sleep 1; rm -rf \"$1\"", [root.path]) }
        return root
    }()
    private static let rootWatchdog = Mutex<Watchdog?>(nil)

    package static func make(_ name: String) -> URL {
        let folder = root.appending(
            path: "\(name)-\(UUID().uuidString.prefix(8))", directoryHint: .isDirectory)
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            // What is made in it will fail, in the test that makes it.
            FileHandle.standardError.write(Data("cannot make '\(folder.path)': \(error)\n".utf8))
        }
        return folder
    }

    package static func remove(_ folder: URL) {
        try? FileManager.default.removeItem(at: folder)
    }
}

/// A test could not be set up; the reason is for whoever reads its output.
package struct SetupError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
