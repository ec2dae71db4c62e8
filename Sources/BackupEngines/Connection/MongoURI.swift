internal import BackupModel
internal import CMongoc

/// A connection string that the driver accepts, and what may be shown of it.
package struct MongoURI: Sendable {
    /// A secret: it may hold a password.
    let text: String
    let parts: URIParts
    let secrets: Secrets

    /// Throws `invalidURI` with a reason that holds no secret.
    package init(_ text: String) throws { try self.init(text, checking: text) }

    /// A connection string with variables in it, of which `example` is one that the driver can check.
    package init(_ text: String, checking example: String) throws {
        guard let parts = URIParts(text) else {
            throw BackupError(
                .invalidURI, "cannot use this URI: it does not begin with 'mongodb://' or 'mongodb+srv://'")
        }
        guard !text.utf8.contains(0) else { throw BackupError(.invalidURI, "cannot use this URI: it holds a NUL") }
        self.text = text
        self.parts = parts
        secrets = Secrets(parts.secrets)
        Driver.start()
        var error = bson_error_t()
        guard let uri = mongoc_uri_new_with_error(example, &error) else {
            throw Self.invalid(parts, reason: withUnsafePointer(to: &error) { String(cString: cm_error_message($0)) })
        }
        mongoc_uri_destroy(uri)
    }

    /// A form for people: `mongodb://user:***@host:27017/database?replicaSet=rs0`.
    package var redacted: String { parts.redacted }
    package var user: String? { parts.user.map(\.percentDecoded).flatMap { $0.isEmpty ? nil : $0 } }
    /// Whether anything in it must not be shown or kept in the open: a password, or an option that is one.
    package var holdsSecret: Bool { !parts.secrets.isEmpty }
    /// The same, where a part that is one variable and nothing else is none: its value stands elsewhere.
    package var holdsSecretOfItsOwn: Bool { parts.secrets.contains { !URITemplate.isVariable($0) } }
    package var hasPassword: Bool { parts.password?.isEmpty == false }
    /// As written, with the ports that are written; the name to look up for `mongodb+srv`.
    package var hosts: [String] { parts.hosts.map(\.percentDecoded) }
    /// The database of the path.
    package var database: String? { parts.database?.percentDecoded }
    package var isSRV: Bool { parts.scheme == "mongodb+srv://" }

    func has(option name: String) -> Bool {
        parts.options.contains { $0.name.lowercased() == name.lowercased() }
    }

    func value(of option: String) -> String? {
        parts.options.last { $0.name.lowercased() == option.lowercased() }?.value?.percentDecoded
    }

    /// Refuses a write concern of 0, however it is spelled: nothing would say what was restored.
    func requireAcknowledgedWrites() throws {
        for option in parts.options {
            let value = (option.value ?? "").percentDecoded.filter { !$0.isWhitespace }
            let isOff =
                switch option.name.percentDecoded.lowercased() {
                case "w": Int(value) == 0
                case "safe": ["false", "0", "f", "n", "no"].contains(value.lowercased())
                default: false
                }
            guard isOff else { continue }
            throw BackupError(
                .usage,
                "cannot restore with the URI option '\(option.name.escapedForDisplay)=\(value.escapedForDisplay)': "
                    + "nothing would say what was restored",
                hint: "leave it out of the target's URI.")
        }
    }

    /// Takes the secrets of this URI out of a text.
    package func redact(_ text: String) -> String { secrets.redact(text) }

    /// What may be shown of any text that was given as a URI, valid or not.
    package static func redacted(_ text: String) -> String {
        guard let parts = URIParts(text) else { return "***" }
        return (try? MongoURI(text)) == nil ? parts.scheme + "***" : parts.redacted
    }

    // What the driver says of a URI it cannot read may quote any piece of it.
    private static func invalid(_ parts: URIParts, reason: String) -> BackupError {
        let words = (parts.password ?? "").split { "@/?&:".contains($0) }.map(String.init)
        // `mongodb://user:password` without a host: the password stands where a port belongs.
        let ports = parts.hosts.compactMap { $0.split(separator: ":").last.map(String.init) }
        let pieces = parts.secrets + [parts.user ?? ""] + words + ports.filter { Int($0) == nil }
        let unescaped = (parts.password ?? "") + (parts.user ?? "")
        let hint =
            unescaped.contains { "@/?:#[]%".contains($0) }
            ? "write '@', ':', '/', '?', '#', '%' and the like in a user name or password as %40, %3A, %2F, %3F, %23, %25."
            : nil
        let shown = Secrets(pieces).redact(reason)
        return BackupError(
            .invalidURI, "cannot use this URI: \(shown.isEmpty ? "it cannot be read" : shown)", hint: hint)
    }
}

extension MongoURI: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { redacted }
    package var debugDescription: String { redacted }
    // Keeps the secret out of dumps and of failing tests' output.
    package var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}
