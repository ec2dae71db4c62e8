import BackupTestSupport
import Foundation
import Testing

/// Process namespaces, such as every container has one.
enum Namespaces {
    /// What runs a program in a namespace of its own, with its own `/proc`, until it is killed.
    static let enter = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    static let areAvailable = (try? ChildProcess.run(enter[0], "--pid", "--fork", "--mount-proc", "/bin/true")) == 0
    static let skipReason: Comment = "needs 'unshare', and the right to make a process namespace (root)"
}

extension Backupctl {
    /// Starts the program in a process namespace of its own.
    func startInNamespace(_ arguments: String...) throws -> RunningCommand {
        let words = Namespaces.enter.dropFirst() + [Self.binary ?? ""] + arguments
        return try RunningCommand(Namespaces.enter[0], Array(words), environment: environment, in: fixture)
    }
}
