import Testing
import BackupModel
import CZlib
import MongoArchive

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The archives under `Fixtures/golden`: real mongodump output; `INDEX.md` there says what each is.
struct Golden: CustomTestStringConvertible {
    /// Relative to the folder.
    let name: String

    static let intact = [
        "01-types.archive.gz", "01b-big.archive.gz", "01c-interleaved.archive.gz", "02-many.archive.gz",
        "03-features.archive.gz", "03b-features-plain.archive", "03c-views-as-collections.archive.gz",
        "04-users-db.archive.gz", "04b-users-cluster.archive.gz", "04c-users-admin-only.archive.gz",
        "05-gridfs.archive.gz", "06-oplog.archive.gz", "07-empty-collections.archive.gz", "07b-no-such-db.archive.gz",
        "07c-no-such-db.archive", "07d-one-empty.archive", "10-base.archive", "11-terminated.archive.gz",
        "08-old/100.5.4-base-plain.archive", "08-old/100.5.4-features.archive.gz", "08-old/r3.4.24-base-plain.archive",
        "08-old/r3.4.24-features.archive.gz", "08-old/r3.6.23-base-plain.archive",
        "08-old/r3.6.23-features.archive.gz", "08-old/r4.0.28-base-plain.archive",
        "08-old/r4.0.28-features.archive.gz", "08-old/r4.2.25-base-plain.archive",
        "08-old/r4.2.25-features.archive.gz",
    ].map { Golden(name: $0) }

    static let big: Set<String> = ["01b-big.archive.gz", "01c-interleaved.archive.gz", "06-oplog.archive.gz"]

    static let small = intact.filter { !big.contains($0.name) }

    var testDescription: String { name }

    /// The archive as `mongodump` wrote it before compression.
    func archive() throws -> [UInt8] {
        let bytes = try Self.read(name)
        return name.hasSuffix(".gz") ? try gunzip(bytes) : bytes
    }

    /// What `make_golden.py` noted about it.
    func description() throws -> BSONDocument {
        try ExtendedJSON.parse(String(decoding: try Self.read(name + ".json"), as: UTF8.self))
    }

    static func verdicts(_ folder: String) throws -> [(name: String, exit: Int64?)] {
        let file = try ExtendedJSON.parse(String(decoding: try read(folder + "/verdicts.json"), as: UTF8.self))
        return try #require(file["cases"]?.documentValue).elements.map { name, value in
            (folder + "/" + name, value.documentValue?["restore"]?.documentValue?["exit"]?.asInt64)
        }
    }

    static func read(_ name: String) throws -> [UInt8] {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.dropLast(2).joined(separator: "/") + "/Fixtures/golden"
        let file = try #require(fopen("\(folder)/\(name)", "rb"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

struct GzipError: Error {}

/// Strict: one or more whole members and nothing else.
func gunzip(_ input: [UInt8]) throws -> [UInt8] {
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var position = 0
    repeat {
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw GzipError()
        }
        defer { inflateEnd(&stream) }
        var status = Z_OK
        while status == Z_OK {
            status = input.withUnsafeBufferPointer { input in
                buffer.withUnsafeMutableBufferPointer { buffer in
                    let start = input.baseAddress.map { UnsafeMutablePointer(mutating: $0 + position) }
                    stream.next_in = start
                    stream.avail_in = UInt32(input.count - position)
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    position = input.count - Int(stream.avail_in)
                    return status
                }
            }
            output += buffer[..<(buffer.count - Int(stream.avail_out))]
        }
        guard status == Z_STREAM_END else { throw GzipError() }
    } while position < input.count
    return output
}
