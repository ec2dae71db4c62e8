import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

struct OpeningTests {
    @Test func everyConnectionHasItsSettings() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try catalog.backUp(1)
        let common = [
            ("journal_mode", "wal"), ("foreign_keys", "1"), ("trusted_schema", "0"), ("cell_size_check", "1"),
            ("recursive_triggers", "1"),
        ]
        func value(_ name: String, _ database: Database) throws -> String? {
            try String.fetchOne(database, sql: "PRAGMA \(name)")
        }
        for (name, expected) in common + [("synchronous", "2"), ("busy_timeout", "5000")] {
            let found = try catalog.pool.writeWithoutTransaction { try value(name, $0) }
            #expect(found == expected, "writer: \(name)")
        }
        for (name, expected) in common {
            #expect(try catalog.pool.read { try value(name, $0) } == expected, "reader: \(name)")
        }
    }

    @Test func filesAreForTheirOwnerOnlyWhateverTheUmask() async throws {
        for mask in [0, 0o022, 0o777] as [Int32] {
            let scratch = try Scratch()
            let path = scratch.path
            await #expect(processExitsWith: .success) { [path = path as String, mask = mask as Int32] in
                umask(mode_t(mask))
                let catalog = try Catalog.open(at: path)
                try catalog.insert(Sample.repository, Sample.act())
                _ = try catalog.jobs()
                try CatalogOpening(path: path, migrations: MigrationTests.both)
                    .open().close()
                for name in ["", "-wal", "-shm", MigrationTests.copySuffix] where try permissions(path + name) != 0o600
                {
                    print("\(name): \(String(try permissions(path + name), radix: 8))")
                    exit(EXIT_FAILURE)
                }
                // Without closing: the three files stay as they are.
                exit(EXIT_SUCCESS)
            }
            for name in try scratch.names() {
                #expect(try permissions(scratch.folder + "/" + name) == 0o600, "\(name) with umask \(mask)")
            }
            #expect(try scratch.names().count == 4)
        }
    }

    @Test func aCopyThatOthersMayReadIsTightened() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: scratch.path)
        let catalog = try Catalog.open(at: scratch.path)
        for name in try scratch.names() { #expect(try permissions(scratch.folder + "/" + name) == 0o600, "\(name)") }
        try catalog.close()
    }

    @Test func whatIsNoCatalogIsRefused() throws {
        let scratch = try Scratch()
        let text = Data(String(repeating: "not a database\n", count: 1000).utf8)
        try text.write(to: URL(fileURLWithPath: scratch.path))
        let error = failure { _ = try Catalog.open(at: scratch.path) }
        #expect(error?.code == .catalogFailed)
        #expect(error?.message.contains("'\(scratch.path)': the file is not a catalog of backupctl") == true)
        #expect(error?.hint?.contains("--state-dir") == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path)) == text)
        #expect(failure { _ = try Catalog.open(at: scratch.folder) }?.message.contains("not a regular file") == true)
        let missing = failure { _ = try Catalog.open(at: scratch.folder + "/none/catalog.sqlite") }
        #expect(missing?.code == .storageFailed && missing?.message.contains("no such file or directory") == true)
        #expect(failure { _ = try Catalog.open(at: scratch.path + "/catalog.sqlite") }?.code == .storageFailed)
        #expect(failure { _ = try Catalog.open(at: "/proc/catalog.sqlite") } != nil)
    }

    @Test func aPipeIsRefusedAndNotWaitedFor() throws {
        let scratch = try Scratch()
        #expect(mkfifo(scratch.path, 0o600) == 0)
        #expect(failure { _ = try Catalog.open(at: scratch.path) }?.code == .catalogFailed)
    }

    @Test(arguments: [false, true]) func aWALWithoutItsFileIsNotThrownAway(isEmptied: Bool) throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        for name in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: scratch.path + name, toPath: scratch.folder + "/copy" + name)
        }
        try catalog.close()
        let copy = scratch.folder + "/copy"
        try isEmptied ? Data().write(to: URL(fileURLWithPath: copy)) : FileManager.default.removeItem(atPath: copy)
        let wal = try Data(contentsOf: URL(fileURLWithPath: copy + "-wal"))
        let error = failure { _ = try Catalog.open(at: copy) }
        #expect(error?.code == .catalogFailed && error?.hint != nil)
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy + "-wal")) == wal)
    }

    @Test(arguments: ["odd name?#%20.sqlite", "file:x.sqlite", ":memory:", "日本 🎈.sqlite", "'quote\".sqlite"])
    func oddFileNamesAreNames(name: String) throws {
        let scratch = try Scratch()
        let path = scratch.folder + "/" + name
        try Catalog.open(at: path).insert(Sample.repository, Sample.act())
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0 > 0)
        let upgraded = try CatalogOpening(path: path, migrations: MigrationTests.both).open()
        #expect(try upgraded.repositories().count == 1)
        #expect(FileManager.default.fileExists(atPath: path + MigrationTests.copySuffix))
    }

    @Test func aFullDiskIsSaidAndChangesNothing() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        try catalog.pool.writeWithoutTransaction { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            try database.execute(sql: "PRAGMA max_page_count = \(pages)")
        }
        var job = try Sample.job("big", connection: .file("/" + String(repeating: "x", count: 1 << 20)))
        #expect(failure { try catalog.insert(job, Sample.act()) }?.code == .storageFull)
        #expect(try catalog.jobs().count == 1)
        #expect(try catalog.check().isSound)
        job.source.connection = .file("/x")
        try catalog.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 100000") }
        try catalog.insert(job, Sample.act())
    }

    /// As somebody else than root, who may do everything.
    @Test(.enabled(if: geteuid() == 0), arguments: [0o000, 0o400]) func whatMayNotBeWrittenIsSaid(mode: Int)
        async throws
    {
        let scratch = try Scratch()
        try scratch.catalog().close()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scratch.path)
        #expect(chmod(scratch.folder, 0o777) == 0)
        let path = scratch.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            guard setuid(65534) == 0 else { exit(EXIT_FAILURE) }
            let error = failure { _ = try Catalog.open(at: path) }
            let isSaid =
                error?.code == .storageFailed && error?.message.contains("'\(path)': permission denied") == true
            exit(isSaid && error?.hint != nil ? EXIT_SUCCESS : EXIT_FAILURE)
        }
    }

    static let codes: [(ResultCode, BackupError.Code)] = [
        (.SQLITE_FULL, .storageFull), (.SQLITE_READONLY, .storageReadOnly), (.SQLITE_BUSY, .locked),
        (.SQLITE_LOCKED, .locked), (.SQLITE_CANTOPEN, .storageFailed), (.SQLITE_PERM, .storageFailed),
        (.SQLITE_IOERR, .storageFailed), (.SQLITE_CORRUPT, .catalogFailed), (.SQLITE_NOTADB, .catalogFailed),
        (.SQLITE_CONSTRAINT, .catalogFailed), (.SQLITE_ERROR, .catalogFailed),
        (.SQLITE_IOERR_FSYNC, .storageFailed), (.SQLITE_READONLY_DIRECTORY, .storageReadOnly),
        (.SQLITE_BUSY_SNAPSHOT, .locked), (.SQLITE_CORRUPT_INDEX, .catalogFailed),
    ]

    @Test(arguments: codes.indices) func everySQLiteErrorNamesTheFile(index: Int) {
        let (code, expected) = Self.codes[index]
        let error = CatalogFailure.describe(
            DatabaseError(resultCode: code, message: "reason", sql: "SELECT 'CANARY-9f3a'", arguments: ["CANARY-9f3a"]),
            verb: "write", path: "/state/\u{1B}[31mcatalog.sqlite")
        #expect(error.code == expected)
        #expect(error.message.hasPrefix("cannot write catalog '/state/\\u{1b}[31mcatalog.sqlite': "))
        #expect(!error.message.contains("CANARY"))
    }
}
