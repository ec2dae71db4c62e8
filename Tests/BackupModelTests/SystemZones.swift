import BackupModel
import Foundation

/// The time zone files of the system that the tests run on.
enum SystemZones {
    static let folder = "/usr/share/zoneinfo"

    static func bytes(named name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
    }

    static func rules(named name: String) throws -> TimeZoneRules {
        try TimeZoneRules(name: name, tzif: bytes(named: name))
    }

    /// All names of the database that the system has a file for.
    static func names() throws -> [String] {
        let all = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return try all.filter { name in
            let first = name.prefix { $0 != "/" }
            guard !["posix", "right", "posixrules", "localtime"].contains(first), !name.contains(".") else {
                return false
            }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder) else {
                return false
            }
            return try !isFolder.boolValue && bytes(named: name).starts(with: Array("TZif".utf8))
        }.sorted()
    }
}

extension SystemZones {
    /// The release of the IANA database that the files are of.
    static var version: String? {
        let text = try? String(contentsOfFile: "\(folder)/tzdata.zi", encoding: .utf8).prefix { $0 != "\n" }
        return text.flatMap { $0.hasPrefix("# version ") ? String($0.dropFirst("# version ".count)) : nil }
    }
}
