internal import BackupModel
internal import BackupPipeline
internal import Foundation

/// Which file it was that was run, should anybody ask later.
enum FileDigest {
    /// `sha256 ...` of a file of any size.
    static func of(_ path: String, check: () throws -> Void) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw BackupError(.toolNotFound, "cannot read '\(path)'")
        }
        let digest = DigestStage()
        try file.readAll(check: check) { digest.write($0) }
        return "sha256 \(digest.hexDigest)"
    }
}
