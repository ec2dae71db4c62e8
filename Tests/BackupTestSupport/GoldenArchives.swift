package import Foundation

/// Archives that real tools wrote, in `Tests/MongoArchiveTests/Fixtures/golden`.
package enum GoldenArchives {
    package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "MongoArchiveTests/Fixtures/golden")

    package static func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }
}
