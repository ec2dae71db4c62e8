/// Keeps secrets out of texts that others wrote: errors of the driver and of the server.
struct Secrets: Sendable {
    private let texts: [String]

    init(_ texts: [String]) {
        let variants = texts.flatMap { [$0, $0.percentDecoded, $0.percentEncoded, $0.percentDecoded.percentEncoded] }
        self.texts = Set(variants).filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The text with every occurrence of a secret replaced. A secret of one or two bytes would take half of any text
    /// with it; it is replaced only where it stands as in a URI.
    func redact(_ text: String) -> String {
        texts.reduce(text) { text, secret in
            secret.utf8.count > 2
                ? text.replacingBytes(secret, with: "***") : text.replacingBytes(":\(secret)@", with: ":***@")
        }
    }
}

extension String {
    // Comparison by bytes: a secret must be found in whatever normal form the text has it.
    fileprivate func replacingBytes(_ wanted: String, with replacement: String) -> String {
        let wanted = Array(wanted.utf8)
        let source = Array(utf8)
        guard !wanted.isEmpty, source.count >= wanted.count else { return self }
        var bytes: [UInt8] = []
        var index = 0
        while index < source.count {
            if source[index] == wanted[0], source[index...].starts(with: wanted) {
                bytes += Array(replacement.utf8)
                index += wanted.count
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
