import BackupModel
import Foundation

extension Configuration {
    private static let largest = 8 << 20

    /// Reads a file, or what comes on standard input for `-`, and nothing else. Throws `ConfigurationProblems` when it is
    /// read and wrong.
    package static func read(_ path: String) throws -> Configuration {
        guard path != "-" else {
            return try parse(bytes(of: .standardInput, "standard input"), named: "standard input")
        }
        let name = path.escapedForDisplay
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(name, "\(POSIXFailure(errno))") }
        return try parse(bytes(of: FileHandle(fileDescriptor: descriptor, closeOnDealloc: true), name), named: name)
    }

    static func parse(_ bytes: Data, named name: String) throws -> Configuration {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw unreadable(name, "it is not UTF-8") }
        return try ConfigurationReader.read(text, named: name)
    }

    private static func bytes(of handle: FileHandle, _ name: String) throws -> Data {
        var bytes = Data()
        do {
            while let more = try handle.read(upToCount: largest + 1 - bytes.count), !more.isEmpty { bytes += more }
        } catch {
            throw unreadable(name, PrivateFile.reason(error))
        }
        guard bytes.count <= largest else { throw unreadable(name, "it has more than 8 MiB") }
        return bytes
    }

    private static func unreadable(_ name: String, _ reason: String) -> BackupError {
        BackupError(.usage, "cannot apply '\(name)': \(reason)")
    }
}
