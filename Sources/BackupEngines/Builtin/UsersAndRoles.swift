internal import BackupModel
internal import MongoArchive

/// Brings users and roles into the server the only way there is: they are laid into two collections that the server
/// then merges. Users and roles that exist stay as they are; none is ever dropped.
struct UsersAndRoles {
    // The names that the role `restore` may use.
    static let temporaryUsers = Namespace(database: "admin", collection: "tempusers")
    static let temporaryRoles = Namespace(database: "admin", collection: "temproles")

    let connection: MongoConnection
    let tally: RestoreTally
    /// Of the archive's documents; nil when it has none.
    var archivedVersion: Int64?
    /// By the index of their namespace.
    private var names: [Int: [Name]] = [:]

    private struct Name {
        var name: String
        var database: String
    }

    init(connection: MongoConnection, tally: RestoreTally) {
        self.connection = connection
        self.tally = tally
    }

    /// Notes one that is on its way into the temporary collection.
    mutating func note(_ document: BSONDocument, index: Int) {
        let name = document["user"]?.stringValue ?? document["role"]?.stringValue ?? ""
        names[index, default: []].append(Name(name: name, database: document["db"]?.stringValue ?? ""))
    }

    /// Removes what an earlier restore may have left.
    func clear() throws { try Self.clear(on: connection) }

    static func clear(on connection: MongoConnection) throws {
        for place in [Self.temporaryUsers, Self.temporaryRoles] {
            do {
                _ = try connection.run(["drop": .string(place.collection)], on: "admin", as: .write)
            } catch let error as ServerError where error.code == ServerCode.namespaceNotFound {
                continue
            }
        }
    }

    func merge(_ targets: [RestoreTarget]) throws {
        let indices = targets.indices.filter { [.users, .roles].contains(targets[$0].role) }
        guard let first = indices.first else { return }
        let counts = tally.namespaces
        let filled = indices.filter { counts[$0].restored > 0 }
        guard !filled.isEmpty else { return }
        if let problem = versionProblem(isOfDatabase: targets[first].namespace.database != "admin") {
            for index in filled { fail(index, counts[index].restored, problem) }
            return
        }
        for index in filled { try countKept(index, isUsers: targets[index].role == .users) }
        let database = targets[first].namespace.database
        var command = BSONBuilder()
        command.append("_mergeAuthzCollections", 1)
        for index in filled {
            let isUsers = targets[index].role == .users
            command.append(
                isUsers ? "tempUsersCollection" : "tempRolesCollection", .string(targets[index].place.description))
        }
        command.append("drop", false)
        // "" means those of every database.
        command.append("db", .string(database == "admin" ? "" : database))
        _ = try connection.run(command.build(), on: "admin", as: .write)
    }

    private func fail(_ index: Int, _ count: Int64, _ problem: String) {
        tally.add(index, restored: -count, failed: count)
        tally.add(error: problem, to: index)
    }

    /// Those that exist already will stay as they are. Asked in the way that the role `restore` allows.
    private func countKept(_ index: Int, isUsers: Bool) throws {
        var kept: [String] = []
        let wanted = names[index] ?? []
        for start in stride(from: 0, to: wanted.count, by: 500) {
            let some = wanted[start..<min(start + 500, wanted.count)].map { name -> BSONValue in
                [isUsers ? "user" : "role": .string(name.name), "db": .string(name.database)]
            }
            let reply = try connection.run([isUsers ? "usersInfo" : "rolesInfo": .array(some)], on: "admin")
            kept += (reply[isUsers ? "users" : "roles"]?.arrayValues ?? []).compactMap(\.documentValue).map {
                "\($0["db"]?.stringValue ?? "").\($0[isUsers ? "user" : "role"]?.stringValue ?? "")"
            }
        }
        guard !kept.isEmpty else { return }
        tally.add(index, restored: -Int64(kept.count), kept: Int64(kept.count))
        let shown = kept.prefix(5).map { "'\($0.escapedForDisplay)'" }.joined(separator: ", ")
        let more = kept.count > 5 ? " and \(kept.count - 5) more" : ""
        tally.warn("\(isUsers ? "users" : "roles") that exist were left as they are: \(shown)\(more)")
    }

    /// Why users of the archive's schema cannot be merged into this server, or nil.
    private func versionProblem(isOfDatabase: Bool) -> String? {
        let reply = try? connection.run(["getParameter": 1, "authSchemaVersion": 1], on: "admin")
        // Servers since 8.1 have only one version left and do not say it.
        let server = reply?["authSchemaVersion"]?.asInt64 ?? 5
        guard let archived = archivedVersion ?? (isOfDatabase ? 3 : nil) else {
            return "the archive does not say which version of the authentication schema its users have"
        }
        let fits: [[Int64]] = [[3, 5], [5, 5], [3, 3], [1, 1], [1, 3]]
        return fits.contains([archived, server])
            ? nil
            : "users of authentication schema \(archived) cannot be restored into a server with schema \(server)"
    }
}
