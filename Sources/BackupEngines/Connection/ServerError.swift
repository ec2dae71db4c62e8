internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// What the driver or the server said when something failed, before it becomes a `BackupError`.
struct ServerError: Error {
    /// The server's error code, or nil when the driver failed by itself.
    var code: Int32?
    var domain: UInt32
    var driverCode: UInt32
    /// May hold secrets and documents: never shown as it is.
    var message: String
    var reply: BSONDocument?

    init(_ error: bson_error_t, reply: BSONDocument? = nil) {
        var error = error
        message = withUnsafePointer(to: &error) { String(cString: cm_error_message($0)) }
        domain = error.domain
        driverCode = error.code
        self.reply = reply
        let isServers = error.domain == MONGOC_ERROR_SERVER.rawValue
        code =
            (reply?["code"]?.asInt64).flatMap(Int32.init(exactly:)) ?? (isServers ? Int32(bitPattern: error.code) : nil)
    }

    init(code: Int32?, message: String) {
        self.code = code
        self.message = message
        domain = MONGOC_ERROR_SERVER.rawValue
        driverCode = 0
    }
}

/// The server's error codes that this program knows by number.
enum ServerCode {
    static let unauthorized: Int32 = 13
    static let authenticationFailed: Int32 = 18
    static let namespaceNotFound: Int32 = 26
    static let cursorNotFound: Int32 = 43
    static let namespaceExists: Int32 = 48
    static let invalidNamespace: Int32 = 73
    static let commandNotFound: Int32 = 59
    static let documentValidationFailure: Int32 = 121
    static let cappedPositionLost: Int32 = 136
    static let queryPlanKilled: Int32 = 175
    static let cursorKilled: Int32 = 237
    static let mixedSchemaBuckets: Int32 = 408
    static let duplicateKey: Int32 = 11000
    static let outOfDiskSpace: Int32 = 14031

    /// The server is going away, is not the primary any more, or has no room: no document after this one has better luck.
    static let endsEverything: Set<Int32> = [
        unauthorized, 91, 189, 10058, 10107, outOfDiskSpace, 11600, 11602, 13435, 13436,
    ]
}

extension ServerError {
    /// `action` is what could not be done, in the words of a person: `read 'shop.orders'`.
    func backupError(_ action: String, uri: MongoURI) -> BackupError {
        let host = uri.hosts.joined(separator: ",")
        let shown = uri.redact(Self.withoutCommand(message)).escapedForDisplay.trimmingFullStop.cut(to: 600)
        if isAuthentication {
            return BackupError(
                .authenticationFailed, "cannot \(action): '\(host)' refused the credentials\(Self.reason(shown))",
                hint: uri.user == nil
                    ? "give user and password in the URI."
                    : "check user, password and 'authSource' (the database that holds the user).")
        }
        if code == ServerCode.unauthorized { return notAuthorized(action, uri: uri, host: host) }
        if isUnreachable {
            return BackupError(
                .serverUnreachable, "cannot \(action): cannot reach '\(host)': \(shown)",
                hint: "check that the server runs, that host and port are right, and TLS settings on both sides.")
        }
        return BackupError(.serverFailed, "cannot \(action): \(shown)\(code.map { " (code \($0))" } ?? "")")
    }

    private func notAuthorized(_ action: String, uri: MongoURI, host: String) -> BackupError {
        // "command find requires authentication" or "not authorized on admin to execute command { ... }".
        let isAnonymous = uri.user == nil
        let who = uri.user.map { "user '\($0)'" } ?? "an anonymous client"
        return BackupError(
            .notAuthorized, "cannot \(action): \(who) is not authorized on '\(host)'",
            hint: isAnonymous
                ? "give user and password in the URI."
                : "grant the role 'backup' for reading or 'restore' for writing, on database 'admin'.")
    }

    var isAuthentication: Bool {
        if code == ServerCode.authenticationFailed { return true }
        guard code == nil else { return false }
        return (domain == MONGOC_ERROR_CLIENT.rawValue && driverCode == MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue)
            || domain == MONGOC_ERROR_SASL.rawValue || domain == MONGOC_ERROR_SCRAM.rawValue
    }

    /// No server was found, or the connection to it was lost.
    var isUnreachable: Bool {
        guard code == nil else { return false }
        return domain == MONGOC_ERROR_SERVER_SELECTION.rawValue || domain == MONGOC_ERROR_STREAM.rawValue
    }

    /// The server quotes the whole command where it refuses it, documents included.
    static func withoutCommand(_ message: String) -> String {
        message.firstRange(of: " to execute command").map { String(message[..<$0.lowerBound]) } ?? message
    }

    private static func reason(_ text: String) -> String { text.isEmpty ? "" : ": \(text)" }
}

extension String {
    // What the server says is put into a sentence of ours.
    fileprivate var trimmingFullStop: String { hasSuffix(".") && !hasSuffix("..") ? String(dropLast()) : self }

    /// At most this many characters, with an ellipsis where something is missing.
    func cut(to limit: Int) -> String { count <= limit ? self : prefix(limit) + "..." }
}
