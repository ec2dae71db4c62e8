/// A connection string taken apart by its punctuation alone, without asking the driver whether it is valid.
///
/// Total: every text has some parts. Where the text is ambiguous (a password with an unescaped `@` or `/`), the part
/// that may be a secret is taken as large as it can be, never as small.
struct URIParts: Equatable {
    var scheme: String
    /// As written, without the `@`; nil where there is none.
    var user: String?
    var password: String?
    var hosts: [String]
    /// As written; nil where there is none.
    var database: String?
    /// In order, as written.
    var options: [(name: String, value: String?)]

    static let schemes = ["mongodb+srv://", "mongodb://"]

    init?(_ text: String) {
        guard let scheme = Self.schemes.first(where: { text.utf8.starts(with: $0.utf8) }) else { return nil }
        self.scheme = scheme
        var rest = Array(text.utf8.dropFirst(scheme.utf8.count))
        if let at = Self.endOfUserInfo(rest) {
            let info = rest[..<at]
            let colon = info.firstIndex(of: UInt8(ascii: ":"))
            user = String(decoding: info[..<(colon ?? at)], as: UTF8.self)
            password = colon.map { String(decoding: info[($0 + 1)...], as: UTF8.self) }
            rest.removeSubrange(...at)
        }
        let question = rest.firstIndex(of: UInt8(ascii: "?"))
        let path = rest[..<(question ?? rest.endIndex)]
        let slash = path.firstIndex(of: UInt8(ascii: "/"))
        hosts = path[..<(slash ?? path.endIndex)].split(separator: UInt8(ascii: ",")).map {
            String(decoding: $0, as: UTF8.self)
        }
        database = slash.map { String(decoding: path[($0 + 1)...], as: UTF8.self) }.flatMap { $0.isEmpty ? nil : $0 }
        options = question.map { Self.options(rest[($0 + 1)...]) } ?? []
    }

    /// The `@` that ends user and password. One among the options (an unescaped one in a value) does not count, as
    /// long as what stands before it is clearly an option list.
    private static func endOfUserInfo(_ bytes: [UInt8]) -> Int? {
        guard let last = bytes.lastIndex(of: UInt8(ascii: "@")) else { return nil }
        guard let question = bytes.firstIndex(of: UInt8(ascii: "?")), question < last else { return last }
        let before = bytes[..<question]
        let first = before.lastIndex(of: UInt8(ascii: "@"))
        let isOptionList = bytes[(question + 1)..<last].contains(UInt8(ascii: "="))
        let isHostOnly = first != nil || !before.contains(UInt8(ascii: ":")) || Self.endsInPort(before)
        return isOptionList && isHostOnly ? first : last
    }

    // `host:27017` or `host:27017/db`: what stands before a '?' when no user does.
    private static func endsInPort(_ bytes: ArraySlice<UInt8>) -> Bool {
        let authority = bytes.prefix { $0 != UInt8(ascii: "/") }
        let tail = authority.suffix(while: { $0 != UInt8(ascii: ":") })
        return !tail.isEmpty && tail.count <= 5
            && tail.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func options(_ bytes: ArraySlice<UInt8>) -> [(name: String, value: String?)] {
        bytes.split(whereSeparator: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: ";") }).map { option in
            let equals = option.firstIndex(of: UInt8(ascii: "="))
            return (
                String(decoding: option[..<(equals ?? option.endIndex)], as: UTF8.self),
                equals.map { String(decoding: option[($0 + 1)...], as: UTF8.self) }
            )
        }
    }

    static func == (left: URIParts, right: URIParts) -> Bool {
        left.scheme == right.scheme && left.user == right.user && left.password == right.password
            && left.hosts == right.hosts && left.database == right.database
            && left.options.elementsEqual(right.options) { $0.name == $1.name && $0.value == $1.value }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func suffix(while predicate: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        var start = endIndex
        while start > startIndex, predicate(self[start - 1]) { start -= 1 }
        return self[start...]
    }
}

extension URIParts {
    /// The same, fit for logs: no password, no option that holds or may hold a secret.
    var redacted: String {
        var text = scheme
        if let user {
            text += user + (password == nil ? "" : ":***") + "@"
        }
        text += hosts.joined(separator: ",")
        if let database { text += "/" + database }
        guard !options.isEmpty else { return text }
        let shown = options.map { option in
            guard let value = option.value else { return option.name }
            return option.name + "=" + (Self.mayHoldSecret(option.name) ? "***" : value)
        }
        return text + (database == nil ? "/?" : "?") + shown.joined(separator: "&")
    }

    /// Everything that must not be seen, as written and as decoded, longest first.
    var secrets: [String] {
        var found = password.map { [$0] } ?? []
        for option in options where Self.mayHoldSecret(option.name) {
            guard let value = option.value else { continue }
            found.append(value)
            // authMechanismProperties=AWS_SESSION_TOKEN:...,OTHER:...
            found += value.split(separator: ",").compactMap { pair in
                pair.firstIndex(of: ":").map { String(pair[pair.index(after: $0)...]) }
            }
        }
        let decoded = found.map(\.percentDecoded)
        return Set(found + decoded).filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// Options of which only the name is shown. Unknown options are among them: nobody knows what they hold.
    static func mayHoldSecret(_ name: String) -> Bool { !harmlessOptions.contains(name.lowercased()) }

    private static let harmlessOptions: Set<String> = [
        "appname", "authmechanism", "authsource", "compressors", "connecttimeoutms", "directconnection",
        "gssapiservicename", "heartbeatfrequencyms", "journal", "loadbalanced", "localthresholdms", "maxidletimems",
        "maxpoolsize", "maxstalenessseconds", "minpoolsize", "readconcernlevel", "readpreference",
        "readpreferencetags", "replicaset", "retryreads", "retrywrites", "safe", "serverselectiontimeoutms",
        "serverselectiontryonce", "sockettimeoutms", "srvmaxhosts", "srvservicename", "ssl", "tls",
        "tlsallowinvalidcertificates", "tlsallowinvalidhostnames", "tlscafile", "tlscertificatekeyfile",
        "tlsdisablecertificaterevocationcheck", "tlsdisableocspendpointcheck", "tlsinsecure", "w", "wtimeoutms",
        "zlibcompressionlevel", "sslcertificateauthorityfile", "sslclientcertificatekeyfile",
        "sslallowinvalidcertificates", "sslallowinvalidhostnames", "waitqueuetimeoutms",
    ]
}

extension String {
    /// With `%41` decoded; a broken escape stays as it is.
    var percentDecoded: String {
        let source = Array(utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
                let high = source[index + 1].hexDigit, let low = source[index + 2].hexDigit
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// With everything but unreserved characters as `%41`.
    var percentEncoded: String {
        utf8.reduce(into: "") { text, byte in
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-._~".utf8.contains(byte)
            if isPlain {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
    }
}

extension UInt8 {
    fileprivate var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
