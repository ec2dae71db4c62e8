internal import BackupModel
internal import CMongoc
internal import MongoArchive

/// A document on the driver's side, freed with this object.
final class DriverDocument {
    let pointer: OpaquePointer

    init(_ document: BSONDocument) throws {
        guard let pointer = bson_new_from_data(document.bytes, document.bytes.count) else {
            throw BackupError(.failed, "cannot build a command of \(document.bytes.count) bytes")
        }
        self.pointer = pointer
    }

    deinit {
        bson_destroy(pointer)
    }
}

/// A document that the driver fills in.
final class DriverReply {
    let pointer: OpaquePointer

    init() throws {
        guard let pointer = cm_reply_new() else { throw BackupError(.failed, "cannot allocate memory") }
        self.pointer = pointer
    }

    deinit {
        cm_reply_free(pointer)
    }

    /// What came from a server is checked like everything from outside.
    func document() throws -> BSONDocument { try Self.document(at: pointer) }

    static func document(at pointer: OpaquePointer) throws -> BSONDocument {
        guard let bytes = bytes(at: pointer) else { return .empty }
        do {
            return try BSONDocument(validating: bytes)
        } catch {
            throw BackupError(.serverFailed, "cannot read the server's reply: \(error)")
        }
    }

    static func bytes(at pointer: OpaquePointer) -> UnsafeRawBufferPointer? {
        guard let data = bson_get_data(pointer) else { return nil }
        let length = Int32(littleEndian: UnsafeRawPointer(data).loadUnaligned(as: Int32.self))
        guard length >= 5 else { return nil }
        return UnsafeRawBufferPointer(start: data, count: Int(length))
    }
}
