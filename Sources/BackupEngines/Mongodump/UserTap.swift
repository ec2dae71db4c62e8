internal import BackupModel
internal import MongoArchive

/// Which users and roles went by, and how long the oplog was: what is looked for on the target afterwards.
final class UserTap: @unchecked Sendable {
    // Written while the archive passes, read after: never by two threads at once.
    /// By their namespace.
    var names: [Namespace: [Name]] = [:]
    /// Documents of namespaces that hold neither: the version of the schema.
    var others: [Namespace: Int64] = [:]
    var oplogEntries: Int64 = 0

    struct Name: Sendable {
        var isUser: Bool
        var name: String
        var database: String
    }

    /// How many of these the server has. Asked in the way that the role `restore` allows.
    static func count(_ names: [Name], on connection: MongoConnection) throws -> Int64 {
        var found: Int64 = 0
        for start in stride(from: 0, to: names.count, by: 500) {
            let some = names[start..<min(start + 500, names.count)]
            guard let isUser = some.first?.isUser else { continue }
            let wanted = some.map { name -> BSONValue in
                [isUser ? "user" : "role": .string(name.name), "db": .string(name.database)]
            }
            let reply = try connection.run(
                [isUser ? "usersInfo" : "rolesInfo": .array(wanted)], on: "admin", to: "look for users and roles")
            found += Int64((reply[isUser ? "users" : "roles"]?.arrayValues ?? []).count)
        }
        return found
    }
}

/// Looks at users, roles and the oplog, and passes over everything else.
struct UserTapHandler: ArchiveHandler {
    let tap: UserTap
    private var current: Namespace?

    init(tap: UserTap) {
        self.tap = tap
    }

    mutating func blockStarted(_ namespace: Namespace, offset: UInt64) {
        current = namespace.isUsersOrRoles ? namespace : nil
        if namespace == .oplog { current = namespace }
    }

    mutating func documents(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
        guard let current else { return }
        guard current != .oplog else {
            tap.oplogEntries += Int64(count)
            return
        }
        var position = 0
        while bytes.count - position >= 5 {
            // Whole documents, says the reader; a length that is none ends the loop all the same.
            let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            guard length >= 5, length <= bytes.count - position else { return }
            note(try BSONDocument(validating: Array(bytes[position..<(position + length)])), of: current)
            position += length
        }
    }

    private func note(_ document: BSONDocument, of namespace: Namespace) {
        let user = document["user"]?.stringValue
        guard let name = user ?? document["role"]?.stringValue else {
            tap.others[namespace, default: 0] += 1
            return
        }
        tap.names[namespace, default: []].append(
            UserTap.Name(isUser: user != nil, name: name, database: document["db"]?.stringValue ?? ""))
    }
}
