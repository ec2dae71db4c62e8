import BackupModel
import Foundation
import GRDB
import Testing

@testable import BackupCatalog

/// How a job's engine settings lie in its row: what has not changed must look as it always has, and what cannot be read must
/// not read as something else.
struct EngineSettingsRowTests {
    private let scratch: Scratch
    private let catalog: Catalog

    init() throws {
        scratch = try Scratch()
        catalog = try scratch.catalog()
    }

    private func stored(_ settings: EngineSettings) throws -> String? {
        var job = try catalog.job(named: JobName("orders"))
        job.settings = settings
        try catalog.update(job, Sample.act())
        return try scratch.raw().read { try String.fetchOne($0, sql: "SELECT engine_settings FROM job") }
    }

    /// Puts another text under a digest that is right.
    private func put(_ text: String) throws {
        try scratch.raw().write { database in
            let row = try #require(try Row.fetchOne(database, sql: "SELECT * FROM job"))
            var values: [String: (any DatabaseValueConvertible)?] = [:]
            for (column, value) in row where column != "digest" { values[column] = value }
            values["engine_settings"] = text
            try database.execute(
                sql: "UPDATE job SET engine_settings = ?, digest = ?",
                arguments: [text, CatalogRow(.job, values).digest])
        }
    }

    private static let before = #"{"dump":{"extraArguments":[],"oplog":false},"place":{"toolsDirectory":"/opt"}}"#

    @Test func withoutAnEffortARowIsWhatItWas() throws {
        #expect(try stored(EngineSettings()) == nil)
        #expect(try stored(EngineSettings(place: ToolPlace(toolsDirectory: "/opt"))) == Self.before)
        #expect(try stored(EngineSettings(effort: Effort(compression: .fast))) == nil)
    }

    @Test func aRowFromBeforeHasTheDefaultEffort() throws {
        try put(Self.before)
        let settings = try catalog.job(named: JobName("orders")).settings
        #expect(settings == EngineSettings(place: ToolPlace(toolsDirectory: "/opt")))
        #expect(try catalog.check().isSound)
    }

    @Test(arguments: [
        Effort(compression: .small), Effort(compression: .balanced, threads: 256, nice: 0), Effort(threads: 1),
        Effort(nice: 19),
    ])
    func anEffortComesBackAsItWas(effort: Effort) throws {
        let settings = EngineSettings(effort: effort)
        #expect(try stored(settings)?.contains(#""effort":{"compression":"\#(effort.compression)""#) == true)
        #expect(try catalog.job(named: JobName("orders")).settings == settings)
    }

    @Test(arguments: [
        #"{"compression":"max"}"#, #"{"compression":"FAST"}"#, #"{"compression":null}"#, "{}", "null", "1",
        #"{"compression":"fast","threads":0}"#, #"{"compression":"fast","threads":257}"#,
        #"{"compression":"fast","threads":1.5}"#, #"{"compression":"fast","threads":"2"}"#,
        #"{"compression":"fast","nice":20}"#, #"{"compression":"fast","nice":-1}"#,
        #"{"compression":"fast","nice":9223372036854775808}"#,
    ])
    func anEffortThatCannotBeIsDamage(effort: String) throws {
        try put(Self.before.dropLast() + #","effort":\#(effort)}"#)
        let error = failure { _ = try catalog.job(named: JobName("orders")) }
        #expect(error?.code == .catalogFailed)
        #expect(
            error?.message.contains("the row of job 'orders' is damaged: its engine_settings cannot be read") == true,
            "\(String(describing: error))")
        #expect(failure { _ = try catalog.jobs() }?.code == .catalogFailed)
    }
}
