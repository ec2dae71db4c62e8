import BackupEngines
package import BackupModel
import Foundation

/// A connection string as it was given on a command line.
package enum GivenConnection: Hashable, Sendable {
    case literal(String)
    case file(String)
    case environment(String)
}

/// Turns references into connection strings, and keeps those that hold a secret out of the catalog.
package struct ConnectionSecrets: Sendable {
    let state: StateDirectory
    let environment: [String: String]

    package init(state: StateDirectory, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.state = state
        self.environment = environment
    }

    /// Checks what was given and makes the reference that a job keeps. A literal with a secret is written to
    /// `secrets/` under the job's name.
    package func keep(_ given: GivenConnection, for job: JobName) throws -> ConnectionReference {
        let (reference, secret) = try reference(to: given)
        if case .file(let path) = reference { try requireReadable(path) }
        if let secret { try write(secret, for: job) }
        return reference
    }

    /// The reference that a job would keep, and the secret that belongs to it. Reads and writes nothing.
    func reference(to given: GivenConnection) throws -> (ConnectionReference, secret: String?) {
        switch given {
        case .literal(let text):
            let uri = try MongoURI(text, checking: URITemplate(text)?.example ?? text)
            return uri.holdsSecretOfItsOwn ? (.stored(redacted: uri.redacted), text) : (.literal(text), nil)
        case .file(let path):
            return (.file(URL(filePath: path).standardizedFileURL.path(percentEncoded: false)), nil)
        case .environment(let name):
            return (.environment(try checkedName(name)), nil)
        }
    }

    /// A file that a job is to use must be there, and hold a connection string, when the job hears of it.
    func requireReadable(_ path: String) throws { _ = try read(file: path) }

    func write(_ secret: String, for job: JobName) throws {
        try PrivateFile.write(secret + "\n", to: state.secret(of: job))
    }

    /// What is kept for a job now, to be put back when a change fails.
    func kept(for job: JobName) -> String? { try? String(contentsOfFile: state.secret(of: job), encoding: .utf8) }

    func putBack(_ text: String?, for job: JobName) throws {
        guard let text else { return try forget(job) }
        try PrivateFile.write(text, to: state.secret(of: job))
    }

    package func forget(_ job: JobName) throws {
        try PrivateFile.remove(state.secret(of: job))
    }

    /// The connection string itself. It never goes anywhere but to an engine.
    package func resolve(_ reference: ConnectionReference, of job: JobName) throws -> String {
        switch reference {
        case .literal(let text): return try filled(text)
        case .stored: return try filled(SecretFile.firstLine(of: state.secret(of: job), named: "URI file"))
        case .file(let path): return try read(file: path)
        case .environment(let name): return try read(variable: name)
        }
    }

    package func resolve(_ given: GivenConnection) throws -> String {
        switch given {
        case .literal(let text):
            return try filled(text)
        case .file(let path): return try read(file: path)
        case .environment(let name): return try read(variable: checkedName(name))
        }
    }

    /// The connection string with the environment's values in place of `${NAME}`.
    private func filled(_ text: String) throws -> String {
        guard let template = try URITemplate(text) else {
            _ = try MongoURI(text)
            return text
        }
        return try checked(template.filled { environment[$0] }, from: "with the values of its variables")
    }

    private func checkedName(_ name: String) throws -> String {
        let valid = !name.isEmpty && !name.utf8.contains(UInt8(ascii: "=")) && !name.utf8.contains(0)
        guard valid, !name.lowercased().hasPrefix("mongodb") else {
            throw BackupError(
                .usage, "cannot use this as the name of an environment variable",
                hint: "give the name of a variable that holds the connection string, not the string.")
        }
        return name
    }

    private func read(variable name: String) throws -> String {
        guard let text = environment[name], !text.isEmpty else {
            throw BackupError(.secretUnavailable, "cannot read the URI: environment variable '\(name)' is not set")
        }
        return try checked(text, from: "environment variable '\(name)'")
    }

    private func read(file path: String) throws -> String {
        try checked(SecretFile.firstLine(of: path, named: "URI file"), from: "file '\(path)'")
    }

    private func checked(_ text: String, from place: String) throws -> String {
        do {
            _ = try MongoURI(text)
        } catch let error as BackupError {
            throw BackupError(error.code, "\(error.message) (from \(place))", hint: error.hint)
        }
        return text
    }
}

/// A small file that holds a secret.
package enum SecretFile {
    /// Why a file is not trusted.
    package enum Doubt: Sendable {
        case openToOthers, ofAnotherUser
    }

    /// What is wrong with a file of this owner and mode, for this user. A group may read what root owns, when the reader is
    /// not root: that is how Kubernetes (`fsGroup`) and systemd (`LoadCredential=`) hand over secrets, and who has the
    /// group was decided by root. In an access list, the group's bits are the most that anyone named there may do.
    package static func doubt(owner: UInt32, mode: UInt32, reader: UInt32) -> Doubt? {
        let handedOver = owner == 0 && reader != 0
        guard mode & (handedOver ? 0o037 : 0o077) == 0 else { return .openToOthers }
        return owner == reader || owner == 0 ? nil : .ofAnotherUser
    }

    /// Its first line without spaces around it. Refuses a file that others can read or change. `noun` is what it is
    /// called in errors.
    package static func firstLine(of path: String, named noun: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw BackupError(
                .secretUnavailable, "cannot read \(noun) '\(path)': \(POSIXFailure(errno))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw BackupError(.secretUnavailable, "cannot read \(noun) '\(path)': it is not a regular file")
        }
        switch doubt(owner: status.st_uid, mode: status.st_mode, reader: geteuid()) {
        case nil: break
        case .openToOthers:
            throw BackupError(
                .secretUnavailable, "refusing to read \(noun) '\(path)': others can read or change it",
                hint: "run 'chmod 600 \(path)'.")
        case .ofAnotherUser:
            throw BackupError(.secretUnavailable, "refusing to read \(noun) '\(path)': it belongs to another user")
        }
        let data = (try? handle.read(upToCount: 65_537)) ?? Data()
        guard data.count <= 65_536 else {
            throw BackupError(.secretUnavailable, "cannot read \(noun) '\(path)': it has more than 64 KiB")
        }
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
        let text = lines.first.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
        guard !text.isEmpty else {
            throw BackupError(.secretUnavailable, "cannot read \(noun) '\(path)': it is empty")
        }
        return text
    }
}
