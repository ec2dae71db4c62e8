import Foundation

/// A file system in memory, of a size, for tests of disks that are full or read-only. It needs the right to mount.
package struct Mount: Sendable {
    private let path: String

    /// Tried once.
    package static let isPossible: Bool = {
        let folder = ScratchFolder.make("mount")
        defer { ScratchFolder.remove(folder) }
        guard (try? ChildProcess.run("/bin/mount", "-t", "tmpfs", "none", folder.path)) == 0 else { return false }
        return (try? ChildProcess.run("/bin/umount", folder.path)) == 0
    }()

    package init(at path: String, kibibytes: Int, in fixture: Fixture) throws {
        self.path = path
        let options = "size=\(kibibytes)k,mode=0700"
        guard try ChildProcess.run("/bin/mount", "-t", "tmpfs", "-o", options, "none", path) == 0 else {
            throw SetupError("cannot mount a tmpfs at '\(path)'")
        }
        let watchdog = try Watchdog(script: "umount -l \"$1\"", [path])
        fixture.onEnd {
            _ = try? ChildProcess.run("/bin/umount", "-l", path)
            watchdog.standDown()
        }
    }

    package func makeReadOnly() throws {
        guard try ChildProcess.run("/bin/mount", "-o", "remount,ro", path) == 0 else {
            throw SetupError("cannot make '\(path)' read-only")
        }
    }
}
