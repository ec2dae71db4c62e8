internal import BackupModel
internal import MongoArchive

/// What went by and cannot be had of the tool afterwards: which users and roles, how long the oplog was, and how many
/// documents cannot have expired.
final class RestoreTap: @unchecked Sendable {
    // Written while the archive passes, read after: never by two threads at once.
    /// By their namespace.
    var names: [Namespace: [Name]] = [:]
    /// Documents of namespaces that hold neither: the version of the schema.
    var others: [Namespace: Int64] = [:]
    var oplogEntries: Int64 = 0
    /// Of collections whose documents expire.
    var expiring: [Namespace: Expiring] = [:]

    /// Until when, in milliseconds since 1970, documents may have expired: a day from now, for clocks that differ and a
    /// restore that takes long.
    let deadline: Int64

    init(startedAt milliseconds: Int64) {
        deadline = milliseconds + 86_400_000
    }

    struct Expiring: Sendable {
        var rules: [ExpiryRule]
        /// How many documents stay until the deadline.
        var staying: Int64 = 0
    }

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

/// Looks at what the tap is for, and passes over everything else.
struct RestoreTapHandler: ArchiveHandler {
    let tap: RestoreTap
    /// Whether nothing of what comes after the prelude matters.
    private(set) var isDone = false
    private let always: Bool
    private var current: Namespace?

    /// `always`: users, roles or an oplog may come, which the prelude need not name.
    init(tap: RestoreTap, always: Bool) {
        self.tap = tap
        self.always = always
    }

    mutating func collection(_ collection: ArchiveCollection) {
        // What cannot be read the tool refuses.
        guard let metadata = try? collection.metadata() else { return }
        let rules = ExpiryRule.all(options: metadata.options, indexes: metadata.indexes)
        if !rules.isEmpty { tap.expiring[collection.namespace, default: RestoreTap.Expiring(rules: [])].rules += rules }
    }

    mutating func preludeEnded() { isDone = !always && tap.expiring.isEmpty }

    mutating func blockStarted(_ namespace: Namespace, offset: UInt64) {
        let isWanted = namespace.isUsersOrRoles || namespace == .oplog || tap.expiring[namespace] != nil
        current = isWanted ? namespace : nil
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
        if let rules = tap.expiring[namespace]?.rules {
            let expires = rules.contains { $0.mayHaveExpired(document, by: tap.deadline) }
            if !expires { tap.expiring[namespace]?.staying += 1 }
            return
        }
        let user = document["user"]?.stringValue
        guard let name = user ?? document["role"]?.stringValue else {
            tap.others[namespace, default: 0] += 1
            return
        }
        tap.names[namespace, default: []].append(
            RestoreTap.Name(isUser: user != nil, name: name, database: document["db"]?.stringValue ?? ""))
    }
}
