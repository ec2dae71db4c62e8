/// A server, or a replica set, as the options of `mongodump` name it.
package struct ServerAddress: Hashable, Sendable {
    /// `HOST`, `HOST:PORT`, several with commas, or `SET/HOST:PORT,HOST:PORT`.
    package var host: String
    package var port: Int?
    package var user: String?
    package var password: String?
    package var authenticationDatabase: String?
    package var tls: Bool
    package var tlsCAFile: String?
    package var tlsCertificateKeyFile: String?

    package init(
        host: String, port: Int? = nil, user: String? = nil, password: String? = nil,
        authenticationDatabase: String? = nil, tls: Bool = false, tlsCAFile: String? = nil,
        tlsCertificateKeyFile: String? = nil
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.authenticationDatabase = authenticationDatabase
        self.tls = tls
        self.tlsCAFile = tlsCAFile
        self.tlsCertificateKeyFile = tlsCertificateKeyFile
    }

    /// The connection string that means the same. One host is connected to directly, as the tools do it: a secondary can be named.
    package func uri() throws -> String {
        let parts = host.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let set = parts.count == 2 ? String(parts[0]) : nil
        let hosts = try (parts.last ?? "").split(separator: ",", omittingEmptySubsequences: false).map(address)
        var options: [String] = []
        if let set, !set.isEmpty { options.append("replicaSet=\(set.uriEncoded)") }
        if set == nil, hosts.count == 1 { options.append("directConnection=true") }
        if user != nil { options.append("authSource=\((authenticationDatabase ?? "admin").uriEncoded)") }
        if tls || tlsCAFile != nil || tlsCertificateKeyFile != nil { options.append("tls=true") }
        if let tlsCAFile { options.append("tlsCAFile=\(tlsCAFile.uriEncoded)") }
        if let tlsCertificateKeyFile { options.append("tlsCertificateKeyFile=\(tlsCertificateKeyFile.uriEncoded)") }
        let login = user.map { "\($0.uriEncoded)\(password.map { ":" + $0.uriEncoded } ?? "")@" } ?? ""
        let query = options.isEmpty ? "" : "?" + options.joined(separator: "&")
        return "mongodb://\(login)\(hosts.joined(separator: ","))/\(query)"
    }

    private func address(_ text: Substring) throws -> String {
        let name = String(text)
        guard !name.isEmpty, !name.utf8.contains(where: { "@?#/ ".utf8.contains($0) || $0 < 33 }) else {
            throw BackupError(
                .usage, "cannot use host '\(host.escapedForDisplay)'",
                hint: "write HOST, HOST:PORT or SET/HOST:PORT,HOST:PORT; a connection string goes with --uri.")
        }
        let hasPort =
            name.hasSuffix("]")
            ? false : name.lastIndex(of: ":").map { !name[..<$0].contains(":") || name.hasPrefix("[") } ?? false
        guard let port else { return name }
        guard (1...65535).contains(port) else {
            throw BackupError(.usage, "cannot use port \(port): not within 1 to 65535")
        }
        guard !hasPort || name.hasSuffix(":\(port)") else {
            throw BackupError(.usage, "cannot use --port \(port) with host '\(name)', which names another")
        }
        return hasPort ? name : "\(name):\(port)"
    }
}

extension String {
    /// With everything but unreserved characters as `%41` (RFC 3986).
    var uriEncoded: String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        return utf8.reduce(into: "") { text, byte in
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-._~".utf8.contains(byte)
            if isPlain {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%"
                text.unicodeScalars.append(digits[Int(byte >> 4)])
                text.unicodeScalars.append(digits[Int(byte & 15)])
            }
        }
    }
}
