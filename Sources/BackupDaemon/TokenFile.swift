import BackupModel
import BackupOperations
import Synchronization

/// The bearer token for metrics: the first line of a file that only its owner may read.
package final class TokenFile: Sendable {
    /// A shorter one can be guessed.
    private static let shortest = 16

    private let path: String
    private let token: Mutex<[UInt8]>

    package init(path: String) throws {
        self.path = path
        token = Mutex(try Self.read(path))
    }

    /// Reads the file again. The token from before stays when it cannot be read.
    package func reload() throws {
        let new = try Self.read(path)
        token.withLock { $0 = new }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let text = try SecretFile.firstLine(of: path, named: "token file")
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw BackupError(
                .secretUnavailable,
                "cannot use token file '\(path.escapedForDisplay)': its first line has characters that no token has",
                hint: "make a token with 'openssl rand -hex 32'.")
        }
        return Array(text.utf8)
    }

    package var isShort: Bool { token.withLock { $0.count < Self.shortest } }

    /// Whether this is `Bearer TOKEN` with the token. Takes the same time whichever of its bytes are wrong.
    func accepts(_ authorization: String?) -> Bool {
        guard let authorization, authorization.prefix(7).lowercased() == "bearer " else { return false }
        let given = Array(authorization.utf8.dropFirst(7).drop { $0 == UInt8(ascii: " ") })
        return token.withLock { token in
            var difference = given.count ^ token.count
            for index in token.indices {
                difference |= Int(token[index] ^ (index < given.count ? given[index] : 0))
            }
            return difference == 0
        }
    }
}
