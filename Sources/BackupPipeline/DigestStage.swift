import Crypto

/// Computes the SHA-256 and the length of what it gets.
package final class DigestStage: ByteSink {
    private var hash = SHA256()
    package private(set) var count: UInt64 = 0

    package init() {}

    package func write(_ bytes: UnsafeRawBufferPointer) {
        hash.update(bufferPointer: bytes)
        count += UInt64(bytes.count)
    }

    package func finish() {}

    /// The digest of all that passed so far, as 64 lower case hexadecimal digits.
    package var hexDigest: String { hash.finalize().hexadecimal }
}

/// Computes the SHA-256 and the length of what is read through it.
package final class DigestSource: ByteSource {
    private let source: any ByteSource
    private let digest = DigestStage()

    package init(_ source: any ByteSource) { self.source = source }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try source.read(into: buffer)
        digest.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
    }

    package var count: UInt64 { digest.count }
    package var hexDigest: String { digest.hexDigest }
}

extension SHA256.Digest {
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The SHA-256 of bytes in memory, as 64 lower case hexadecimal digits.
package func sha256(_ bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    let array = Array(bytes)
    array.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().hexadecimal
}
