internal import BackupModel
internal import MongoArchive

extension MongoConnection {
    /// Asks the server what it is; the first use of a connection, so it is here that an unreachable server shows.
    func describe() throws -> ServerDescription {
        let hello = try run(["hello": 1], on: "admin", falling: ["isMaster": 1], to: "connect")
        let build = try run(["buildInfo": 1], on: "admin", to: "ask for the version of the server")
        let isRouter = hello["msg"]?.stringValue == "isdbgrid"
        let set = hello["setName"]?.stringValue
        return ServerDescription(
            version: build["version"]?.stringValue ?? "unknown", fcv: isRouter ? nil : compatibilityVersion(),
            topology: isRouter ? .sharded : set == nil ? .standalone : .replicaSet, replicaSet: set,
            host: hello["me"]?.stringValue ?? uri.hosts.first ?? "")
    }

    private func run(
        _ command: BSONDocument, on database: String, falling back: BSONDocument, to action: String
    ) throws -> BSONDocument {
        do {
            return try run(command, on: database)
        } catch let error as ServerError where error.code == ServerCode.commandNotFound {
            return try run(back, on: database, to: action)
        } catch let error as ServerError {
            throw error.backupError(action, uri: uri)
        }
    }

    // Needs a privilege that a backup does not.
    private func compatibilityVersion() -> String? {
        let command: BSONDocument = ["getParameter": 1, "featureCompatibilityVersion": 1]
        guard let value = (try? run(command, on: "admin"))?["featureCompatibilityVersion"] else { return nil }
        return value.documentValue?["version"]?.stringValue ?? value.stringValue
    }
}
