package import BackupModel
import Foundation
import Glibc
import Synchronization

/// The time zones of this machine: the files below `$TZDIR`, else `/usr/share/zoneinfo`, so that an update of the system's
/// data is heard at the next question. Where a machine has no such files, the zones that Foundation has compiled in.
///
/// `UTC` needs neither, and is always there.
package final class SystemTimeZones: Sendable {
    /// Nil: there are no files.
    private let folder: String?
    private let known = Mutex<[String: KnownZone]>([:])

    private struct KnownZone {
        var file: FileIdentity?
        var rules: TimeZoneRules
    }

    package init(folder: String?) {
        self.folder = folder.flatMap { Self.holdsZones($0) ? $0 : nil }
    }

    package convenience init(environment: [String: String]) {
        let named = environment["TZDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        self.init(folder: named ?? "/usr/share/zoneinfo")
    }

    private static func holdsZones(_ folder: String) -> Bool {
        ["Etc/UTC", "UTC", "Europe/London"].contains { access("\(folder)/\($0)", R_OK) == 0 }
    }

    /// The rules of a zone by its name in the IANA database, which is taken to the letter.
    package func rules(named name: String) throws -> TimeZoneRules {
        if name == "UTC" { return .utc }
        guard Self.isName(name) else { throw Self.unknown(name) }
        guard let folder else { return try compiledIn(name) }
        let path = "\(folder)/\(name)"
        guard Self.liesBelow(folder, path) else { throw Self.unknown(name) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.failure(name, path) }
        defer { close(descriptor) }
        guard let identity = FileIdentity(descriptor) else { throw Self.unknown(name) }
        if let zone = known.withLock({ $0[name] }), zone.file == identity { return zone.rules }
        let rules = try TimeZoneRules(name: name, tzif: Self.bytes(of: descriptor, name: name))
        known.withLock { $0[name] = KnownZone(file: identity, rules: rules) }
        return rules
    }

    private func compiledIn(_ name: String) throws -> TimeZoneRules {
        if let zone = known.withLock({ $0[name] }) { return zone.rules }
        guard let zone = TimeZone(identifier: name), zone.identifier == name else { throw Self.unknown(name) }
        let rules = TimeZoneRules(name: name, compiledIn: zone)
        known.withLock { $0[name] = KnownZone(file: nil, rules: rules) }
        return rules
    }
}

/// Names and files.
extension SystemTimeZones {
    /// Letters, digits, `+`, `-` and `_`, in parts that begin with a letter, so never a path that leads elsewhere; without
    /// the folders of copies, and without what is not a zone of the database.
    private static func isName(_ name: String) -> Bool {
        guard name.utf8.count <= 128 else { return false }
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isMade = parts.allSatisfy { part in
            part.first.map(isLetter) == true
                && part.allSatisfy { isLetter($0) || isDigit($0) || "+-_".utf8.contains($0) }
        }
        let outside = ["posix", "right", "posixrules", "localtime", "Factory"]
        return isMade && !outside.contains { parts[0].elementsEqual($0.utf8) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Links may lead to other zones, not out of the folder.
    private static func liesBelow(_ folder: String, _ path: String) -> Bool {
        // A name that is not there is left to `open`, which says so.
        guard let real = resolved(path) else { return true }
        guard let base = resolved(folder) else { return false }
        return real.hasPrefix(base + "/")
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func bytes(of descriptor: Int32, name: String) throws -> [UInt8] {
        // The largest file of the database has 4 KiB.
        let largest = 1 << 20
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        let data: Data
        do {
            data = try handle.read(upToCount: largest + 1) ?? Data()
        } catch {
            throw BackupError(
                .timeZoneDamaged, "cannot read the rules of time zone '\(name)': \(PrivateFile.reason(error))")
        }
        guard data.count <= largest else {
            throw BackupError(.timeZoneDamaged, "cannot read the rules of time zone '\(name)': the file is too large")
        }
        return Array(data)
    }

    private static func failure(_ name: String, _ path: String) -> BackupError {
        let failure = POSIXFailure(errno)
        if [ENOENT, ENOTDIR, ELOOP].contains(failure.number) { return unknown(name) }
        return BackupError(.timeZoneDamaged, "cannot read the rules of time zone '\(name)': \(failure)")
    }

    private static func unknown(_ name: String) -> BackupError {
        let similar = TimeZone.knownTimeZoneIdentifiers.first { $0.lowercased() == name.lowercased() }
        return BackupError(
            .invalidTimeZone,
            "cannot use time zone '\(String(name.prefix(200)).escapedForDisplay)': there is none of this name",
            hint: similar.map { "did you mean '\($0)'?" }
                ?? "use a name of the IANA database, such as 'Europe/Warsaw' or 'UTC'.")
    }
}

/// What tells one content of a file from the next.
private struct FileIdentity: Equatable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int

    /// Nil for what is not a regular file.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}

extension SystemTimeZones {
    /// Where the rules come from, and of which release of the IANA database they are.
    package struct Origin: Hashable, Sendable {
        /// Nil when the files do not say it.
        package var version: String?
        /// Nil: compiled into the program.
        package var folder: String?
    }

    package var origin: Origin {
        guard let folder else { return Origin(version: TimeZone.timeZoneDataVersion, folder: nil) }
        return Origin(version: Self.version(of: folder), folder: folder)
    }

    /// The first line of `tzdata.zi` (`# version 2025b`), or the file `+VERSION` that the BSDs have.
    private static func version(of folder: String) -> String? {
        for (file, prefix) in [("tzdata.zi", "# version "), ("+VERSION", "")] {
            guard let handle = FileHandle(forReadingAtPath: "\(folder)/\(file)"),
                let start = try? handle.read(upToCount: 64)
            else { continue }
            let line = String(decoding: start, as: UTF8.self).prefix { $0 != "\n" }
            let version = line.dropFirst(prefix.count)
            if line.hasPrefix(prefix), !version.isEmpty,
                version.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
            {
                return String(version)
            }
        }
        return nil
    }
}

extension TimeZoneRules {
    /// All changes that Foundation knows of, until the year 2500.
    fileprivate init(name: String, compiledIn zone: TimeZone) {
        let end = Date(timeIntervalSince1970: 16_725_225_600)
        var time = Date(timeIntervalSince1970: -2_208_988_800)
        let initialOffset = zone.secondsFromGMT(for: time)
        var changes: [(at: Int, offset: Int)] = []
        while let next = zone.nextDaylightSavingTimeTransition(after: time), next > time, next < end {
            time = next
            changes.append((Int(time.timeIntervalSince1970.rounded()), zone.secondsFromGMT(for: time)))
        }
        self.init(name: name, initialOffset: initialOffset, changes: changes)
    }
}
