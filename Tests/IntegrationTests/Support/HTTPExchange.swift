import BackupTestSupport
import Foundation
import Testing

/// One request over a connection of its own, and what came back, byte by byte as it was.
struct HTTPExchange: CustomStringConvertible {
    let status: Int
    let fields: [String: String]
    let body: String
    private let head: String

    /// Sends the request and reads until the other side closes.
    init(_ request: String = "GET", _ path: String, port: Int, fields: [String] = [], body: String = "") throws {
        let text =
            (["\(request) \(path) HTTP/1.1", "Connection: close"]
            + (fields.contains { $0.hasPrefix("Host:") } ? [] : ["Host: 127.0.0.1:\(port)"]) + fields)
            .joined(separator: "\r\n") + "\r\n\r\n" + body
        let descriptor = try LoopbackSocket.connect(port: port)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // What is refused early may be closed while it is still being sent.
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        var wait = timeval(tv_sec: 40, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            received += buffer.prefix(count)
        }
        let parts = String(decoding: received, as: UTF8.self).split(
            separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        head = parts.first.map(String.init) ?? ""
        self.body = parts.count > 1 ? String(parts[1]) : ""
        let lines = head.split(separator: "\r\n")
        status = lines.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
        let pairs = lines.dropFirst().map { line -> (String, String) in
            let pair = line.split(separator: ":", maxSplits: 1)
            return (pair[0].lowercased(), pair.count > 1 ? pair[1].trimmingCharacters(in: .whitespaces) : "")
        }
        self.fields = Dictionary(pairs) { first, _ in first }
    }

    var description: String { head + "\n" + body.prefix(300) }
}

/// Prometheus' text format, read as strictly as its specification has it.
struct MetricsPageText {
    var types: [String: String] = [:]
    var samples: [String: Double] = [:]

    init(_ text: String) throws {
        try #require(text.hasSuffix("\n"))
        var finished: Set<String> = []
        var family = ""
        for line in text.split(separator: "\n") {
            if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (gauge|counter)/) {
                try #require(String(match.1) == family, "TYPE is not beside its HELP: \(line)")
                try #require(types[family] == nil, "a family twice: \(line)")
                types[family] = String(match.2)
            } else if let match = line.wholeMatch(of: /# HELP ([a-z_]+) \S.*/) {
                finished.insert(family)
                family = String(match.1)
                try #require(!finished.contains(family), "a family in pieces: \(line)")
            } else {
                let label = #"[a-z_]+="(?:[^"\\\n]|\\[\\"n])*""#
                let pattern = try Regex(#"([a-z_]+)(\{"# + label + "(?:," + label + #")*\})? (\S+)"#)
                let match = try #require(try pattern.wholeMatch(in: String(line)), "not a sample: \(line)")
                let name = String(match[1].substring ?? "")
                try #require(name == family && types[name] != nil, "a sample without its family: \(line)")
                try #require((types[name] == "counter") == name.hasSuffix("_total"), "\(name)")
                let key = name + (match[2].substring.map(String.init) ?? "")
                try #require(samples[key] == nil, "a sample twice: \(line)")
                let value = String(match[3].substring ?? "")
                samples[key] = try #require(Double(value) as Double?, "not a number: \(line)")
            }
        }
    }

    subscript(_ key: String) -> Double? { samples[key] }
}
