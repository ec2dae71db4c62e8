import BackupModel
import Foundation
import Testing

@testable import BackupOperations

/// Files that only their owner may read, and the directory of them.
@Suite struct PrivateFileTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test(arguments: [0o000, 0o022, 0o077] as [Int32])
    func modesDoNotDependOnTheUmask(mask: Int32) async throws {
        let path = scratch.path(of: "a/b/state")
        // The mask belongs to the whole process, and tests beside this one would make folders with it.
        await #expect(processExitsWith: .success) { [path = path as String, mask = mask as Int32] in
            umask(mode_t(mask))
            let state = try StateDirectory.open(at: path)
            try PrivateFile.write("text", to: state.secrets + "/x")
            RunLog(path: state.path + "/logs/x.log", now: { .now }).write("text")
            exit(EXIT_SUCCESS)
        }
        for folder in ["a", "a/b", "a/b/state", "a/b/state/logs", "a/b/state/secrets"] {
            #expect(try mode(scratch.path(of: folder)) == 0o700, "\(folder)")
        }
        #expect(try mode(path + "/secrets/x") == 0o600)
        #expect(try mode(path + "/logs/x.log") == 0o600)
    }

    @Test func writingReplacesWholeAndLeavesNothingElse() throws {
        let path = try scratch.write("secret", "old and longer", mode: 0o644)
        try PrivateFile.write("new", to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        #expect(try mode(path) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["secret"])
    }

    /// A link in the place of the file is replaced, not followed.
    @Test func writingDoesNotFollowALink() throws {
        let other = try scratch.write("other", "keep")
        let link = scratch.path(of: "secret")
        symlink(other, link)
        symlink(other, link + ".\(getpid()).new")
        try PrivateFile.write("new", to: link)
        #expect(try String(contentsOfFile: other, encoding: .utf8) == "keep")
        #expect(try String(contentsOfFile: link, encoding: .utf8) == "new")
    }

    @Test func aFailedWriteSaysWhichFileAndLeavesNone() throws {
        let error = failure { try PrivateFile.write("x", to: scratch.path(of: "no/such/folder/x")) }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("no/such/folder/x") == true)
        mkdir(scratch.path(of: "folder"), 0o700)
        #expect(failure { try PrivateFile.write("x", to: scratch.path(of: "folder")) } != nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["folder"])
    }

    @Test func removingWhatIsGoneIsNoError() throws {
        try PrivateFile.remove(scratch.path(of: "nothing"))
        mkdir(scratch.path(of: "folder"), 0o700)
        #expect(failure { try PrivateFile.remove(scratch.path(of: "folder")) }?.code == .storageFailed)
    }

    @Test(arguments: [
        (0o700, nil), (0o770, BackupError.Code.refused), (0o702, .refused), (0o720, .refused), (0o777, .refused),
    ])
    func aDirectoryThatOthersCanWriteToIsRefused(mode: Int, code: BackupError.Code?) throws {
        let path = scratch.path(of: "state")
        mkdir(path, 0o700)
        chmod(path, mode_t(mode))
        #expect(failure { _ = try StateDirectory.open(at: path) }?.code == code)
    }

    /// Names of jobs and of hosts are nobody else's business: "a directory that nobody but its owner may enter".
    @Test func aDirectoryThatOthersCanEnterIsTightenedOrRefused() throws {
        let path = scratch.path(of: "state")
        mkdir(path, 0o700)
        chmod(path, 0o755)
        let error = failure { _ = try StateDirectory.open(at: path) }
        let result = try mode(path)
        #expect(error?.code == .refused || result == 0o700)
    }

    @Test func whatIsNoDirectoryIsRefused() throws {
        let file = try scratch.write("file", "")
        let folder = scratch.path(of: "folder")
        mkdir(folder, 0o700)
        symlink(folder, scratch.path(of: "link"))
        symlink(scratch.path(of: "nowhere"), scratch.path(of: "dangling"))
        mkfifo(scratch.path(of: "fifo"), 0o600)
        for name in ["file", "link", "dangling", "fifo", "file/below"] {
            let error = failure { _ = try StateDirectory.open(at: scratch.path(of: name)) }
            #expect(error?.code == .storageFailed, "\(name)")
            #expect(error?.message.contains(name) == true)
        }
        #expect(!exists(scratch.path(of: "nowhere")))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "")
    }

    @Test func aDirectoryOfAnotherUserIsRefused() throws {
        guard geteuid() == 0 else { return }
        let path = scratch.path(of: "state")
        mkdir(path, 0o700)
        chown(path, 12345, 12345)
        #expect(failure { _ = try StateDirectory.open(at: path) }?.code == .refused)
    }

    @Test func pathsAreMadeAbsoluteWithoutASlashAtTheEnd() throws {
        #expect(try StateDirectory.open(at: scratch.path + "/x/../state/").path == scratch.path + "/state")
        let odd = scratch.path + "/with space %41 ü"
        #expect(try StateDirectory.open(at: odd).path == odd)
    }

    struct Place: Sendable {
        var environment: [String: String]
        var isRoot = false
        var path: String?
    }

    @Test(arguments: [
        Place(environment: ["BACKUPCTL_STATE_DIR": "/srv/b", "HOME": "/home/a"], path: "/srv/b"),
        Place(environment: ["BACKUPCTL_STATE_DIR": "/srv/b"], isRoot: true, path: "/srv/b"),
        Place(environment: ["BACKUPCTL_STATE_DIR": "", "HOME": "/home/a"], path: "/home/a/.local/state/backupctl"),
        Place(environment: ["BACKUPCTL_STATE_DIR": ""], isRoot: true, path: "/var/lib/backupctl"),
        Place(environment: ["XDG_STATE_HOME": "/x", "HOME": "/home/a"], isRoot: true, path: "/var/lib/backupctl"),
        Place(environment: ["XDG_STATE_HOME": "/x", "HOME": "/home/a"], path: "/x/backupctl"),
        // Relative paths in XDG variables are invalid and to be ignored (XDG Base Directory Specification).
        Place(environment: ["XDG_STATE_HOME": "x", "HOME": "/home/a"], path: "/home/a/.local/state/backupctl"),
        Place(environment: ["XDG_STATE_HOME": "", "HOME": "/home/a"], path: "/home/a/.local/state/backupctl"),
        Place(environment: ["HOME": "home"]), Place(environment: ["HOME": ""]), Place(environment: [:]),
    ])
    func theDefaultPathFollowsTheRules(place: Place) throws {
        let choose = { try StateDirectory.defaultPath(environment: place.environment, isRoot: place.isRoot) }
        if let path = place.path {
            #expect(try choose() == path)
        } else {
            #expect(failure { _ = try choose() }?.code == .usage)
        }
    }
}

/// Where connection strings come from, and what is refused.
@Suite struct ConnectionSecretsTests {
    private static let uri = "mongodb://alice:S3cr3tCanary@h:27017/shop"
    private let scratch: Scratch
    private let state: StateDirectory
    private let job: JobName

    init() throws {
        scratch = try Scratch()
        state = try StateDirectory.open(at: scratch.statePath)
        job = try JobName("orders")
    }

    private func secrets(_ environment: [String: String] = [:]) -> ConnectionSecrets {
        ConnectionSecrets(state: state, environment: environment)
    }

    private func read(_ path: String) throws -> String { try secrets().resolve(.file(path)) }

    @Test(arguments: [uri, uri + "\n", "  \(uri)  \n", uri + "\r\n", "\n\n\(uri)\nsecond line\n"])
    func theFirstLineOfAFileCounts(text: String) throws {
        #expect(try read(scratch.write("uri", text)) == Self.uri)
    }

    @Test(arguments: [0o600, 0o400, 0o700])
    func aFileForItsOwnerOnlyIsRead(mode: Int) throws {
        #expect(try read(scratch.write("uri", Self.uri, mode: mode)) == Self.uri)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o602, 0o610, 0o644, 0o666])
    func aFileForOthersTooIsRefused(mode: Int) throws {
        let path = try scratch.write("uri", Self.uri, mode: mode)
        let error = failure { _ = try read(path) }
        #expect(error?.code == .secretUnavailable)
        #expect(error?.hint?.contains("chmod 600") == true)
        #expect(error?.message.contains("S3cr3t") == false)
    }

    /// Kubernetes' `fsGroup` gives root's files mode 0440, systemd's `LoadCredential=` too, with an access list.
    @Test(arguments: [
        (0, 0o440, 10_001, nil), (0, 0o640, 10_001, nil), (0, 0o400, 10_001, nil),
        (0, 0o444, 10_001, SecretFile.Doubt.openToOthers), (0, 0o460, 10_001, .openToOthers),
        (0, 0o450, 10_001, .openToOthers), (0, 0o442, 10_001, .openToOthers), (0, 0o441, 10_001, .openToOthers),
        (0, 0o440, 0, .openToOthers), (0, 0o600, 0, nil), (10_001, 0o600, 0, .ofAnotherUser),
        (10_001, 0o440, 10_001, .openToOthers), (10_001, 0o400, 10_001, nil), (10_002, 0o600, 10_001, .ofAnotherUser),
        (10_002, 0o640, 10_001, .openToOthers),
    ])
    func aGroupReadsOnlyWhatRootHandedToIt(owner: UInt32, mode: UInt32, reader: UInt32, doubt: SecretFile.Doubt?) {
        #expect(SecretFile.doubt(owner: owner, mode: mode, reader: reader) == doubt)
    }

    @Test(arguments: ["", "\n", "   \n\t\n"])
    func anEmptyFileIsNamed(text: String) throws {
        let path = try scratch.write("uri", text)
        let error = failure { _ = try read(path) }
        #expect(error?.code == .secretUnavailable)
        #expect(error?.message.contains(path) == true)
    }

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        let fifo = scratch.path(of: "fifo")
        mkfifo(fifo, 0o600)
        for path in [fifo, scratch.path, "/dev/null", scratch.path(of: "missing"), scratch.path(of: "missing/x")] {
            #expect(failure { _ = try read(path) }?.code == .secretUnavailable, "\(path)")
        }
    }

    @Test func aLinkIsFollowedToAFileThatIsChecked() throws {
        let link = scratch.path(of: "link")
        symlink(try scratch.write("good", Self.uri), link)
        #expect(try read(link) == Self.uri)
        let open = scratch.path(of: "open")
        symlink(try scratch.write("bad", Self.uri, mode: 0o644), open)
        #expect(failure { _ = try read(open) }?.code == .secretUnavailable)
    }

    @Test func aFileOfAnotherUserIsRefused() throws {
        guard geteuid() == 0 else { return }
        let path = try scratch.write("uri", Self.uri)
        chown(path, 12345, 12345)
        #expect(failure { _ = try read(path) }?.code == .secretUnavailable)
    }

    @Test func aHugeFileIsNotTakenIn() throws {
        let fits = Self.uri + "\n" + String(repeating: "x", count: 65_536 - Self.uri.utf8.count - 1)
        #expect(try read(scratch.write("uri", fits)) == Self.uri)
        let path = try scratch.write("uri", fits + "x")
        #expect(failure { _ = try read(path) }?.code == .secretUnavailable)
    }

    @Test func whatIsInAFileMustBeAURIAndIsNotShown() throws {
        let path = try scratch.write("uri", "S3cr3tCanary")
        let error = failure { _ = try read(path) }
        #expect(error?.code == .invalidURI)
        #expect(error?.message.contains(path) == true)
        #expect(error?.message.contains("S3cr3t") == false)
    }

    @Test func variablesAreReadWhenTheyAreNeeded() throws {
        let reference = try secrets().keep(.environment("URI"), for: job)
        #expect(reference == .environment("URI"))
        #expect(failure { _ = try secrets().resolve(reference, of: job) }?.code == .secretUnavailable)
        #expect(failure { _ = try secrets(["URI": ""]).resolve(reference, of: job) }?.code == .secretUnavailable)
        #expect(failure { _ = try secrets(["URI": "x"]).resolve(reference, of: job) }?.code == .invalidURI)
        #expect(try secrets(["URI": Self.uri]).resolve(reference, of: job) == Self.uri)
    }

    /// Who gives the string where its variable's name is asked for must not find it in the catalog.
    @Test(arguments: [uri, "MONGODB://x", "mongodb+srv://a:b@h", "", "A=B", "A\u{0}B"])
    func aStringIsNoNameOfAVariable(name: String) throws {
        let error = failure { _ = try secrets().keep(.environment(name), for: job) }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("S3cr3t") == false)
        #expect(failure { _ = try secrets().resolve(.environment(name)) }?.code == .usage)
    }

    @Test func aRelativePathIsKeptAsAnAbsoluteOne() throws {
        let path = try scratch.write("uri", Self.uri)
        let up = String(repeating: "../", count: FileManager.default.currentDirectoryPath.split(separator: "/").count)
        let reference = try secrets().keep(.file(up + path.dropFirst()), for: job)
        guard case .file(let kept) = reference else {
            Issue.record("not a file")
            return
        }
        #expect(kept.hasPrefix("/"))
        #expect(try secrets().resolve(reference, of: job) == Self.uri)
    }

    @Test func keepingAFileChecksItFirst() throws {
        #expect(failure { _ = try secrets().keep(.file(scratch.path(of: "missing")), for: job) } != nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.secrets).isEmpty)
    }

    @Test(arguments: [uri, "mongodb://alice:p%40ss@h/", "mongodb://h/?tlsCertificateKeyFilePassword=hidden"])
    func aLiteralWithASecretIsStored(text: String) throws {
        let reference = try secrets().keep(.literal(text), for: job)
        guard case .stored(let redacted) = reference else {
            Issue.record("\(reference) was not stored")
            return
        }
        for secret in ["S3cr3tCanary", "p%40ss", "p@ss", "hidden"] { #expect(!redacted.contains(secret)) }
        #expect(try mode(state.secrets + "/orders") == 0o600)
        #expect(try secrets().resolve(reference, of: job) == text)
        try secrets().forget(job)
        #expect(failure { _ = try secrets().resolve(reference, of: job) }?.code == .secretUnavailable)
        try secrets().forget(job)
    }
}
