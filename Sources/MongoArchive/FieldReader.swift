package import BackupModel

/// A field of one of the archive's own documents that does not hold what it must.
struct FieldError: Error, Equatable {
    var message: String

    init(_ message: String) {
        self.message = message
    }
}

/// Reads the named fields of one of the archive's own documents, strictly: the right type, valid UTF-8, and no field
/// twice (readers disagree on which of the two counts).
struct FieldReader {
    private let document: BSONDocument
    private var fields: [String: RawElement] = [:]

    init(_ document: BSONDocument, known: Set<String>, refusingOthers: Bool = false) throws(FieldError) {
        self.document = document
        for element in document.rawElements {
            let name = document.name(of: element)
            guard known.contains(name) else {
                guard !refusingOthers else { throw FieldError("has the unknown field '\(name)'") }
                continue
            }
            guard fields.updateValue(element, forKey: name) == nil else {
                throw FieldError("has the field '\(name)' twice")
            }
        }
    }

    func string(_ name: String) throws(FieldError) -> String? {
        guard let element = fields[name] else { return nil }
        guard element.type == 0x02 else { throw FieldError("field '\(name)' is not a string") }
        let range = (element.value.lowerBound + 4)..<(element.value.upperBound - 1)
        guard let text = String(validating: document.bytes[range], as: UTF8.self) else {
            throw FieldError("field '\(name)' is not UTF-8")
        }
        return text
    }

    func int32(_ name: String) throws(FieldError) -> Int32? {
        guard let value = value(name) else { return nil }
        guard let number = value.asInt64.flatMap({ Int32(exactly: $0) }) else {
            throw FieldError("field '\(name)' is not a 32-bit number")
        }
        return number
    }

    func number(_ name: String) throws(FieldError) -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.asDouble else { throw FieldError("field '\(name)' is not a number") }
        return number
    }

    func int64(_ name: String) throws(FieldError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .int64(let number) = value else { throw FieldError("field '\(name)' is not an int64") }
        return number
    }

    func bool(_ name: String) throws(FieldError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else { throw FieldError("field '\(name)' is not a boolean") }
        return flag
    }

    private func value(_ name: String) -> BSONValue? { fields[name].map { document.value(of: $0) } }

    /// The fields "db" and "collection". An empty database is legal for the oplog alone.
    func namespace() throws(FieldError) -> Namespace {
        guard let database = try string("db") else { throw FieldError("has no field 'db'") }
        guard let collection = try string("collection") else { throw FieldError("has no field 'collection'") }
        let namespace = Namespace(database: database, collection: collection)
        if let problem = namespace.problemInArchive { throw FieldError(problem) }
        return namespace
    }
}

extension Namespace {
    /// The oplog's place in an archive.
    package static let oplog = Namespace(database: "", collection: "oplog")

    /// Why an archive cannot hold this name, or nil. The server forbids these too.
    var problemInArchive: String? {
        if self == .oplog { return nil }
        if database.isEmpty { return "has an empty database name" }
        if collection.isEmpty { return "has an empty collection name" }
        if database.utf8.contains(0) || collection.utf8.contains(0) { return "has a zero byte in its name" }
        if database.utf8.contains(UInt8(ascii: ".")) { return "has a dot in its database name" }
        return nil
    }

    /// Users and roles, of the whole server or of one database: complete before the first ordinary namespace.
    package var isUsersOrRoles: Bool {
        let names = ["system.users", "system.roles", "system.version"]
        if database == "admin", names.contains(collection) { return true }
        return names.contains { collection == "$admin." + $0 }
    }
}
