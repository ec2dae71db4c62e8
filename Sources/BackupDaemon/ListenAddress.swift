import BackupModel
import Foundation

/// Where the daemon listens: `ADDRESS:PORT`, with an IPv6 address in brackets.
///
/// Addresses only, and `localhost`, which is 127.0.0.1: what a name stands for today it may not stand for tomorrow, and
/// whether strangers can connect must not depend on that.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    /// 0: one that the system chooses.
    package let port: Int
    /// Whether only this machine can connect.
    package let isLoopback: Bool

    private init(host: String, port: Int, isLoopback: Bool) {
        self.host = host
        self.port = port
        self.isLoopback = isLoopback
    }

    /// The same address with the port that the system chose.
    init(_ address: ListenAddress, port: Int) {
        self.init(host: address.host, port: port, isLoopback: address.isLoopback)
    }

    /// Reads an address; nil for `off`.
    package static func parse(_ text: String) throws -> ListenAddress? {
        if text == "off" { return nil }
        func problem(_ reason: String) -> BackupError {
            BackupError(
                .usage, "cannot listen on '\(text.escapedForDisplay)': \(reason)",
                hint: "write 127.0.0.1:8484, [::1]:8484, 0.0.0.0:8484 for every address, or off.")
        }
        guard let colon = text.lastIndex(of: ":") else { throw problem("it is not of the form ADDRESS:PORT") }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            let port = Int(digits), port < 65536
        else { throw problem("the port is not a number up to 65535") }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 {
            let inside = String(host.dropFirst().dropLast())
            guard let bytes = bytes(of: inside, AF_INET6, 16) else { throw problem("it has no valid IPv6 address") }
            return ListenAddress(host: inside, port: port, isLoopback: isLoopback(bytes))
        }
        if host.lowercased() == "localhost" { return ListenAddress(host: "127.0.0.1", port: port, isLoopback: true) }
        guard let bytes = bytes(of: String(host), AF_INET, 4) else {
            throw problem(
                host.isEmpty ? "it has no address" : "it has no valid IPv4 address, nor an IPv6 one in brackets")
        }
        return ListenAddress(host: String(host), port: port, isLoopback: isLoopback(bytes))
    }

    private static func bytes(of host: String, _ family: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        guard !host.utf8.contains(0), inet_pton(family, host, &bytes) == 1 else { return nil }
        return bytes
    }

    /// 127.0.0.0/8, ::1, and the former as ::ffff:127.0.0.0/104.
    private static func isLoopback(_ bytes: [UInt8]) -> Bool {
        let ipv6Loopback: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127]
        return bytes.count == 4 ? bytes.first == 127 : bytes == ipv6Loopback || bytes.starts(with: mapped)
    }

    /// Whether the host that a request names is this machine under one of its local names.
    static func isLocal(authority: String) -> Bool {
        var host = authority[...]
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]"),
            !host[..<colon].contains(":") || host.hasPrefix("[")
        {
            host = host[..<colon]
        }
        if host.lowercased() == "localhost" { return true }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let bytes = bytes(of: String(host), AF_INET, 4) ?? bytes(of: String(host), AF_INET6, 16)
        return bytes.map(isLoopback) ?? false
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where the daemon listens, and who may see its metrics.
package struct Listening: Sendable {
    package let address: ListenAddress
    let token: TokenFile?

    /// Nil for `off`. Refuses to show metrics to a network without a token.
    package static func parse(_ text: String, tokenFile: String?) throws -> Listening? {
        guard let address = try ListenAddress.parse(text) else { return nil }
        guard address.isLoopback || tokenFile != nil else {
            throw BackupError(
                .usage, "refusing to listen on '\(address)': everybody there could read the metrics",
                hint: "give --token-file FILE with a bearer token, or listen on 127.0.0.1.")
        }
        return Listening(address: address, token: try tokenFile.map(TokenFile.init))
    }
}
