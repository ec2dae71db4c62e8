import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

/// A connection given in pieces, as the tools' own options have them; a connection string is made of it.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: "Instead of a connection string: HOST, HOST:PORT, or SET/HOST:PORT,HOST:PORT for a replica set.")
    var host: String?

    @Option(name: .customLong("port"), help: "Port of --host.")
    var port: Int?

    @Option(name: [.customLong("user"), .customLong("username")], help: "User to log in as, with --host.")
    var user: String?

    @Option(
        name: .customLong("password-file"),
        help: "File (mode 0600) whose first line is the password of --user; it is read now and kept in 'secrets/'.")
    var passwordFile: String?

    @Option(
        name: .customLong("password-env"),
        help: "Environment variable with the password of --user; it is read now and kept in 'secrets/'.")
    var passwordEnvironment: String?

    @Option(
        name: [.customLong("authentication-database"), .customLong("authenticationDatabase")],
        help: "Database that holds the user (default: admin).")
    var authenticationDatabase: String?

    @Flag(name: [.customLong("tls"), .customLong("ssl")], help: "Use TLS, with --host.")
    var tls = false

    @Option(
        name: [.customLong("tls-ca-file"), .customLong("sslCAFile")], help: "File with the certificate authorities.")
    var tlsCAFile: String?

    @Option(
        name: [.customLong("tls-certificate-key-file"), .customLong("sslPEMKeyFile")],
        help: "File with the client's certificate and key.")
    var tlsCertificateKeyFile: String?

    var isGiven: Bool { host != nil || firstDependent != nil }

    private var firstDependent: String? {
        let given = [
            ("--port", port != nil), ("--user", user != nil), ("--password-file", passwordFile != nil),
            ("--password-env", passwordEnvironment != nil),
            ("--authentication-database", authenticationDatabase != nil), ("--tls", tls),
            ("--tls-ca-file", tlsCAFile != nil), ("--tls-certificate-key-file", tlsCertificateKeyFile != nil),
        ]
        return given.first { $0.1 }?.0
    }

    /// The connection string; nil when nothing of this was given.
    func uri(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> String? {
        guard let host else {
            guard let dependent = firstDependent else { return nil }
            throw BackupError(
                .usage, "cannot use \(dependent) without --host",
                hint: "give --host, or put everything into the connection string.")
        }
        let password = try password(environment)
        guard password == nil || user != nil else { throw BackupError(.usage, "cannot use a password without --user") }
        guard authenticationDatabase == nil || user != nil else {
            throw BackupError(.usage, "cannot use --authentication-database without --user")
        }
        return try ServerAddress(
            host: host, port: port, user: user, password: password, authenticationDatabase: authenticationDatabase,
            tls: tls, tlsCAFile: tlsCAFile.map(absolute), tlsCertificateKeyFile: tlsCertificateKeyFile.map(absolute)
        ).uri()
    }

    private func password(_ environment: [String: String]) throws -> String? {
        guard passwordFile == nil || passwordEnvironment == nil else {
            throw BackupError(.usage, "cannot use both --password-file and --password-env")
        }
        if let passwordFile { return try SecretFile.firstLine(of: passwordFile, named: "password file") }
        guard let name = passwordEnvironment else { return nil }
        guard let password = environment[name], !password.isEmpty else {
            throw BackupError(
                .secretUnavailable,
                "cannot read the password: environment variable '\(name.escapedForDisplay)' is not set")
        }
        return password
    }

    private func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    }
}
