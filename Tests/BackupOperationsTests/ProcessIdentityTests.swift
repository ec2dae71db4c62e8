import BackupModel
import Foundation
import Testing

@testable import BackupOperations

/// Who is alive: the number of a process alone does not say.
@Suite struct ProcessIdentityTests {
    @Test func thisProcessIsAlive() throws {
        let current = try ProcessIdentity.current()
        #expect(current.isAlive)
        #expect(current.processID == getpid())
        #expect(try ProcessIdentity.current() == current)
    }

    @Test func anotherProcessOfTheSameNumberIsNot() throws {
        var reused = try ProcessIdentity.current()
        reused.startTicks &-= 1
        #expect(!reused.isAlive)
    }

    @Test func aProcessBeforeTheLastBootIsNot() throws {
        var old = try ProcessIdentity.current()
        old.bootID = "00000000-0000-0000-0000-000000000000"
        #expect(!old.isAlive)
    }

    @Test(arguments: [0, -1, Int32.min, Int32.max, 4_194_304])
    func aNumberThatNobodyHasIsNot(number: Int32) throws {
        var nobody = try ProcessIdentity.current()
        nobody.processID = number
        #expect(!nobody.isAlive)
    }

    /// A name with parentheses and spaces must not shift the fields of `/proc/PID/stat`; and a zombie has ended.
    @Test func aChildIsAliveUntilItEndsAndAsAZombieItIsNot() throws {
        let scratch = try Scratch()
        let program = scratch.path(of: "a) R 1 (b")
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: program)
        let child = try Child(program, ["1000"])
        defer { child.reap() }
        let ticks = try #require(child.startTicks)
        let identity = ProcessIdentity(
            processID: child.number, startTicks: ticks, bootID: try ProcessIdentity.current().bootID)
        #expect(identity.isAlive)
        child.kill()
        for _ in 0..<500 where child.state != "Z" { Thread.sleep(forTimeInterval: 0.01) }
        #expect(child.state == "Z")
        #expect(!identity.isAlive)
        child.reap()
        #expect(!identity.isAlive)
    }
}

/// A child whose end is not waited for until it is reaped.
private final class Child {
    let number: pid_t

    init(_ program: String, _ arguments: [String]) throws {
        var number: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        try #require(posix_spawn(&number, program, nil, nil, &words, nil) == 0)
        self.number = number
    }

    func kill() { _ = Foundation.kill(number, SIGKILL) }

    func reap() { _ = waitpid(number, nil, 0) }

    /// The fields after the name; independent of the code under test, which counts from the last parenthesis too.
    private var fields: [Substring] {
        let text = (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)) ?? ""
        return text.components(separatedBy: ") ").last?.split(separator: " ") ?? []
    }

    var state: String { fields.first.map(String.init) ?? "" }
    var startTicks: UInt64? { fields.count > 19 ? UInt64(fields[19]) : nil }
}
