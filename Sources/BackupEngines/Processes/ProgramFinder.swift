internal import BackupModel
internal import Foundation

/// Finds a program where its user said or on `PATH`, and refuses one that others may have put there or can change.
struct ProgramFinder: Sendable {
    /// Looked through in order; relative ones are left out.
    let folders: [String]

    /// `folder` is where to look and nowhere else; without it the folders of a `PATH`.
    init(folder: String?, path: String?) {
        folders =
            folder.map { [$0] } ?? (path ?? "").split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    }

    /// The absolute path of the program, links followed. Throws `toolNotFound` with where it looked, or `toolRefused`.
    func find(_ name: String, hint: String) throws -> String {
        var unusable: String?
        for folder in folders {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            guard access(path, F_OK) == 0 else { continue }
            guard isRegular(path), access(path, X_OK) == 0 else {
                unusable = unusable ?? path
                continue
            }
            let real = try resolve(path)
            try requireTrust(real)
            return real
        }
        if let unusable {
            throw BackupError(
                .toolNotFound, "cannot run '\(unusable)': it is not an executable file",
                hint: "run 'chmod +x \(unusable)', if it is the right program.")
        }
        let places = folders.isEmpty ? "PATH, which is empty" : folders.map { "'\($0)'" }.joined(separator: ", ")
        throw BackupError(.toolNotFound, "cannot find '\(name)': looked in \(places)", hint: hint)
    }

    private func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private func resolve(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else {
            throw BackupError(.toolNotFound, "cannot run '\(path)': \(systemReason(errno))")
        }
        defer { free(real) }
        return String(cString: real)
    }

    /// Nobody but root and we may be able to change what we give our secrets to.
    private func requireTrust(_ path: String) throws {
        var status = stat()
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        for place in [path, folder.isEmpty ? "/" : folder] {
            guard stat(place, &status) == 0 else { continue }
            let isFile = place == path
            let others = status.st_mode & (isFile ? 0o022 : 0o002)
            // In a folder with the sticky bit only its owner can put another file in the place of this one.
            let isOpen = others != 0 && (isFile || status.st_mode & S_ISVTX == 0)
            let isForeign = status.st_uid != 0 && status.st_uid != geteuid()
            guard isOpen || isForeign else { continue }
            throw BackupError(
                .toolRefused,
                "refusing to run '\(path)': " + (isFile ? "it" : "its folder '\(place)'")
                    + (isOpen ? " can be changed by other users" : " belongs to another user"),
                hint: isOpen
                    ? "run 'chmod go-w \(place)' if it is the right program, or name another folder with --tools-dir."
                    : "let root own it, or name another folder with --tools-dir.")
        }
    }
}
