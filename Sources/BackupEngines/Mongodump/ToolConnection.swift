internal import BackupModel
internal import Foundation

/// How a tool is told where to connect: arguments that anybody may see, and a config that only the tool reads.
struct ToolConnection {
    var arguments: [String]
    /// YAML as the tools' `--config` takes it (and JSON is YAML); nil when there is no secret.
    var config: [UInt8]?
    /// Files that the tool opens by the paths in its arguments.
    var files: [String]

    /// Throws `unsupported` for what tools of this version cannot be given without showing a secret.
    init(_ uri: MongoURI, version: ToolVersion, hasConfig: Bool) throws {
        var parts = uri.parts
        let timeout = Self.takeTimeout(&parts)
        let keyPassword = Self.take("tlsCertificateKeyFilePassword", from: &parts)
        let password = parts.password.flatMap { $0.isEmpty ? nil : $0.percentDecoded }
        parts.password = nil
        Self.settleAuthentication(&parts)
        parts.database = nil
        files = parts.options.filter { Self.fileOptions.contains($0.name.lowercased()) }.compactMap(
            \.value?.percentDecoded)
        var secrets: [String: String] = [:]
        if let password { secrets["password"] = password }
        if let keyPassword { secrets["sslPEMKeyPassword"] = keyPassword }
        if parts.secrets.isEmpty {
            arguments =
                version.isOfServerTimes
                ? try Self.separateArguments(parts, version: version) : ["--uri=\(parts.text)"]
        } else {
            // An option of the URI is itself a secret: then all of the URI is.
            parts.password = uri.parts.password
            secrets = ["uri": parts.text]
            if let keyPassword { secrets["sslPEMKeyPassword"] = keyPassword }
            arguments = []
        }
        if let timeout, !version.isOfServerTimes { arguments.append("--serverSelectionTimeout=\(timeout)") }
        guard !secrets.isEmpty else { return }
        guard hasConfig else {
            throw BackupError(
                .unsupported,
                "cannot give tools \(version) a password: they have no '--config', and it would be seen in the list of processes",
                hint: "use tools from 100.3.0 on, or --engine builtin.")
        }
        config = try Self.json(secrets)
    }

    /// The tools take these milliseconds for seconds; the driver's own default is 30 s.
    private static func takeTimeout(_ parts: inout URIParts) -> Int? {
        _ = take("connectTimeoutMS", from: &parts)
        let text = take("serverSelectionTimeoutMS", from: &parts)
        guard let text, let milliseconds = Int(text), milliseconds > 0 else { return 10 }
        return max(1, milliseconds / 1000)
    }

    private static func take(_ name: String, from parts: inout URIParts) -> String? {
        let value = parts.options.last { $0.name.lowercased() == name.lowercased() }?.value?.percentDecoded
        parts.options.removeAll { $0.name.lowercased() == name.lowercased() }
        return value
    }

    /// Without `authSource` the tools log in to the database that is dumped, and the driver to that of the path: what
    /// the URI means for the driver is written out.
    private static func settleAuthentication(_ parts: inout URIParts) {
        guard parts.user?.isEmpty == false else { return }
        func option(_ name: String) -> String? { parts.options.last { $0.name.lowercased() == name }?.value }
        let mechanism = option("authmechanism")?.uppercased() ?? ""
        let isExternal = ["MONGODB-X509", "GSSAPI", "PLAIN", "MONGODB-AWS"].contains(mechanism)
        guard option("authsource") == nil, !isExternal else { return }
        if let database = parts.database {
            parts.options.append((name: "authSource", value: database))
        } else if parts.scheme == "mongodb://" {
            parts.options.append((name: "authSource", value: "admin"))
        }
    }

    static let fileOptions: Set<String> = ["tlscafile", "tlscertificatekeyfile", "tlscrlfile"]

    /// As the tools of a server's time want it, whose `--uri` goes with no other option.
    private static func separateArguments(_ parts: URIParts, version: ToolVersion) throws -> [String] {
        guard parts.scheme == "mongodb://" else {
            throw BackupError(
                .unsupported, "cannot use tools \(version) with 'mongodb+srv://': they take it with no other option",
                hint: "use tools from 100.0 on, or --engine builtin.")
        }
        var hosts = parts.hosts.map(\.percentDecoded).joined(separator: ",")
        var arguments: [String] = []
        for option in parts.options {
            let value = option.value?.percentDecoded ?? ""
            switch option.name.lowercased() {
            case "replicaset": hosts = "\(value)/\(hosts)"
            case "authsource": arguments.append("--authenticationDatabase=\(value)")
            case "authmechanism": arguments.append("--authenticationMechanism=\(value)")
            case "ssl", "tls": if value == "true" { arguments.append("--ssl") }
            case "tlscafile": arguments.append("--sslCAFile=\(value)")
            case "tlscertificatekeyfile": arguments.append("--sslPEMKeyFile=\(value)")
            case "tlscrlfile": arguments.append("--sslCRLFile=\(value)")
            case "directconnection", "appname", "retrywrites", "retryreads", "w", "readpreference": continue
            default:
                throw BackupError(
                    .unsupported, "cannot give tools \(version) the URI option '\(option.name.escapedForDisplay)'",
                    hint: "use tools from 100.0 on, or --engine builtin.")
            }
        }
        let user = parts.user.flatMap { $0.isEmpty ? nil : ["--username=\($0.percentDecoded)"] } ?? []
        return ["--host=\(hosts)"] + user + arguments
    }

    private static func json(_ values: [String: String]) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(values))
    }
}

extension URIParts {
    /// Put together again.
    var text: String {
        var text = scheme
        if let user { text += user + (password.map { ":\($0)" } ?? "") + "@" }
        text += hosts.joined(separator: ",") + "/"
        if let database { text += database }
        guard !options.isEmpty else { return text }
        return text + "?"
            + options.map { option in option.name + (option.value.map { "=\($0)" } ?? "") }
            .joined(separator: "&")
    }
}
