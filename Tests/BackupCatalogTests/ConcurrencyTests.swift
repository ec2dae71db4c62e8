import BackupModel
import Foundation
import GRDB
import Synchronization
import Testing

@testable import BackupCatalog

struct ConcurrencyTests {
    /// Runs `body` on threads of their own at once, and gives what they threw.
    private func together(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) -> [any Error] {
        let errors = Mutex<[any Error]>([])
        let group = DispatchGroup()
        for number in 0..<count {
            group.enter()
            Thread.detachNewThread {
                do { try body(number) } catch { errors.withLock { $0.append(error) } }
                group.leave()
            }
        }
        group.wait()
        return errors.withLock { $0 }
    }

    @Test func manyWritersOfTwoCatalogsDoNotMeet() throws {
        let scratch = try Scratch()
        let catalogs = [try scratch.catalog(), try Catalog.open(at: scratch.path)]
        let errors = together(8) { writer in
            for round in 0..<15 {
                let number = writer * 100 + round + 1
                try catalogs[number % 2].backUp(number, job: "job-\(writer)")
                _ = try catalogs[(number + 1) % 2].snapshots(job: "job-\(writer)")
            }
        }
        #expect(errors.isEmpty, "\(errors)")
        #expect(try catalogs[0].runs().count == 120)
        #expect(try catalogs[1].snapshots().count == 120)
        #expect(try catalogs[1].check().isSound)
    }

    @Test func ofTwoBackupsThatStartAtOnceOneDoes() throws {
        let scratch = try Scratch()
        let catalogs = [try scratch.catalog(), try Catalog.open(at: scratch.path)]
        for round in 1...20 {
            let started = Mutex<[Run]>([])
            let errors = together(4) { racer in
                let run = try Sample.run(round * 10 + racer)
                let winner = try catalogs[racer % 2].start(run, owner: Sample.owner, Sample.act())
                started.withLock { $0.append(winner) }
            }
            let winners = started.withLock { $0 }
            #expect(winners.count == 1)
            #expect(errors.count == 3 && errors.allSatisfy { ($0 as? BackupError)?.code == .locked }, "\(errors)")
            #expect(try catalogs[0].activeRuns() == winners)
            for var run in winners {
                run.state = .cancelled
                try catalogs[1].finish(run, Sample.act())
            }
        }
    }

    @Test func aReaderWaitsForNoWriter() throws {
        let scratch = try Scratch()
        let catalog = try scratch.catalog()
        let other = try Catalog.open(at: scratch.path)
        try other.pool.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                try database.execute(sql: "DELETE FROM job")
                let before = ContinuousClock.now
                #expect(try catalog.jobs().count == 1)
                #expect(ContinuousClock.now - before < .seconds(2))
                return .rollback
            }
        }
    }

    @Test func aWriterThatWaitsTooLongSaysSo() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        let catalog = try CatalogOpening(path: scratch.path, patience: 0.1).open()
        let other = try scratch.raw()
        try other.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                let error = failure { try catalog.setPaused(true, job: JobName("orders"), Sample.act()) }
                #expect(error?.code == .locked && error?.message.contains("another process") == true)
                return .rollback
            }
        }
        try catalog.setPaused(true, job: JobName("orders"), Sample.act())
    }

    @Test func firstOpeningsAtOnceMakeOneCatalog() throws {
        for _ in 0..<5 {
            let scratch = try Scratch()
            let errors = together(6) { number in
                let catalog = try Catalog.open(at: scratch.path)
                try catalog.record(EventAction(rawValue: "opened"), detail: "\(number)", Sample.act())
                try catalog.close()
            }
            #expect(errors.isEmpty, "\(errors)")
            let catalog = try Catalog.open(at: scratch.path)
            #expect(try catalog.events().count == 6)
            #expect(try catalog.check().isSound)
        }
    }

    @Test func upgradesAtOnceAreOneUpgrade() throws {
        let scratch = try Scratch()
        try scratch.catalog().close()
        let errors = together(6) { _ in
            try CatalogOpening(path: scratch.path, migrations: MigrationTests.both).open().close()
        }
        #expect(errors.isEmpty, "\(errors)")
        #expect(try scratch.names() == ["catalog.sqlite", "catalog.sqlite" + MigrationTests.copySuffix])
    }

    @Test func processesShareACatalogFromItsFirstOpening() async throws {
        let scratch = try Scratch()
        let path = scratch.path
        await withTaskGroup(of: Void.self) { group in
            for process in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String, process = process as Int] in
                        let catalog = try Catalog.open(at: path)
                        for round in 1...10 {
                            try catalog.record(
                                EventAction(rawValue: "round"), detail: "\(process) \(round)", Sample.act())
                            _ = try catalog.events(limit: 3)
                        }
                        try catalog.close()
                    }
                }
            }
        }
        let catalog = try Catalog.open(at: path)
        #expect(Set(try catalog.events().map(\.detail)).count == 40)
        #expect(try catalog.check().isSound)
    }

    @Test func whatWasAcknowledgedSurvivesAKill() async throws {
        for round in 0..<3 {
            let scratch = try Scratch()
            try scratch.catalog().close()
            let path = scratch.path
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
                let catalog = try Catalog.open(at: path)
                let acknowledged = try #require(fopen(path + ".acknowledged", "w"))
                Thread.detachNewThread {
                    usleep(UInt32(150_000 + 70_000 * round))
                    kill(getpid(), SIGKILL)
                }
                for number in 1... {
                    let snapshot = try catalog.backUp(number)
                    fputs(snapshot.id + "\n", acknowledged)
                    fflush(acknowledged)
                }
            }
            let acknowledged = try String(contentsOfFile: path + ".acknowledged", encoding: .utf8).split(
                separator: "\n")
            let catalog = try Catalog.open(at: path)
            let there = Set(try catalog.snapshots().map(\.id))
            #expect(acknowledged.allSatisfy { there.contains(String($0)) })
            #expect(try catalog.check().isSound)
            #expect(try catalog.activeRuns().count <= 1)
        }
    }
}
