import BackupModel

/// Tells by the first bytes whether an archive is gzip or plain, and gives its uncompressed bytes either way.
package enum PlainOrGzipSource {
    package enum Compression: String, Sendable { case plain, gzip }

    package struct Detected {
        package let compression: Compression
        /// The archive, uncompressed.
        package let archive: any ByteSource
    }

    /// `name` is what an error calls the source; `limit` as for `GunzipSource`, heard for gzip only.
    package static func detect(_ source: any ByteSource, name: String, limit: UInt64 = .max) throws -> Detected {
        var start = [UInt8](repeating: 0, count: 8)
        let count = try start.withUnsafeMutableBytes { try source.readFully(into: $0) }
        start.removeLast(start.count - count)
        let whole = PrefixedSource(start, source)
        if start.starts(with: GzipFormat.magic) {
            return Detected(compression: .gzip, archive: try GunzipSource(whole, limit: limit))
        }
        if start.starts(with: archiveMagic) { return Detected(compression: .plain, archive: whole) }
        throw BackupError(
            .notAnArchive, "cannot read '\(name)': \(reason(start))",
            hint: "archives are what 'mongodump --archive' writes, with or without '--gzip'.")
    }

    /// The first four bytes of every mongodump archive.
    private static let archiveMagic: [UInt8] = [0x6D, 0xE2, 0x99, 0x81]

    private static let foreign: [(magic: [UInt8], name: String)] = [
        ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz"),
        ([0x42, 0x5A, 0x68], "bzip2"),
        ([0x04, 0x22, 0x4D, 0x18], "lz4"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
    ]

    private static func reason(_ start: [UInt8]) -> String {
        if start.isEmpty { return "it is empty" }
        for format in foreign where start.starts(with: format.magic) {
            return "it is compressed with \(format.name), not with gzip"
        }
        return "not a mongodump archive"
    }
}

/// Bytes that were read already, and then the rest of their source.
package final class PrefixedSource: ByteSource {
    private var prefix: ArraySlice<UInt8>
    private let rest: any ByteSource

    package init(_ prefix: [UInt8], _ rest: any ByteSource) {
        self.prefix = prefix[...]
        self.rest = rest
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !prefix.isEmpty else { return try rest.read(into: buffer) }
        let piece = prefix.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        prefix = prefix.dropFirst(piece.count)
        return piece.count
    }
}
