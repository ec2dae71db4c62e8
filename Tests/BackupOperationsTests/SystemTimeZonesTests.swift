import BackupModel
import Foundation
import Testing

@testable import BackupOperations

@Suite struct SystemTimeZonesTests {
    private let scratch: Scratch
    private let folder: String

    init() throws {
        scratch = try Scratch()
        folder = scratch.path(of: "zoneinfo")
        for part in ["Etc", "Europe"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(part)", withIntermediateDirectories: true)
        }
        for name in ["Etc/UTC", "Europe/Warsaw", "Europe/London"] { try copy(name, to: name) }
    }

    private static let system = "/usr/share/zoneinfo"

    private func copy(_ name: String, to other: String) throws {
        let data = try Data(contentsOf: URL(filePath: "\(Self.system)/\(name)"))
        try data.write(to: URL(filePath: "\(folder)/\(other)"))
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: target)
    }

    private var zones: SystemTimeZones { SystemTimeZones(folder: folder) }
    private let summer = Date(timeIntervalSince1970: 1_784_073_600)

    @Test func zonesAreReadFromTheFolder() throws {
        #expect(try zones.rules(named: "Europe/Warsaw").offset(at: summer) == 7200)
        #expect(try zones.rules(named: "Etc/UTC").offset(at: summer) == 0)
        #expect(try zones.rules(named: "UTC") == .utc)
    }

    @Test func anUpdateIsHeardAtTheNextQuestion() throws {
        let zones = zones
        #expect(try zones.rules(named: "Europe/Warsaw").offset(at: summer) == 7200)
        // As a package manager does it: a new file in the place of the old one.
        try copy("Asia/Tokyo", to: "Europe/new")
        _ = rename("\(folder)/Europe/new", "\(folder)/Europe/Warsaw")
        #expect(try zones.rules(named: "Europe/Warsaw").offset(at: summer) == 32400)
        try FileManager.default.removeItem(atPath: "\(folder)/Europe/Warsaw")
        #expect(throws: BackupError.self) { try zones.rules(named: "Europe/Warsaw") }
    }

    @Test(arguments: [
        "", "europe/warsaw", "Europe/Warsaw/", "/Europe/Warsaw", "Europe//Warsaw", "./Europe/Warsaw",
        "../zoneinfo/Etc/UTC",
        "Europe/../Etc/UTC", "Europe", "Etc/GMT+5", "+05:00", "UTC+5", "posix/Etc/UTC", "right/Etc/UTC", "posixrules",
        "localtime", "Factory", "tzdata.zi", "Europe/Warsaw\0", "Europe/Wars\u{e1}w", "Etc/UTC\n", "out", "out/Etc/UTC",
        String(repeating: "A", count: 300), "pipe", "loop",
    ])
    func whatIsNoZoneIsRefused(name: String) throws {
        // All that is refused for its name is there.
        try link("posix", to: ".")
        try link("right", to: ".")
        for copy in ["posixrules", "localtime", "Factory", "tzdata.zi"] { try self.copy("Etc/UTC", to: copy) }
        try link("out", to: Self.system)
        try link("loop", to: "loop")
        #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
        let error = try #require(#expect(throws: BackupError.self) { try zones.rules(named: name) })
        #expect(error.code == .invalidTimeZone)
        #expect(error.code.exitStatus == 64)
        #expect(error.message.count < 300 && !error.message.contains("\n"))
    }

    @Test func linksWithinTheFolderAreFollowedAndThoseOutOfItAreNot() throws {
        try link("Poland", to: "Europe/Warsaw")
        try link("Outside", to: "\(Self.system)/Europe/Warsaw")
        #expect(try zones.rules(named: "Poland").offset(at: summer) == 7200)
        #expect(throws: BackupError.self) { try zones.rules(named: "Outside") }
        // The folder itself may be a link.
        let other = scratch.path(of: "other")
        try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: folder)
        #expect(try SystemTimeZones(folder: other).rules(named: "Poland").offset(at: summer) == 7200)
    }

    @Test func aDamagedFileIsAnErrorNotAnotherZone() throws {
        try Data("TZif2 and nothing behind it".utf8).write(to: URL(filePath: "\(folder)/Europe/Warsaw"))
        let error = #expect(throws: BackupError.self) { try zones.rules(named: "Europe/Warsaw") }
        #expect(error?.code == .timeZoneDamaged)
        try Data(repeating: 0, count: 2 << 20).write(to: URL(filePath: "\(folder)/Europe/London"))
        #expect(throws: BackupError.self) { try zones.rules(named: "Europe/London") }
    }

    @Test func theHintKnowsTheCase() {
        let error = #expect(throws: BackupError.self) { try zones.rules(named: "europe/WARSAW") }
        #expect(error?.hint == "did you mean 'Europe/Warsaw'?")
    }

    @Test func theReleaseIsSaidWhenTheFilesSayIt() throws {
        #expect(zones.origin == .init(version: nil, folder: folder))
        try scratch.write("zoneinfo/+VERSION", "2024a\n")
        #expect(zones.origin == .init(version: "2024a", folder: folder))
        try scratch.write("zoneinfo/tzdata.zi", "# version 2025b\n# more\n")
        #expect(zones.origin == .init(version: "2025b", folder: folder))
        try scratch.write("zoneinfo/tzdata.zi", "# version \u{1B}[31m\n")
        #expect(zones.origin == .init(version: "2024a", folder: folder))
    }

    @Test func theFolderIsTheOneOfTheEnvironment() throws {
        #expect(SystemTimeZones(environment: ["TZDIR": folder]).origin.folder == folder)
        #expect(SystemTimeZones(environment: ["TZDIR": ""]).origin.folder == Self.system)
        #expect(SystemTimeZones(environment: [:]).origin.folder == Self.system)
    }

    /// A slim container has no files.
    @Test func withoutFilesTheCompiledInZonesAreTaken() throws {
        let none = SystemTimeZones(folder: scratch.path(of: "none"))
        #expect(none.origin.folder == nil)
        #expect(none.origin.version == TimeZone.timeZoneDataVersion)
        #expect(try none.rules(named: "UTC") == .utc)
        for name in ["GMT+5", "europe/warsaw", "Nowhere/At-all", "", "../UTC"] {
            #expect(throws: BackupError.self) { try none.rules(named: name) }
        }
        let schedule = try Schedule("30 2 * * *")
        for name in ["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Etc/GMT+5"] {
            let rules = try none.rules(named: name)
            let zone = try #require(TimeZone(identifier: name))
            var time = Date(timeIntervalSince1970: 631_152_000)
            while time < Date(timeIntervalSince1970: 4_102_444_800) {
                #expect(rules.offset(at: time) == zone.secondsFromGMT(for: time), "\(name) at \(time)")
                time += 5 * 86400
            }
            let file = try TimeZoneRules(
                name: name, tzif: Array(Data(contentsOf: URL(filePath: "\(Self.system)/\(name)"))))
            time = Date(timeIntervalSince1970: 1_262_304_000)
            for _ in 0..<400 {
                let next = schedule.next(after: time, in: rules, anchor: time)
                #expect(next == schedule.next(after: time, in: file, anchor: time))
                time = (next ?? time) + 25 * 86400
            }
        }
    }
}
